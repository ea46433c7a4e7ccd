# SPDX-License-Identifier: Apache-2.0
"""NearestNeighbors: which rows are near, without labels."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .. import pipeline
from ..errors import ParameterError, ParameterTypeError
from ..parameters import PARAMETERS, constraints
from ..threads import resolve_threads
from .base import NeighborsEstimator, check_mode
from .graphs import neighbors_graph
from .inputs import check_rows

__all__ = ["NearestNeighbors"]


class NearestNeighbors(NeighborsEstimator):
    """The k nearest rows, or all rows within a radius; a drop-in for scikit-learn's class of the same name.

    Neighbours are exact and ordered by (float64 distance, row id).

    Parameters
    ----------
    n_neighbors : int or None, default=5
    radius : float or None, default=1.0
        How far ``radius_neighbors`` looks, in the metric's unit.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"} or index object, default="auto"
        Every choice is exact and gives the same answers; an index object says which kind to use.
    leaf_size : int, default=30
        Rows in a leaf of a tree; never changes an answer.
    metric : str, callable or DistanceMetric, default="minkowski"
        scikit-learn's and scipy's names, "inner_product", "precomputed", or a function of two rows.
    p : float, default=2
        Power of the Minkowski metric.
    metric_params : dict or None, default=None
        Further arguments of the metric.
    n_jobs : int or None, default=None
        Threads. None and -1: every core this process may use (affinity, control group, OMP_NUM_THREADS,
        threadpoolctl); -2: all but one.
    random_state : int, RandomState instance or None, default=0
        Seed of the sample and of the random reductions; the exact search has no randomness.
    sample_size : int or None, default=None
        Rows kept of those given to fit, drawn by ``random_state``; None keeps all. Ids stay row numbers of X.
    scale : {"standard", "minmax", "robust", "unit"} or None, default=None
        How columns are made comparable before distances are measured; learned from the kept rows.
    reduce : {"sign", "fjlt", "pca", "select"} or None, default=None
        How columns are made fewer, after scaling: random signs, the fast Johnson-Lindenstrauss transform,
        PCA, or selection.
    reduce_dim : int or None, default=None
        Columns after ``reduce``; given exactly when ``reduce`` is.

    Attributes
    ----------
    effective_metric_ : str or callable
        The metric used: "euclidean" where ``metric="minkowski"`` and ``p=2``.
    effective_metric_params_ : dict
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where X had column names that are all strings.
    n_samples_fit_ : int
        Rows given to fit.

    Examples
    --------
    >>> from kneighbors import NearestNeighbors
    >>> model = NearestNeighbors(n_neighbors=2).fit([[0, 0, 2], [1, 0, 0], [0, 0, 1]])
    >>> model.kneighbors([[0, 0, 1.3]], return_distance=False)
    array([[2, 0]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeighborsEstimator._parameter_constraints,
        **constraints("sample_size", "scale", "reduce", "reduce_dim"),
        "n_neighbors": [*PARAMETERS["n_neighbors"].allowed, None],
        "radius": [*PARAMETERS["radius"].allowed, None],
    }

    def __init__(
        self,
        *,
        n_neighbors: int | None = 5,
        radius: float | None = 1.0,
        algorithm: Any = "auto",
        leaf_size: int = 30,
        metric: Any = "minkowski",
        p: float | None = 2,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        random_state: Any = 0,
        sample_size: int | None = None,
        scale: str | None = None,
        reduce: str | None = None,
        reduce_dim: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.sample_size = sample_size
        self.scale = scale
        self.reduce = reduce
        self.reduce_dim = reduce_dim

    def fit(self, X: Any, y: Any = None) -> NearestNeighbors:
        """Take the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or (n_samples, n_samples) if \
metric="precomputed"
            float16 and float32 are taken as float32, float64 and integers as float64. A C-contiguous
            float32 or float64 array is kept by reference: do not write into it afterwards.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        NearestNeighbors
            The estimator itself.
        """
        self._check_parameters()
        self._fit_model(check_rows(self, X, reset=True), None, None)
        return self

    def radius_neighbors(
        self, X: Any = None, radius: Any = None, return_distance: bool = True, sort_results: bool = False
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
        offsets, distances, ids = self._within(X, radius)
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
        self, X: Any, radius: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        queries = self._queries(X)
        n_queries = self._model.n_kept if queries is None else queries.shape[0]
        limits = _radii(self.radius if radius is None else radius, n_queries)
        widest = float(limits.max()) if limits.size else 0.0
        offsets, distances, ids = pipeline.neighbors_within(
            self._model, queries, widest, n_threads=resolve_threads(self.n_jobs)
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
