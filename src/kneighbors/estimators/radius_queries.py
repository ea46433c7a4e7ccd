# SPDX-License-Identifier: Apache-2.0
"""Queries for all rows within a radius, which the estimators that have ``radius`` offer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .. import pipeline
from ..errors import ParameterError, ParameterTypeError
from ..parameters import PARAMETERS
from ..threads import resolve_threads
from .base import NeighborsEstimator
from .graphs import check_mode, neighbors_graph

__all__ = ["RadiusNeighborsEstimator"]


class RadiusNeighborsEstimator(NeighborsEstimator):
    """Base of the estimators that ask for all rows within a radius; not for use by itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "radius": [*PARAMETERS["radius"].allowed, None],
        **NeighborsEstimator._parameter_constraints,
    }

    def _radius(self) -> float:
        """The constructor's radius, which must be there."""
        return float(_radii(self.radius, 0))

    def radius_neighbors(
        self,
        X: Any = None,
        radius: Any = None,
        return_distance: bool = True,
        sort_results: bool = False,
        *,
        among: Any = None,
    ) -> Any:
        """All rows within a radius of each query, its edge included.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None, default=None
            Queries; None is leave-one-out: each fitted row asks, and its own id does not answer.
        radius : float, array of shape (n_queries,) or None, default=None
            In the metric's unit; None takes the constructor's. An array gives each query its own.
        return_distance : bool, default=True
        sort_results : bool, default=False
            Results are always sorted, nearest first and ties by the lower id; as in scikit-learn, True is
            refused without ``return_distance``.
        among : array-like of bool of shape (n_samples_fit_,), array-like of int, or None, default=None
            Which rows may answer: a mask, or ids. None: all. Ids of rows that were not kept, or were removed,
            are passed over.

        Returns
        -------
        neigh_dist : object ndarray of shape (n_queries,) of float64 arrays
            Only if ``return_distance``.
        neigh_ind : object ndarray of shape (n_queries,) of int64 arrays

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> model = NearestNeighbors(radius=1.6).fit([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [1.0, 1.0, 0.5]])
        >>> distances, ids = model.radius_neighbors([[1.0, 1.0, 1.0]])
        >>> distances[0], ids[0]
        (array([0.5, 1.5]), array([2, 1]))
        """
        check_is_fitted(self, "_model")
        if sort_results and not return_distance:
            raise ParameterError("return_distance must be True if sort_results is True.")
        offsets, distances, ids = self._within(X, radius, among)
        found = _split(ids, offsets)
        return (_split(distances, offsets), found) if return_distance else found

    def radius_neighbors_graph(
        self, X: Any = None, radius: Any = None, mode: str = "connectivity", sort_results: bool = False
    ) -> Any:
        """The graph that joins each query to all rows within a radius.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None, default=None
            As for ``radius_neighbors``.
        radius : float, array of shape (n_queries,) or None, default=None
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether an edge holds 1 or the distance.
        sort_results : bool, default=False
            Edges are always stored nearest first.

        Returns
        -------
        A : sparse CSR of shape (n_queries, n_samples_fit)

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> model = NearestNeighbors(radius=1.5).fit([[0], [3], [1]])
        >>> model.radius_neighbors_graph([[0], [3], [1]]).toarray()
        array([[1., 0., 1.],
               [0., 1., 0.],
               [1., 0., 1.]])
        """
        check_is_fitted(self, "_model")
        check_mode(mode)
        offsets, distances, ids = self._within(X, radius)
        values = distances if mode == "distance" else np.ones(ids.shape)
        return neighbors_graph(values, ids, offsets, self.n_samples_fit_)

    def _within(
        self, X: Any, radius: Any, among: Any = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        queries = self._queries(X)
        model = self._model
        n_queries = model.n_kept if queries is None else queries.shape[0]
        limits = _radii(self.radius if radius is None else radius, n_queries)
        widest = float(limits.max()) if limits.size else 0.0
        offsets, distances, ids = pipeline.neighbors_within(
            model, queries, widest, among=among, n_threads=resolve_threads(self.n_jobs)
        )
        if limits.ndim == 0:
            return offsets, distances, ids
        inside = distances <= np.repeat(limits, np.diff(offsets))
        kept = np.concatenate([[0], np.cumsum(inside)])[offsets]
        return kept, distances[inside], ids[inside]


def _radii(radius: Any, n_queries: int) -> NDArray[np.float64]:
    if radius is None:
        raise ParameterError("radius is None. Give it here or to the constructor.")
    if isinstance(radius, (bool, str)):
        raise ParameterTypeError(f"radius must be a number. Got {radius!r}.")
    try:
        limits = np.asarray(radius, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterTypeError(f"radius must be a number, or one per query. Got {radius!r}.") from None
    if limits.ndim > 0 and limits.shape != (n_queries,):
        raise ParameterError(
            f"radius has shape {limits.shape}; a number or one per query, ({n_queries},), is expected."
        )
    if np.isnan(limits).any():
        raise ParameterError("radius is NaN, which no distance can be compared with.")
    return limits


def _split(values: NDArray[Any], offsets: NDArray[np.int64]) -> NDArray[np.object_]:
    """An object array of one array per query, also where all have the same length."""
    parts = np.empty(len(offsets) - 1, dtype=object)
    for place in range(len(parts)):
        parts[place] = values[offsets[place] : offsets[place + 1]]
    return parts
