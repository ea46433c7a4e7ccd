# SPDX-License-Identifier: Apache-2.0
"""NearestNeighbors: which rows are near, without labels."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..parameters import PARAMETERS, constraints
from .growing import GrowingEstimator
from .inputs import check_rows
from .k_queries import KNeighborsEstimator
from .radius_queries import RadiusNeighborsEstimator

__all__ = ["NearestNeighbors"]


class NearestNeighbors(KNeighborsEstimator, RadiusNeighborsEstimator, GrowingEstimator):
    """The k nearest rows, or all rows within a radius; a drop-in for scikit-learn's class of the same name.

    Neighbours are exact and ordered by (float64 distance, row id).

    Parameters
    ----------
    n_neighbors : int or None, default=5
    radius : float or None, default=1.0
        How far ``radius_neighbors`` looks, in the metric's unit.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute", "hnsw"} or index object, default="auto"
        All give the same, exact answers but "hnsw", which may miss a neighbour; an index object is a kind to
        use, with its settings.
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
        **KNeighborsEstimator._parameter_constraints,
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

    def add_rows(self, X: Any) -> NDArray[np.int64]:
        """Take more rows, without fitting again; searches may run meanwhile.

        Scales and the reduction stay as they were fitted, and all rows are kept, also where fit drew a
        sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_added, n_features)
            Of the type that was fitted, or float32 where that was float64.

        Returns
        -------
        ids : ndarray of shape (n_added,), int64
            They go on from ``n_samples_fit_``.

        Raises
        ------
        DataError
            Rows that do not go with those fitted; nothing is added.
        ParameterError
            metric="precomputed".

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> model = NearestNeighbors(n_neighbors=1).fit([[0.0], [1.0]])
        >>> model.add_rows([[5.0], [6.0]])
        array([2, 3])
        >>> model.kneighbors([[7.0]], return_distance=False)
        array([[3]])
        """
        check_is_fitted(self, "_model")
        return self._add(check_rows(self, X, reset=False), None, None)
