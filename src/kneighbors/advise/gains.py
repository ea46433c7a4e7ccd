# SPDX-License-Identifier: Apache-2.0
"""What a fix is worth, measured: cross-validation on a sample, before and after, over the same folds.

Where several fixes are tried, one seed of the folds chooses and another measures, so that the chosen one is
not praised for its luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import KneighborsError
from .measuring import quietly
from .statistics import paired_interval
from .tables import Table, estimator_of

__all__ = ["Fix", "Gain", "Judge"]

Floats = NDArray[np.float64]

_FOLDS = 5


@dataclass(frozen=True)
class Fix:
    """A change that may help: settings of the estimators, and columns to leave out."""

    settings: dict[str, Any]
    drop: tuple[int, ...] = ()


@dataclass(frozen=True)
class Gain:
    """What a fix gained.

    Attributes
    ----------
    score : {"accuracy", "balanced accuracy", "R2"}
    before, after : float
        By cross-validation on the same folds. ``before`` is None where nothing could be fitted before.
    gain, low, high : float or None
        After less before, with the 95 % interval over the rows.
    rows, folds : int
    """

    score: str
    before: float | None
    after: float
    gain: float | None
    low: float | None
    high: float | None
    rows: int
    folds: int

    @property
    def is_sure(self) -> bool:
        """Whether the interval lies above zero."""
        return self.low is not None and self.low > 0.0


class Judge:
    """Cross-validates settings on one sample; what it has worked out it keeps.

    Parameters
    ----------
    table : Table
        The sample.
    settings : dict
        Of the estimator, before any fix.
    seed : int
    """

    def __init__(self, table: Table, settings: dict[str, Any], seed: int) -> None:
        self.table, self.settings, self.seed = table, settings, seed
        self._known: dict[str, Floats | None] = {}

    def best(self, fixes: Sequence[Fix], *, balanced: bool = False) -> tuple[Fix, Gain] | None:
        """The fix with the best score, and its gain; None where none of them can be fitted."""
        chosen, chosen_score = None, -np.inf
        for fix in fixes:
            rows = self._rows(fix, self.seed + 1) if len(fixes) > 1 else np.zeros(1)
            score = -np.inf if rows is None else self._mean(rows, balanced)
            if score > chosen_score:
                chosen, chosen_score = fix, score
        return None if chosen is None else self._gain(chosen, balanced)

    def _gain(self, fix: Fix, balanced: bool) -> tuple[Fix, Gain] | None:
        before, after = self._rows(Fix({}), self.seed), self._rows(fix, self.seed)
        if after is None:
            return None
        score = "R2" if self.table.task == "regressor" else "balanced accuracy" if balanced else "accuracy"
        common = {"score": score, "rows": self.table.n_rows, "folds": _FOLDS}
        mean_after = self._mean(after, balanced)
        if before is None:
            return fix, Gain(before=None, after=mean_after, gain=None, low=None, high=None, **common)  # type: ignore[arg-type]
        gain, low, high = paired_interval((after - before) * self._weights(balanced))
        mean_before = self._mean(before, balanced)
        return fix, Gain(before=mean_before, after=mean_after, gain=gain, low=low, high=high, **common)  # type: ignore[arg-type]

    def _mean(self, rows: Floats, balanced: bool) -> float:
        return float((rows * self._weights(balanced)).mean()) if len(rows) > 1 else float(rows[0])

    def _weights(self, balanced: bool) -> Floats:
        """Under balanced accuracy each class counts the same, whatever its rows."""
        n_rows = self.table.n_rows
        if not balanced or self.table.classes is None:
            return np.ones(n_rows)
        _, places, counts = np.unique(self.table.codes, return_inverse=True, return_counts=True)
        return np.asarray(n_rows / (len(counts) * counts[places]))

    def _rows(self, fix: Fix, seed: int) -> Floats | None:
        key = repr((sorted(fix.settings.items()), fix.drop, seed))
        if key not in self._known:
            self._known[key] = self._cross_validated(fix, seed)
        return self._known[key]

    def _cross_validated(self, fix: Fix, seed: int) -> Floats | None:
        """For each row 1 if it was answered right, else 0; for a target, its part of R2."""
        table = self.table
        rows = np.delete(table.rows, fix.drop, axis=1) if fix.drop else table.rows
        if rows.shape[1] == 0:
            return None
        right = np.empty(table.n_rows)
        folds = self._folds(seed)
        for fold in range(_FOLDS):
            test, train = folds == fold, folds != fold
            try:
                with quietly():
                    model = estimator_of(table.task, **{**self.settings, **fix.settings})
                    answers = model.fit(rows[train], table.labels[train]).predict(rows[test])
            except (KneighborsError, np.linalg.LinAlgError):
                return None
            if table.task == "classifier":
                right[test] = answers == table.labels[test]
            else:
                right[test] = (answers - table.codes[test]) ** 2
        if table.task == "classifier":
            return right
        total = float(table.codes.var())
        return 1.0 - right / total if total > 0.0 else np.asarray(right == 0.0, dtype=np.float64)

    def _folds(self, seed: int) -> NDArray[np.int64]:
        """A fold for each row, each class dealt out evenly."""
        order = np.random.default_rng(seed).permutation(self.table.n_rows)
        codes = self.table.codes if self.table.classes is not None else np.zeros(self.table.n_rows)
        by_class = order[np.argsort(codes[order], kind="stable")]
        folds = np.empty(self.table.n_rows, dtype=np.int64)
        folds[by_class] = np.arange(self.table.n_rows) % _FOLDS
        return folds
