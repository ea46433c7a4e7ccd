# SPDX-License-Identifier: Apache-2.0
"""KNeighborsTransformer: rows to their graph of neighbours, a step for scikit-learn's pipelines."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .inputs import check_rows
from .k_queries import KNeighborsEstimator

__all__ = ["KNeighborsTransformer"]


class KNeighborsTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, KNeighborsEstimator):  # type: ignore[misc]
    """Turn rows into the sparse graph of their nearest fitted rows; a drop-in for scikit-learn's class of
    that name.

    With ``mode="distance"`` one neighbour more than ``n_neighbors`` is given, because a fitted row is its
    own first neighbour, and estimators that take the graph (``metric="precomputed"``) leave it out.

    A saved transformer is a model without labels: ``kneighbors.load`` gives back a NearestNeighbors over
    the same rows, whose ``kneighbors_graph`` draws the same graph.

    Parameters
    ----------
    mode : {"distance", "connectivity"}, default="distance"
        Whether an edge holds the distance or 1.
    n_neighbors : int, default=5
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
    >>> from kneighbors import KNeighborsTransformer
    >>> KNeighborsTransformer(n_neighbors=1, mode="distance").fit_transform([[0.0], [1.0], [3.0]]).toarray()
    array([[0., 1., 0.],
           [1., 0., 0.],
           [0., 2., 0.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **KNeighborsEstimator._parameter_constraints,
        "mode": [StrOptions({"distance", "connectivity"})],
    }

    def __init__(
        self,
        *,
        mode: str = "distance",
        n_neighbors: int = 5,
        algorithm: Any = "auto",
        leaf_size: int = 30,
        metric: Any = "minkowski",
        p: float | None = 2,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.mode = mode
        self.n_neighbors = n_neighbors
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> KNeighborsTransformer:
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
        KNeighborsTransformer
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
            Each row holds ``n_neighbors`` edges (one more with ``mode="distance"``), nearest first.
        """
        check_is_fitted(self, "_model")
        return self.kneighbors_graph(X, n_neighbors=self._k() + (self.mode == "distance"), mode=self.mode)

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
