# SPDX-License-Identifier: Apache-2.0
"""Which exact index serves rows best: a k-d tree, or a scan of them all.

The measured map behind it is in ``docs/algorithms/choosing.md``. Both answer bit for bit the same, so the
choice changes nothing but the time. An approximate index is never chosen unasked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..metrics import Metric
from .base import Rows
from .kd_tree import KDTreeIndex

__all__ = ["TREE_COLUMNS", "choose", "tree_metric"]

TREE_COLUMNS = 8  # up to which a tree was faster everywhere
_MOST_COLUMNS = 32  # beyond which no trial is made
_SAMPLE, _ASKED, _K = 16384, 24, 10
_MOST_COMPARED = 2000  # rows of the sample that a query of the tree compares


def tree_metric(metric: Metric) -> str | None:
    """The k-d tree's word for this metric, None where it has not got it."""
    name = "manhattan" if metric.formula == "cityblock" else metric.formula
    return name if name in KDTreeIndex.metrics and not metric.arguments else None


def choose(metric: Metric, rows: Any) -> tuple[KDTreeIndex | None, str]:
    """What ``algorithm="auto"`` stands for with these rows, and why.

    Returns
    -------
    index : KDTreeIndex or None
        Unfitted; None for whatever ``algorithm="brute"`` is.
    reason : str
        One sentence.
    """
    name = tree_metric(metric)
    if name is None or not isinstance(rows, np.ndarray) or rows.ndim != 2:
        return None, f"Rows are scanned: no tree serves metric {metric.name!r} over such rows."
    n_columns = rows.shape[1]
    if n_columns <= TREE_COLUMNS:
        reason = f"With {n_columns} columns, at most {TREE_COLUMNS}, a k-d tree is faster than a scan."
        return KDTreeIndex(name), reason
    if n_columns > _MOST_COLUMNS:
        return None, f"With {n_columns} columns, more than {_MOST_COLUMNS}, a scan is faster than a k-d tree."
    compared, n_sampled = _trial(name, rows)
    what = f"a query of a k-d tree over {n_sampled} of the rows compares {compared:.0f} of them"
    if compared <= _MOST_COMPARED:
        return KDTreeIndex(name), f"A k-d tree is faster than a scan: {what}, at most {_MOST_COMPARED}."
    return None, f"A scan is faster than a k-d tree: {what}, more than {_MOST_COMPARED}."


def _trial(metric: str, rows: Rows) -> tuple[float, int]:
    """Rows that a query compares, on average over some rows as queries, in a tree over a fixed sample."""
    n_rows = rows.shape[0]
    if n_rows > _SAMPLE:
        rows = rows[np.arange(_SAMPLE) * n_rows // _SAMPLE]
    n_sampled = rows.shape[0]
    index = KDTreeIndex(metric).fit(np.ascontiguousarray(rows))
    asking = np.unique(np.arange(_ASKED) * n_sampled // _ASKED)
    k = min(_K, n_sampled)
    counted = [index.trace(index.rows[row : row + 1], k)["distances_counted"] for row in asking]
    return float(np.mean(counted)), n_sampled
