# SPDX-License-Identifier: Apache-2.0
"""What all estimators share: parameters, fitting, saving, and what scikit-learn asks.

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
from .inputs import check_rows

__all__ = ["NeighborsEstimator"]


class NeighborsEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators; not for use by itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **constraints("algorithm", "leaf_size", "metric", "p", "metric_params", "n_jobs", "random_state"),
        "metric": [
            *PARAMETERS["metric"].allowed,
            HasMethods("pairwise"),
        ],  # scikit-learn's DistanceMetric objects
    }
    _model: pipeline.Model

    # --- what subclasses call

    def _check_parameters(self) -> None:
        """Refuse settings outside their range, with scikit-learn's message and this library's exceptions."""
        if isinstance(getattr(self, "n_neighbors", None), (bool, np.bool_)):
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
        parameters = {"n_neighbors": None, **self.get_params(deep=False)}  # a model of a radius has no k
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

    def _priors(self) -> list[NDArray[np.float64]] | None:
        return None

    # --- what users call

    def memory_estimate(self, n_rows: int, n_columns: int, dtype: Any = np.float32) -> int:
        """Bytes that a model of this shape will hold beyond its rows, before it is fitted.

        Parameters
        ----------
        n_rows, n_columns : int
        dtype : dtype, default=numpy.float32
            Of the rows. A tree copies them; the codes of a scan take a byte whatever the rows are.

        Returns
        -------
        int
            What a fitted model's index reports; about four times as much for rows that codes cannot tell
            apart, which take float32. The rows themselves are kept by reference and not counted.

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> NearestNeighbors(metric="correlation").memory_estimate(1000, 16)
        0
        """
        return pipeline.memory_estimate(self._settings(), int(n_rows), int(n_columns), np.dtype(dtype))

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
    def algorithm_reason_(self) -> str:
        """Why this kind of index answers: what ``algorithm="auto"`` found, or that it was asked for."""
        check_is_fitted(self, "_model")
        return self._model.algorithm_reason

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

    @property
    def _labels(self) -> Labels:
        check_is_fitted(self, "_model")
        assert self._model.labels is not None
        return self._model.labels

    @property
    def _y(self) -> NDArray[Any]:
        return self._labels.raveled

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = tags.input_tags.positive_only = self.metric == "precomputed"
        tags.input_tags.allow_nan = self.metric == "nan_euclidean"
        return tags
