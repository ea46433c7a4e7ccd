# SPDX-License-Identifier: Apache-2.0
"""``select``: the columns with the best scores, as they are.

=================  ==========================================  =======================================
score              what it looks at                            by scikit-learn
=================  ==========================================  =======================================
``variance``       the columns alone                           (two passes in float64)
``f``              differences of class means, or correlation  ``f_classif``, ``f_regression``
``mutual_info``    any dependence, also not linear             ``mutual_info_classif``, ``..._regression``
=================  ==========================================  =======================================

Equal scores go to the lower column. A constant column scores lowest. Several outputs: each output's scores
are divided by their largest, then averaged.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from .base import FloatRows, Reducer, is_sparse

__all__ = ["SCORES", "SelectReducer", "variances"]

SCORES = ("variance", "f", "mutual_info")
_BLOCK_BYTES = 32 << 20


class SelectReducer(Reducer):
    """Column numbers of shape (target_dim,), int64, ascending."""

    kind = "select"

    def __init__(
        self, seed: int, input_dim: int, columns: NDArray[np.int64], score: str, variance_kept: float
    ) -> None:
        super().__init__(seed, input_dim, len(columns), variance_kept)
        self.columns = columns
        self.score = score

    @classmethod
    def fit(
        cls, rows: FloatRows, target_dim: int, seed: int, *, score: str | None, labels: Any, task: str | None
    ) -> SelectReducer:
        """Score every column; ``score`` None is "f" with labels and "variance" without.

        Raises
        ------
        ParameterError
            An unknown score or task, or a score that needs labels without any.
        DataError
            Labels that are not one per row.
        """
        score = ("variance" if labels is None else "f") if score is None else score
        if score not in SCORES:
            raise ParameterError(
                f"score={score!r} was given; expected one of {', '.join(map(repr, SCORES))}, or None."
            )
        spread = variances(rows)
        if score == "variance":
            scores = spread
        elif labels is None:
            raise ParameterError(
                f"score={score!r} compares columns with labels. Give labels, or score='variance'."
            )
        else:
            scores = _by_labels(rows, np.asarray(labels), score, task, seed)
        # A score that is no number is that of a constant column.
        ranked = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
        columns = np.sort(ranked[:target_dim]).astype(np.int64)
        total = float(spread.sum())
        kept = min(1.0, float(spread[columns].sum()) / total) if 0 < total < np.inf else 1.0
        return cls(seed, rows.shape[1], columns, score, kept)

    @classmethod
    def load(cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SelectReducer:
        """The inverse of ``description`` and ``arrays``; ``make.load`` has checked the four numbers."""
        columns, score, kept = (
            arrays.get("columns"),
            description.get("score"),
            description.get("variance_kept"),
        )
        input_dim, target_dim = description["input_dim"], description["target_dim"]
        if columns is None or columns.dtype != np.int64 or columns.shape != (target_dim,):
            found = "nothing" if columns is None else f"{columns.dtype} of shape {columns.shape}"
            raise DataError(
                f"The stored reduction 'select' needs 'columns' as int64 of shape ({target_dim},); found "
                f"{found}. The "
                "model is damaged."
            )
        if columns[0] < 0 or columns[-1] >= input_dim or (columns[1:] <= columns[:-1]).any():
            raise DataError(
                f"The stored reduction 'select' must name ascending columns from 0 to {input_dim - 1}; it "
                "does not. The "
                "model is damaged."
            )
        if (
            score not in SCORES
            or not isinstance(kept, (int, float))
            or isinstance(kept, bool)
            or not 0 <= kept <= 1
        ):
            raise DataError(
                f"The stored reduction 'select' has score {score!r} and variance_kept {kept!r}; expected "
                f"one of {SCORES} "
                "and a number from 0 to 1."
            )
        return cls(description["seed"], input_dim, columns, score, float(kept))

    def description(self) -> dict[str, Any]:
        return {**super().description(), "score": self.score}

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"columns": self.columns}

    def _apply(self, rows: FloatRows, n_threads: int) -> FloatRows:
        return np.ascontiguousarray(np.take(rows, self.columns, axis=1))


def variances(rows: FloatRows) -> NDArray[np.float64]:
    """Variance of each column, of shape (d,), in float64 whatever the rows are."""
    if is_sparse(rows):
        from sklearn.utils.sparsefuncs import mean_variance_axis

        return np.asarray(mean_variance_axis(rows.astype(np.float64), axis=0)[1])
    mean = rows.mean(axis=0, dtype=np.float64)
    total = np.zeros(rows.shape[1])
    step = max(1, _BLOCK_BYTES // (8 * rows.shape[1]))
    with np.errstate(over="ignore"):
        for start in range(0, len(rows), step):
            difference = rows[start : start + step] - mean
            difference *= difference
            total += difference.sum(axis=0)
    return np.asarray(total / len(rows))


def _by_labels(
    rows: FloatRows, labels: NDArray[Any], score: str, task: str | None, seed: int
) -> NDArray[np.float64]:
    """Scores of shape (d,), averaged over the outputs."""
    if labels.shape[:1] != (rows.shape[0],) or labels.ndim > 2:
        raise DataError(
            f"Labels of shape {labels.shape} were given for {rows.shape[0]} rows; one per row is expected."
        )
    if task is None:
        task = "regressor" if labels.dtype.kind == "f" else "classifier"
    if task not in ("classifier", "regressor"):
        raise ParameterError(f"task={task!r} was given; expected 'classifier', 'regressor' or None.")
    outputs = labels[:, np.newaxis] if labels.ndim == 1 else labels
    parts = []
    for output in outputs.T:
        codes = (
            np.unique(output, return_inverse=True)[1] if task == "classifier" else output.astype(np.float64)
        )
        scores = _one_output(rows, codes, score, task, seed)
        finite = scores[np.isfinite(scores)]
        largest = finite.max() if finite.size and finite.max() > 0 else 1.0
        parts.append(scores if outputs.shape[1] == 1 else scores / largest)
    return np.asarray(np.mean(parts, axis=0))


def _one_output(
    rows: FloatRows, codes: NDArray[Any], score: str, task: str, seed: int
) -> NDArray[np.float64]:
    from sklearn import feature_selection

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # constant columns: they rank last
        if score == "mutual_info":
            compare = getattr(
                feature_selection, f"mutual_info_{'classif' if task == 'classifier' else 'regression'}"
            )
            return np.asarray(compare(rows, codes, discrete_features=False, random_state=seed))
        if task == "classifier" and len(np.unique(codes)) < 2:
            return np.zeros(rows.shape[1])  # one class: nothing to tell apart
        compare = feature_selection.f_classif if task == "classifier" else feature_selection.f_regression
        if is_sparse(rows):
            return np.asarray(compare(rows.astype(np.float64), codes)[0])
        # Centred and in float64, a few columns at a time: squares of a common offset would drown the
        # differences.
        width = max(1, _BLOCK_BYTES // (8 * len(rows)))
        parts = []
        for start in range(0, rows.shape[1], width):
            block = rows[:, start : start + width].astype(np.float64)
            block -= block.mean(axis=0)
            parts.append(compare(block, codes)[0])
        return np.concatenate(parts)
