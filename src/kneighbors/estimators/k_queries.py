# SPDX-License-Identifier: Apache-2.0
"""Queries for the k nearest rows, which the estimators that have ``n_neighbors`` offer."""

from __future__ import annotations

import numbers
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import pipeline
from ..errors import ParameterError, ParameterTypeError
from ..parameters import constraints
from ..threads import resolve_threads
from .base import NeighborsEstimator
from .graphs import check_mode, neighbors_graph

__all__ = ["KNeighborsEstimator"]


class KNeighborsEstimator(NeighborsEstimator):
    """Base of the estimators that ask for the k nearest rows; not for use by itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **constraints("n_neighbors"),
        **NeighborsEstimator._parameter_constraints,
    }

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

    def kneighbors(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
        *,
        pad: bool = False,
        among: Any = None,
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
        among : array-like of bool of shape (n_samples_fit_,), array-like of int, or None, default=None
            Which rows may answer: a mask, or ids. None: all. Ids of rows that were not kept, or were removed,
            are passed over.

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
            More neighbours asked for than rows can answer: n_samples_fit_, or one fewer where X is None, or
            those in ``among``.
        NotFittedError
            Asked before fit.

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> model = NearestNeighbors(n_neighbors=1).fit([[0.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
        >>> model.kneighbors([[1.0, 2.0]])
        (array([[1.]]), array([[1]]))
        >>> model.kneighbors([[1.0, 2.0]], among=[0, 2], return_distance=False)
        array([[2]])
        """
        queries = self._queries(X)
        k = self._k(n_neighbors)
        model = self._model
        if pad and among is not None:
            raise ParameterError("pad and among cannot be combined: ask for as many as may answer.")
        available = model.n_kept - (queries is None)
        reached = min(k, available) if pad else k
        n_threads = resolve_threads(self.n_jobs)
        if reached == 0:
            n_queries = model.n_kept if queries is None else queries.shape[0]
            distances, ids = np.empty((n_queries, 0)), np.empty((n_queries, 0), dtype=np.int64)
        else:
            distances, ids = pipeline.neighbors(model, queries, reached, among=among, n_threads=n_threads)
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
