# SPDX-License-Identifier: Apache-2.0
"""RadiusNeighborsTransformer: rows to their graph of all neighbours within a radius."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .inputs import check_rows
from .radius_queries import RadiusNeighborsEstimator

__all__ = ["RadiusNeighborsTransformer"]


class RadiusNeighborsTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RadiusNeighborsEstimator):  # type: ignore[misc]
    """Turn rows into the sparse graph of all fitted rows within a radius; a drop-in for scikit-learn's class.

    A saved transformer is a model without labels: ``kneighbors.load`` gives back a NearestNeighbors over
    the same rows and with the same radius, whose ``radius_neighbors_graph`` draws the same graph.

    Parameters
    ----------
    mode : {"distance", "connectivity"}, default="distance"
        Whether an edge holds the distance or 1.
    radius : float, default=1.0
        How far a row looks, in the metric's unit.
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
        Seed of randomness that is ours; the exact search has none.

    Attributes
    ----------
    effective_metric_ : str or callable
        The metric used: "euclidean" where ``metric="minkowski"`` and ``p=2``.
    effective_metric_params_ : dict
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where X had column names that are all strings.
    n_samples_fit_ : int
        Rows given to fit, and columns of the graph.

    Examples
    --------
    >>> from kneighbors import RadiusNeighborsTransformer
    >>> RadiusNeighborsTransformer(radius=1.5).fit_transform([[0.0], [1.0], [3.0]]).toarray()
    array([[0., 1., 0.],
           [1., 0., 0.],
           [0., 0., 0.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RadiusNeighborsEstimator._parameter_constraints,
        "mode": [StrOptions({"distance", "connectivity"})],
    }

    def __init__(
        self,
        *,
        mode: str = "distance",
        radius: float | None = 1.0,
        algorithm: Any = "auto",
        leaf_size: int = 30,
        metric: Any = "minkowski",
        p: float | None = 2,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.mode = mode
        self.radius = radius
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> RadiusNeighborsTransformer:
        """Take the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or (n_samples, n_samples) if \
metric="precomputed"
            A C-contiguous float32 or float64 array is kept by reference: do not write into it afterwards.
        y : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        RadiusNeighborsTransformer
            The estimator itself.
        """
        self._check_parameters()
        self._fit_model(check_rows(self, X, reset=True), None, None)
        self._n_features_out = self.n_samples_fit_
        return self

    def transform(self, X: Any) -> Any:
        """The graph from the rows of X to the fitted rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features)

        Returns
        -------
        Xt : sparse CSR of shape (n_queries, n_samples_fit)
            Each row holds its edges nearest first; a fitted row has one to itself.
        """
        check_is_fitted(self, "_model")
        return self.radius_neighbors_graph(X, mode=self.mode)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, then the graph of the same rows; each row's edge to itself is stored.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : Ignored

        Returns
        -------
        Xt : sparse CSR of shape (n_samples, n_samples)
        """
        return self.fit(X).transform(X)
