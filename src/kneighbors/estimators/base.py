# SPDX-License-Identifier: Apache-2.0
"""What all four estimators share: parameters, fitting, neighbour queries, graphs, saving.

An estimator parses and formats; every decision about neighbours and votes is the pipeline's.
"""

from __future__ import annotations

import numbers
import os
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from .. import pipeline
from ..errors import ParameterError, ParameterTypeError
from ..labels import Labels
from ..parameters import PARAMETERS, constraints
from ..settings import Settings
from ..threads import resolve_threads
from .graphs import neighbors_graph
from .inputs import check_rows

__all__ = ["NeighborsEstimator", "check_mode"]


class NeighborsEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators; not for use by itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **constraints(
            "n_neighbors", "algorithm", "leaf_size", "metric", "p", "metric_params", "n_jobs", "random_state"
        ),
        "metric": [
            *PARAMETERS["metric"].allowed,
            HasMethods("pairwise"),
        ],  # scikit-learn's DistanceMetric objects
    }
    _model: pipeline.Model

    # --- what subclasses call

    def _check_parameters(self) -> None:
        """Refuse settings outside their range, with scikit-learn's message and this library's exceptions."""
        if isinstance(self.n_neighbors, (bool, np.bool_)):
            raise ParameterTypeError(
                f"The 'n_neighbors' parameter of {type(self).__name__} must be an int in the range [1, inf). "
                f"Got {self.n_neighbors!r} instead."
            )
        try:
            self._validate_params()
        except InvalidParameterError as error:
            name = str(error).split("'")[1]
            is_number = isinstance(getattr(self, name), numbers.Real)
            kind = ParameterError if is_number or isinstance(getattr(self, name), str) else ParameterTypeError
            if name in ("n_neighbors", "leaf_size", "n_jobs") and not isinstance(
                getattr(self, name), numbers.Integral
            ):
                kind = ParameterTypeError
            raise kind(str(error)) from None
        resolve_threads(self.n_jobs)

    def _settings(self) -> Settings:
        parameters = self.get_params(deep=False)
        return Settings(
            **{name: parameters[name] for name in Settings.__dataclass_fields__ if name in parameters}
        )

    def _fit_model(self, rows: Any, labels: Labels | None, sample_weight: NDArray[np.float64] | None) -> None:
        names = getattr(self, "feature_names_in_", None)
        self._adopt(
            pipeline.fit_model(
                rows,
                self._settings(),
                labels=labels,
                sample_weight=sample_weight,
                feature_names=None if names is None else [str(name) for name in names],
                n_threads=resolve_threads(self.n_jobs),
            )
        )

    def _adopt(self, model: pipeline.Model) -> None:
        """Take a fitted or loaded model, and show it by scikit-learn's attributes."""
        self._model = model
        self.effective_metric_ = model.metric.effective
        self.effective_metric_params_ = dict(model.metric.params)
        self.n_features_in_ = model.n_features if model.metric.formula != "precomputed" else model.n_rows_seen
        self.n_samples_fit_ = model.n_rows_seen
        if model.feature_names is not None:
            self.feature_names_in_ = np.array(model.feature_names, dtype=object)

    def _queries(self, X: Any) -> Any | None:
        """Checked queries; None stays None: the fitted rows themselves, each without itself."""
        check_is_fitted(self, "_model")
        return None if X is None else check_rows(self, X, reset=False)

    def _k(self, n_neighbors: Any = None) -> int:
        """The neighbours to ask for: the argument, or else the parameter."""
        value = self.n_neighbors if n_neighbors is None else n_neighbors
        if value is None:
            raise ParameterError("n_neighbors is None. Give it here or to the constructor.")
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            raise ParameterTypeError(f"n_neighbors does not take {type(value)} value, enter integer value")
        if value <= 0:
            raise ParameterError(f"Expected n_neighbors > 0. Got {value}")
        if not isinstance(value, numbers.Integral):
            raise ParameterTypeError(f"n_neighbors does not take {type(value)} value, enter integer value")
        return int(value)

    def _answer(self, X: Any, *, probabilities: bool = False) -> pipeline.Answers:
        """Everything that one search for the queries tells: neighbours, their labels, the vote."""
        queries = self._queries(X)
        return pipeline.answer(
            self._model,
            queries,
            self._k(),
            weights=getattr(self, "weights", "uniform"),
            priors=self._priors(),
            probabilities=probabilities,
            n_threads=resolve_threads(self.n_jobs),
        )

    def _priors(self) -> list[NDArray[np.float64]] | None:
        return None

    # --- what users call

    def kneighbors(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
        *,
        pad: bool = False,
    ) -> Any:
        """Find the nearest rows of each query.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or (n_queries, n_samples_fit) if \
metric="precomputed", or None, default=None
            Queries. None is leave-one-out: each fitted row asks, and its own id does not answer (another
            row equal to it does, at distance 0).
        n_neighbors : int or None, default=None
            Neighbours per query; None takes the constructor's.
        return_distance : bool, default=True
        pad : bool, default=False
            What happens when fewer rows can answer than were asked for: an error, or, with True, padding.
            Padded places have distance ``inf`` and the id ``n_samples_fit_``, one past the last row, as in
            scipy's trees.

        Returns
        -------
        neigh_dist : ndarray of shape (n_queries, n_neighbors), float64
            Nearest first, in the metric's unit (Euclidean distances are not squared). Only if
            ``return_distance``.
        neigh_ind : ndarray of shape (n_queries, n_neighbors), int64
            Row numbers of the X given to fit; among equal distances the lower comes first.

        Raises
        ------
        ParameterError
            More neighbours asked for than rows can answer: n_samples_fit_, or one fewer where X is None.
        NotFittedError
            Asked before fit.

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> model = NearestNeighbors(n_neighbors=1).fit([[0.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
        >>> model.kneighbors([[1.0, 2.0]])
        (array([[1.]]), array([[1]]))
        """
        queries = self._queries(X)
        k = self._k(n_neighbors)
        available = self._model.n_kept - (queries is None)
        reached = min(k, available) if pad else k
        n_threads = resolve_threads(self.n_jobs)
        if reached == 0:
            n_queries = self._model.n_kept if queries is None else queries.shape[0]
            distances, ids = np.empty((n_queries, 0)), np.empty((n_queries, 0), dtype=np.int64)
        else:
            distances, ids = pipeline.neighbors(self._model, queries, reached, n_threads=n_threads)
        if reached < k:
            missing = ((0, 0), (0, k - reached))
            distances = np.pad(distances, missing, constant_values=np.inf)
            ids = np.pad(ids, missing, constant_values=self.n_samples_fit_)
        return (distances, ids) if return_distance else ids

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity"
    ) -> Any:
        """The graph that joins each query to its nearest rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None, default=None
            Queries; None is leave-one-out, as in ``kneighbors``.
        n_neighbors : int or None, default=None
            None takes the constructor's.
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether an edge holds 1 or the distance.

        Returns
        -------
        A : sparse CSR of shape (n_queries, n_samples_fit)
            Each row holds its neighbours nearest first. A distance of 0 is stored.

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> NearestNeighbors(n_neighbors=1).fit([[0], [3], [4]]).kneighbors_graph().toarray()
        array([[0., 1., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
        """
        check_is_fitted(self, "_model")
        check_mode(mode)
        distances, ids = self.kneighbors(X, n_neighbors)
        offsets = np.arange(0, ids.size + 1, ids.shape[1], dtype=np.int64)
        values = distances if mode == "distance" else np.ones(ids.shape)
        return neighbors_graph(values.ravel(), ids.ravel(), offsets, self.n_samples_fit_)

    def memory_estimate(self, n_rows: int, n_columns: int, dtype: Any = np.float32) -> int:
        """Bytes that a model of this shape will hold beyond its rows, before it is fitted.

        Parameters
        ----------
        n_rows, n_columns : int
        dtype : dtype, default=numpy.float32
            Of the rows. The screening copy holds byte codes whatever the rows are, so this changes nothing.

        Returns
        -------
        int
            What a fitted model's index reports; about four times as much for rows that codes cannot tell
            apart, which take float32. The rows themselves are kept by reference and not counted.

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> NearestNeighbors(metric="manhattan").memory_estimate(1000, 16)
        0
        """
        np.dtype(dtype)
        return pipeline.memory_estimate(self._settings(), int(n_rows), int(n_columns))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as a folder of three files, in one step; what stood there before is replaced whole.

        Parameters
        ----------
        path : str or os.PathLike
            The folder. ``kneighbors.load(path)`` reads it back and answers bit for bit the same.

        Raises
        ------
        NotFittedError
            There is nothing to save yet.
        ParameterError
            The metric or the weights are functions, which files cannot hold.
        SaveError
            The operating system refused; what stood at ``path`` still stands there.
        """
        from .. import model_files

        check_is_fitted(self, "_model")
        self._check_parameters()
        model_files.write(path, pipeline.to_contents(self._model, self._settings()))

    # --- what scikit-learn asks

    @property
    def _fit_method(self) -> str:
        """How neighbours are found, by scikit-learn's words."""
        check_is_fitted(self, "_model")
        return self._model.algorithm

    @property
    def _fit_X(self) -> Any:
        check_is_fitted(self, "_model")
        return self._model.rows

    @property
    def sample_indices_(self) -> NDArray[np.int64]:
        """Row numbers, in the X given to fit, of the rows that were kept; ``predict(None)`` answers for
        these.
        """
        check_is_fitted(self, "_model")
        return self._model.ids(np.arange(self._model.n_kept, dtype=np.int64))

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = tags.input_tags.positive_only = self.metric == "precomputed"
        tags.input_tags.allow_nan = self.metric == "nan_euclidean"
        return tags


def check_mode(mode: Any) -> None:
    if not isinstance(mode, str) or mode not in ("connectivity", "distance"):
        raise ParameterError(
            f'Unsupported mode, must be one of "connectivity", or "distance" but got "{mode}" instead'
        )
