# SPDX-License-Identifier: Apache-2.0
"""What estimators that vote share, whichever way they find those who vote: labels in, labels' attributes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .. import pipeline, vote
from ..errors import ParameterError
from ..parameters import constraints
from ..threads import resolve_threads
from .growing import GrowingEstimator
from .inputs import check_classes, check_rows, check_sample_weight, check_targets
from .k_queries import KNeighborsEstimator
from .radius_queries import RadiusNeighborsEstimator

__all__ = ["ClassVoter", "KVoter", "RadiusVoter", "TargetVoter"]


class ClassVoter(ClassifierMixin, MultiOutputMixin, GrowingEstimator):  # type: ignore[misc]
    """Base of the classifiers; not for use by itself."""

    priors: Any

    def _fit_classes(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> None:
        """The work of ``fit``, which calls this itself: warnings point at its caller."""
        self._check_parameters()
        rows = check_rows(self, X, reset=True)
        weights = check_sample_weight(sample_weight, rows.shape[0])
        labels = check_classes(y, rows.shape[0], None if weights is None else weights > 0.0, stacklevel=4)
        assert labels.classes is not None
        vote.check_priors(self.priors, [len(classes) for classes in labels.classes])
        self._fit_model(rows, labels, weights)

    def add_rows(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> NDArray[np.int64]:
        """Take more rows and their labels, without fitting again; searches may run meanwhile.

        Scales and the reduction stay as they were fitted, and all rows are kept, also where fit drew a
        sample. Labels that no row had before become classes: ``classes_`` stays sorted, so columns of
        ``predict_proba`` may move.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_added, n_features)
            Of the type that was fitted, or float32 where that was float64.
        y : array-like of shape (n_added,) or (n_added, n_outputs)
            Of the kind that was fitted: numbers, booleans or strings.
        sample_weight : array-like of shape (n_added,) or None, default=None
            Positive.

        Returns
        -------
        ids : ndarray of shape (n_added,), int64
            They go on from ``n_samples_fit_``.

        Raises
        ------
        DataError
            Rows or labels that do not go with those fitted; nothing is added.
        ParameterError
            A new class where there are ``priors``, or metric="precomputed".

        Examples
        --------
        >>> from kneighbors import KNeighborsClassifier
        >>> model = KNeighborsClassifier(n_neighbors=1).fit([[0.0], [1.0]], ["a", "b"])
        >>> model.add_rows([[9.0]], ["aa"])
        array([2])
        >>> model.classes_, model.predict([[8.0]])
        (array(['a', 'aa', 'b'], dtype='<U2'), array(['aa'], dtype='<U2'))
        """
        check_is_fitted(self, "_model")
        rows = check_rows(self, X, reset=False)
        weights = check_sample_weight(sample_weight, rows.shape[0])
        return self._add(rows, check_classes(y, rows.shape[0], None, stacklevel=3), weights)

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Share of labels that are right; of label indicators (0 and 1), of rows that are right throughout.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, n_features), or None
            None scores leave-one-out: ``fit(X, y).score(None, y)`` is the mean of ``cross_val_score`` with
            ``LeaveOneOut``, much faster. Where rows of weight 0 were left out, ``y`` is that of
            ``sample_indices_``.
        y : array-like of shape (n_queries,) or (n_queries, n_outputs)
        sample_weight : array-like of shape (n_queries,) or None, default=None

        Returns
        -------
        float
        """
        return float(super().score(X, y, sample_weight))

    def _adopt(self, model: pipeline.Model) -> None:
        super()._adopt(model)
        self.outputs_2d_ = self._labels.outputs_2d
        self.classes_ = self._each_classes if self.outputs_2d_ else self._each_classes[0]

    @property
    def _each_classes(self) -> list[NDArray[Any]]:
        """The classes of each output."""
        assert self._labels.classes is not None
        return self._labels.classes

    def _priors(self) -> list[NDArray[np.float64]] | None:
        return vote.check_priors(self.priors, [len(classes) for classes in self._each_classes])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class TargetVoter(RegressorMixin, MultiOutputMixin, GrowingEstimator):  # type: ignore[misc]
    """Base of the regressors; not for use by itself."""

    def _fit_targets(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> None:
        """The work of ``fit``."""
        self._check_parameters()
        rows = check_rows(self, X, reset=True)
        weights = check_sample_weight(sample_weight, rows.shape[0])
        labels = check_targets(y, rows.shape[0], None if weights is None else weights > 0.0)
        self._fit_model(rows, labels, weights)

    def add_rows(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> NDArray[np.int64]:
        """Take more rows and their targets, without fitting again; searches may run meanwhile.

        Scales and the reduction stay as they were fitted, and all rows are kept, also where fit drew a
        sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_added, n_features)
            Of the type that was fitted, or float32 where that was float64.
        y : array-like of shape (n_added,) or (n_added, n_outputs)
        sample_weight : array-like of shape (n_added,) or None, default=None
            Positive.

        Returns
        -------
        ids : ndarray of shape (n_added,), int64
            They go on from ``n_samples_fit_``.

        Raises
        ------
        DataError
            Rows or targets that do not go with those fitted; nothing is added.
        ParameterError
            metric="precomputed".

        Examples
        --------
        >>> from kneighbors import KNeighborsRegressor
        >>> model = KNeighborsRegressor(n_neighbors=1).fit([[0.0], [1.0]], [0.0, 10.0])
        >>> model.add_rows([[5.0]], [50.0])
        array([2])
        >>> model.predict([[4.0]])
        array([50.])
        """
        check_is_fitted(self, "_model")
        rows = check_rows(self, X, reset=False)
        weights = check_sample_weight(sample_weight, rows.shape[0])
        return self._add(rows, check_targets(y, rows.shape[0], None), weights)


class KVoter(KNeighborsEstimator):
    """Base of the estimators that let k neighbours vote; not for use by itself."""

    weights: Any

    def score_path(self, ks: Iterable[int]) -> pipeline.ScorePath:
        """Leave-one-out scores for many k, from one search of the largest.

        Each fitted row is answered by the others, with the estimator's weights; the score is that of
        ``score(None, y)``: the share of rows that are right, or R2. ``n_neighbors`` stays as it is.

        Parameters
        ----------
        ks : iterable of int
            Numbers of neighbours, in any order, from 1 to one fewer than the fitted rows.

        Returns
        -------
        ScorePath
            ``ks`` as given, ``scores`` of shape (n_ks,), and ``best_k``: the smallest of those whose score
            is highest. Of rows fitted with ``sample_weight``, a row of weight w asks and answers as w rows.

        Raises
        ------
        ParameterError
            No k, or one that the rows do not suffice for.
        NotFittedError
            Asked before fit.

        Examples
        --------
        >>> from kneighbors import KNeighborsClassifier
        >>> model = KNeighborsClassifier().fit([[0], [1], [2], [8], [9]], ["a", "a", "a", "b", "b"])
        >>> path = model.score_path([1, 2, 3, 4])
        >>> path.scores, path.best_k
        (array([1. , 0.6, 0.6, 0.6]), 1)
        """
        check_is_fitted(self, "_model")
        return pipeline.score_path(
            self._model, ks, self.weights, self._priors(), n_threads=resolve_threads(self.n_jobs)
        )


class RadiusVoter(RadiusNeighborsEstimator):
    """Base of the estimators that let all rows within a radius vote; not for use by itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RadiusNeighborsEstimator._parameter_constraints,
        **constraints("sample_size", "scale", "reduce", "reduce_dim"),
        **constraints("weights"),
    }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Refused: the three files describe a vote of k neighbours, and this is none.

        Parameters
        ----------
        path : str or os.PathLike

        Raises
        ------
        ParameterError
            Always; nothing is written.
        """
        raise ParameterError(
            f"A {type(self).__name__} cannot be saved: a model folder holds votes of k neighbours, not of "
            "all within a radius. Save a KNeighbors estimator, or a NearestNeighbors, which keeps its "
            "radius; or pickle this one for your own use."
        )
