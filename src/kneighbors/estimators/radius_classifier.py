# SPDX-License-Identifier: Apache-2.0
"""RadiusNeighborsClassifier: the vote of all rows within a radius on a label."""

from __future__ import annotations

import numbers
import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import pipeline
from ..errors import ParameterError, ParameterTypeError
from ..parameters import constraints
from ..threads import resolve_threads
from .voters import ClassVoter, RadiusVoter

__all__ = ["RadiusNeighborsClassifier"]


class RadiusNeighborsClassifier(ClassVoter, RadiusVoter):
    """Classify by the vote of all rows within a radius; a drop-in for scikit-learn's class of the same name.

    Neighbours are exact, the edge of the radius included. A tied vote goes to the smallest label. Such a
    model has no k and is not saved to a model folder; pickle keeps it.

    Parameters
    ----------
    radius : float, default=1.0
        How far a query looks, in the metric's unit.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        What a neighbour's vote counts: 1, or 1/distance (where some distance is 0, those count 1 and the rest
        nothing), or a function from an object array of one array of distances per query to weights of the
        same shapes. None is "uniform".
    algorithm : {"auto", "ball_tree", "kd_tree", "brute", "hnsw"} or index object, default="auto"
        All give the same, exact answers but "hnsw", which may miss a neighbour; an index object is a kind to
        use, with its settings.
    leaf_size : int, default=30
        Rows in a leaf of a tree; never changes an answer.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str, callable or DistanceMetric, default="minkowski"
        scikit-learn's and scipy's names, "inner_product", "precomputed", or a function of two rows.
    outlier_label : label, "most_frequent", list of such or None, default=None
        What a query without neighbours gets; a list has one for each output. A label that is no class is
        given by ``predict`` with a warning, and has no probability. None refuses such queries.
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
    outlier_label_ : list or None
        What a query without neighbours gets, for each output.
    outputs_2d_ : bool
        Whether y was two-dimensional with more than one column.

    Examples
    --------
    >>> from kneighbors import RadiusNeighborsClassifier
    >>> model = RadiusNeighborsClassifier(radius=1.0, outlier_label="most_frequent")
    >>> model = model.fit([[0], [1], [2], [3]], [0, 0, 1, 1])
    >>> model.predict([[1.5], [9.0]])
    array([0, 0])
    >>> model.predict_proba([[1.0]])
    array([[0.66666667, 0.33333333]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RadiusVoter._parameter_constraints,
        **constraints("priors"),
        "outlier_label": [numbers.Real, np.bool_, str, "array-like", None],
    }

    def __init__(
        self,
        radius: float | None = 1.0,
        *,
        weights: Any = "uniform",
        algorithm: Any = "auto",
        leaf_size: int = 30,
        p: float | None = 2,
        metric: Any = "minkowski",
        outlier_label: Any = None,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        priors: Any = None,
        random_state: Any = 0,
        sample_size: int | None = None,
        scale: str | None = None,
        reduce: str | None = None,
        reduce_dim: int | None = None,
    ) -> None:
        self.radius = radius
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.outlier_label = outlier_label
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.priors = priors
        self.random_state = random_state
        self.sample_size = sample_size
        self.scale = scale
        self.reduce = reduce
        self.reduce_dim = reduce_dim

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> RadiusNeighborsClassifier:
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
            A row's vote is multiplied: a row of weight 2 is two rows, one of weight 0 is left out.

        Returns
        -------
        RadiusNeighborsClassifier
            The estimator itself.
        """
        self._fit_classes(X, y, sample_weight)
        self.outlier_label_ = self._outlier_labels()
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

        Raises
        ------
        DataError
            Some queries have no neighbours, and ``outlier_label`` is None.
        """
        question = self._question(X)
        labels, outliers = pipeline.classify_within(
            self._model, *question, n_threads=resolve_threads(self.n_jobs)
        )
        self._warn_of(outliers)
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """Shares of the vote.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            As for ``predict``.

        Returns
        -------
        p : ndarray of shape (n_queries, n_classes), or a list of such for several outputs
            In the order of ``classes_``; each row sums to 1, or to 0 for a query without neighbours whose
            ``outlier_label`` is no class.

        Raises
        ------
        DataError
            Some queries have no neighbours, and ``outlier_label`` is None.
        """
        question = self._question(X)
        shares, outliers = pipeline.class_probabilities_within(
            self._model, *question, n_threads=resolve_threads(self.n_jobs)
        )
        self._warn_of(outliers)
        return shares if self.outputs_2d_ else shares[0]

    def _question(self, X: Any) -> tuple[Any, float, Any, Any, list[Any] | None]:
        queries = self._queries(X)
        return queries, self._radius(), self.weights, self._priors(), self.outlier_label_

    def _warn_of(self, outliers: NDArray[np.int64]) -> None:
        """Say it where queries without neighbours got a label that is no class."""
        if outliers.size == 0:
            return
        assert self.outlier_label_ is not None
        for classes, label in zip(self._each_classes, self.outlier_label_, strict=True):
            if not (classes == label).any():
                warnings.warn(
                    f"Outlier label {label} is not in training classes. All class probabilities of outliers "
                    "will be assigned with 0.",
                    UserWarning,
                    stacklevel=3,
                )

    def _outlier_labels(self) -> list[Any] | None:
        """``outlier_label`` for each output, checked.

        Raises
        ------
        ParameterError
            Another number of labels than outputs.
        ParameterTypeError
            A label of another kind than the classes.
        """
        given, every = self.outlier_label, self._each_classes
        if given is None:
            return None
        if isinstance(given, str) and given == "most_frequent":
            weights = self._model.sample_weight
            return [
                classes[np.bincount(self._labels.values[:, output], weights=weights).argmax()]
                for output, classes in enumerate(every)
            ]
        if isinstance(given, (str, numbers.Real, np.bool_)):
            labels: list[Any] = [given] * len(every)
        else:
            labels = list(given)
        if len(labels) != len(every):
            raise ParameterError(
                f"The length of outlier_label: {given} is inconsistent with the output length: {len(every)}. "
                "Give one label per output."
            )
        for classes, label in zip(every, labels, strict=True):
            if np.ndim(label) > 0:
                raise ParameterTypeError(
                    f"The outlier_label of classes {classes} is supposed to be a scalar, got {label}."
                )
            if not _is_like(label, classes):
                raise ParameterTypeError(
                    f"The dtype of outlier_label {label!r} is inconsistent with classes {classes} in y. Give "
                    "a label of their kind."
                )
        return labels


def _is_like(label: Any, classes: NDArray[Any]) -> bool:
    """Whether a label may stand among these classes without changing what they are."""
    if isinstance(label, str):
        return classes.dtype.kind in "UO"
    if classes.dtype.kind in "UO":
        return False
    return bool(np.append(classes, label).dtype == classes.dtype)
