# SPDX-License-Identifier: Apache-2.0
"""KNeighborsClassifier: the vote of the nearest rows on a label."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import pipeline
from ..parameters import constraints
from ..threads import resolve_threads
from .voters import ClassVoter, KVoter

__all__ = ["KNeighborsClassifier"]


class KNeighborsClassifier(ClassVoter, KVoter):
    """Classify by the vote of the k nearest rows; a drop-in for scikit-learn's class of the same name.

    Neighbours are exact and ordered by (float64 distance, row id). A tied vote goes to the smallest label.
    Answers do not depend on ``n_jobs``, on the batch, or on the machine's instruction set.

    Parameters
    ----------
    n_neighbors : int, default=5
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        What a neighbour's vote counts: 1, or 1/distance (where some distance is 0, those count 1 and the rest
        nothing), or a function from the distances, of shape (n_queries, n_neighbors), to weights of that
        shape. None is "uniform".
    algorithm : {"auto", "ball_tree", "kd_tree", "brute", "hnsw"} or index object, default="auto"
        All give the same, exact answers but "hnsw", which may miss a neighbour; an index object is a kind to
        use, with its settings.
    leaf_size : int, default=30
        Rows in a leaf of a tree; never changes an answer.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str, callable or DistanceMetric, default="minkowski"
        scikit-learn's and scipy's names, "inner_product", "precomputed", or a function of two rows.
    metric_params : dict or None, default=None
        Further arguments of the metric.
    n_jobs : int or None, default=None
        Threads. None and -1: every core this process may use (affinity, control group, OMP_NUM_THREADS,
        threadpoolctl); -2: all but one.
    priors : array-like of shape (n_classes,), list of such, or None, default=None
        Positive factors that multiply the votes, in the order of ``classes_``; one array per output where
        there are several. They may be changed after fit.
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
    classes_ : ndarray of shape (n_classes,), or list of such
        Sorted labels of the rows with a positive weight.
    effective_metric_ : str or callable
        The metric used: "euclidean" where ``metric="minkowski"`` and ``p=2``.
    effective_metric_params_ : dict
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where X had column names that are all strings.
    n_samples_fit_ : int
        Rows given to fit.
    sample_indices_ : ndarray of shape (n_kept,)
        Row numbers of those that were kept (weight above 0).
    outputs_2d_ : bool
        Whether y was two-dimensional with more than one column.

    Examples
    --------
    >>> from kneighbors import KNeighborsClassifier
    >>> model = KNeighborsClassifier(n_neighbors=3).fit([[0], [1], [2], [3]], [0, 0, 1, 1])
    >>> model.predict([[1.1]])
    array([0])
    >>> model.predict_proba([[0.9]])
    array([[0.66666667, 0.33333333]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **KVoter._parameter_constraints,
        **constraints("sample_size", "scale", "reduce", "reduce_dim"),
        **constraints("weights", "priors"),
    }

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: Any = "uniform",
        algorithm: Any = "auto",
        leaf_size: int = 30,
        p: float | None = 2,
        metric: Any = "minkowski",
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        priors: Any = None,
        random_state: Any = 0,
        sample_size: int | None = None,
        scale: str | None = None,
        reduce: str | None = None,
        reduce_dim: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.priors = priors
        self.random_state = random_state
        self.sample_size = sample_size
        self.scale = scale
        self.reduce = reduce
        self.reduce_dim = reduce_dim

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> KNeighborsClassifier:
        """Take the rows and their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or (n_samples, n_samples) if \
metric="precomputed"
            float16 and float32 are taken as float32, float64 and integers as float64. A C-contiguous
            float32 or float64 array is kept by reference: do not write into it afterwards.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers, booleans or strings; a column may not mix them.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            With weights, k counts weight: a row of weight 2 is two rows, one of weight 0 is left out, and
            the last neighbour taken is split where the weights pass k.

        Returns
        -------
        KNeighborsClassifier
            The estimator itself.
        """
        self._fit_classes(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels of the queries.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or (n_queries, n_samples_fit) if \
metric="precomputed", or None
            None is leave-one-out: the label of each fitted row by the vote of the others. A row of weight w
            then answers itself with weight w - 1, as its copies would.

        Returns
        -------
        y : ndarray of shape (n_queries,) or (n_queries, n_outputs)
            Of the kind of ``classes_``.
        """
        queries = self._queries(X)
        return pipeline.classify(
            self._model,
            queries,
            self._k(),
            self.weights,
            self._priors(),
            n_threads=resolve_threads(self.n_jobs),
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """Shares of the vote.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            As for ``predict``.

        Returns
        -------
        p : ndarray of shape (n_queries, n_classes), or a list of such for several outputs
            In the order of ``classes_``; each row sums to 1.
        """
        queries = self._queries(X)
        shares = pipeline.class_probabilities(
            self._model,
            queries,
            self._k(),
            self.weights,
            self._priors(),
            n_threads=resolve_threads(self.n_jobs),
        )
        return shares if self.outputs_2d_ else shares[0]

    def explain(self, X: Any = None, *, max_removals: int = 100) -> Any:
        """Why the queries are answered as they are; see ``kneighbors.explain``.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), or None, default=None
            Queries; None is leave-one-out, as in ``predict``.
        max_removals : int, default=100
            The largest set of rows that is looked for to change an answer.

        Returns
        -------
        kneighbors.advise.ClassifierExplanation
        """
        from .. import explain  # the root loads it when it is used: estimators know nothing above them

        return explain(self, X, max_removals=max_removals)
