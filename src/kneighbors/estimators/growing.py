# SPDX-License-Identifier: Apache-2.0
"""Rows that join a fitted estimator or leave it, without fitting again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .. import pipeline
from ..errors import ParameterError
from ..labels import Labels
from ..threads import resolve_threads
from .base import NeighborsEstimator

__all__ = ["GrowingEstimator"]


class GrowingEstimator(NeighborsEstimator):
    """Base of the estimators that rows can be added to; not for use by itself."""

    def remove_rows(self, ids: Any) -> None:
        """Forget rows. Their ids are never used again, and the other rows keep theirs.

        What was learned from them stays: scales, the reduction, ``classes_``.

        Parameters
        ----------
        ids : array-like of int
            As ``kneighbors`` and ``sample_indices_`` give them.

        Raises
        ------
        ParameterError
            An id that is not held or is named twice, all of the rows, or metric="precomputed"; nothing is
            removed.
        NotFittedError
            Asked before fit.

        Examples
        --------
        >>> from kneighbors import NearestNeighbors
        >>> model = NearestNeighbors(n_neighbors=1).fit([[0.0], [1.0], [5.0]])
        >>> model.remove_rows([1])
        >>> model.kneighbors([[2.0]])
        (array([[2.]]), array([[0]]))
        """
        check_is_fitted(self, "_model")
        with self._model.changing:
            self._adopt(pipeline.remove_rows(self._model, ids))

    def _add(
        self, rows: Any, labels: Labels | None, sample_weight: NDArray[np.float64] | None
    ) -> NDArray[np.int64]:
        """The work of ``add_rows``."""
        with self._model.changing:
            model, ids = pipeline.add_rows(
                self._model,
                rows,
                labels=labels,
                sample_weight=sample_weight,
                n_threads=resolve_threads(self.n_jobs),
            )
            self._check_successor(model)
            self._adopt(model)
        return ids

    def _check_successor(self, model: pipeline.Model) -> None:
        """Refuse a model that the estimator's parameters do not fit."""
        priors = getattr(self, "priors", None)
        if priors is None or model.labels is None or model.labels.classes is None:
            return
        held = self._labels.classes
        assert held is not None
        for before, after in zip(held, model.labels.classes, strict=True):
            if len(after) != len(before):
                new = after[~np.isin(after, before)]
                raise ParameterError(
                    f"y holds the class {new[0]!r}, for which priors has no entry. Set priors=None, add the "
                    "rows, and set priors in the order of classes_ again."
                )
