# SPDX-License-Identifier: Apache-2.0
"""Rows that say the same and are called differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tables import Table

__all__ = ["Contradictions", "contradictions", "identical_rows"]


@dataclass(frozen=True)
class Contradictions:
    """Identical rows with different labels.

    Attributes
    ----------
    n_rows, n_groups : int
        Rows in groups of identical rows that do not share one label, and such groups.
    first : list of int
        The rows of the first group, at most ten.
    best_score : float
        The accuracy, or R2, that no rule can pass on these rows: one answer for each group.
    lost : str
        The same in words.
    """

    n_rows: int
    n_groups: int
    first: list[int]
    best_score: float
    lost: str


def _groups(rows: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """The group of each row, and how many groups of more than one row there are; -0 equals 0."""
    _, groups, counts = np.unique(rows + 0.0, axis=0, return_inverse=True, return_counts=True)
    return groups.reshape(-1).astype(np.int64), int((counts > 1).sum())


def identical_rows(rows: NDArray[Any]) -> int:
    """Rows that are equal to an earlier one."""
    groups, _ = _groups(rows)
    return len(rows) - len(np.unique(groups))


def contradictions(table: Table) -> Contradictions:
    """Identical rows with different labels; of a target, with values further apart than a thousandth of its
    standard deviation.
    """
    groups, _ = _groups(table.rows)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    codes = table.codes[order]
    low, high = np.minimum.reduceat(codes, starts), np.maximum.reduceat(codes, starts)
    limit = 0.0 if table.classes is not None else 1e-3 * float(table.codes.std())
    wrong = np.flatnonzero(high - low > limit)
    sizes = np.diff(np.append(starts, len(order)))
    if len(wrong) == 0:
        return Contradictions(0, 0, [], 1.0, "")
    members = [order[starts[place] : starts[place] + sizes[place]] for place in wrong]
    if table.classes is not None:
        missed = sum(len(rows) - int(np.bincount(table.codes[rows]).max()) for rows in members)
        best = 1.0 - missed / table.n_rows
        lost = f"no rule can be right on more than {best:.2%} of all rows"
    else:
        missed_squares = sum(
            float(((table.codes[rows] - table.codes[rows].mean()) ** 2).sum()) for rows in members
        )
        best = 1.0 - missed_squares / float(((table.codes - table.codes.mean()) ** 2).sum())
        lost = f"no rule can reach an R2 above {best:.4f}"
    first = np.sort(min(members, key=lambda rows: int(rows.min())))[:10]
    return Contradictions(int(sizes[wrong].sum()), len(wrong), first.tolist(), best, lost)
