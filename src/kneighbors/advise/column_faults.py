# SPDX-License-Identifier: Apache-2.0
"""Columns that say nothing, say the same twice, drown the others, or number the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics import Metric
from .shares import feature_shares

__all__ = ["column_shares", "constant_columns", "copied_columns", "dominating_columns", "numbering_columns"]

Floats = NDArray[np.float64]

_PAIRS = 4000
_COPY = 1.0 - 1e-9  # correlation above which a column is another one, up to unit and offset
_WIDEST_COMPARED = 2000  # columns; beyond, only equal ones are looked for
_SPREAD = 10.0  # a column must spread this many times as far as the usual one to be called dominating


def constant_columns(rows: NDArray[Any]) -> list[int]:
    """Columns of a single value."""
    return [int(place) for place in np.flatnonzero((rows == rows[:1]).all(axis=0))]


def copied_columns(rows: NDArray[Any], constant: list[int]) -> list[list[int]]:
    """Groups of columns that are one another, also in another unit or from another zero; each group begins
    with its first column.
    """
    candidates = np.setdiff1d(np.arange(rows.shape[1]), constant)
    if len(candidates) < 2 or len(rows) < 3:
        return []
    values = rows[:, candidates].astype(np.float64)
    if len(candidates) > _WIDEST_COMPARED:
        groups: dict[bytes, list[int]] = {}
        for place in range(len(candidates)):
            groups.setdefault(values[:, place].tobytes(), []).append(int(candidates[place]))
        return [group for group in groups.values() if len(group) > 1]
    values -= values.mean(axis=0)
    values /= np.sqrt((values**2).sum(axis=0))
    same = np.abs(values.T @ values) >= _COPY
    found, taken = [], np.zeros(len(candidates), dtype=bool)
    for place in range(len(candidates)):
        others = np.flatnonzero(same[place] & ~taken)
        if taken[place] or len(others) < 2:
            continue
        taken[others] = True
        found.append(candidates[others].tolist())
    return found


def column_shares(metric: Metric, rows: NDArray[Any], seed: int) -> Floats | None:
    """Each column's share of the mean distance between two rows, summing to 1; None where the metric has no
    shares, or no distance is finite and above zero.
    """
    pairs = np.random.default_rng(seed).integers(len(rows), size=(_PAIRS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    if len(pairs) == 0 or metric.formula == "inner_product":
        return None
    fitted = metric.fitted(rows)
    total = np.zeros(rows.shape[1])
    step = max(1, (1 << 22) // rows.shape[1])
    for start in range(0, len(pairs), step):
        left, right = (rows[pairs[start : start + step, side]] for side in (0, 1))
        shares, _ = feature_shares(fitted, left, right[:, None, :], _distances(fitted, left, right))
        if shares is None:
            return None
        known = np.isfinite(shares).all(axis=2)
        total += shares[known].sum(axis=0)
    return total / total.sum() if 0.0 < total.sum() < np.inf else None


def _distances(metric: Metric, left: NDArray[Any], right: NDArray[Any]) -> Floats:
    return np.stack([metric.pairwise(a[None], b[None])[0] for a, b in zip(left, right, strict=True)])


def dominating_columns(rows: NDArray[Any], shares: Floats) -> list[int]:
    """The fewest columns that make up nine tenths of the mean distance, where they are at most a third of the
    columns (of two columns, one) and the widest spreads ten times as far as the usual other column.
    """
    spread = rows.astype(np.float64).std(axis=0)
    varying = np.flatnonzero(spread > 0.0)
    if len(varying) < 2:
        return []
    order = np.argsort(-shares, kind="stable")
    needed = 1 + int(np.searchsorted(np.cumsum(shares[order]), 0.9))
    others = np.setdiff1d(varying, order[:1])
    usual = float(np.median(spread[others]))
    if needed > max(1, len(varying) // 3) or spread[order[0]] < _SPREAD * usual:
        return []
    return [int(place) for place in np.sort(order[:needed])]


def numbering_columns(rows: NDArray[Any]) -> list[int]:
    """Columns that number the rows: whole numbers, all different, one after the other with few gaps, or
    ascending as the rows do.
    """
    if len(rows) < 50:
        return []
    found = []
    for place in range(rows.shape[1]):
        column = rows[:, place].astype(np.float64)
        if (column != np.floor(column)).any() or len(np.unique(column)) < len(column):
            continue
        steps = np.diff(column)
        if (steps > 0).all() or (steps < 0).all() or np.ptp(column) < 1.5 * len(column):
            found.append(place)
    return found
