# SPDX-License-Identifier: Apache-2.0
"""Four scores from 0 to 1, each by a formula that is printed beside it.

The scores only order what was measured; the figures themselves are one line away in every form of the result.
"""

from __future__ import annotations

import math

from .measuring import Cell

__all__ = ["FORMULAS", "grade"]

_SLOWEST_ANSWER, _FASTEST_ANSWER = 1.0, 1e-5
_SLOWEST_FIT, _FASTEST_FIT = 100.0, 1e-4

FORMULAS = {
    "inference": "log10(1 s / t) / 5, between 0 and 1; t: median seconds of predict with one row",
    "accuracy": "the share of held-out rows answered right, or R2, but at least 0",
    "training": "log10(100 s / t) / 6, between 0 and 1; t: median seconds from fit to the first answer",
    "size": "b / (b + f); b: bytes of the fitted rows as they came, f: bytes of the saved model "
    "(in memory, where it cannot be saved)",
}
"""How each score is worked out."""


def grade(cell: Cell, bytes_fitted: int) -> dict[str, float]:
    """The four scores of a cell whose rows came in ``bytes_fitted`` bytes."""
    held = cell.memory_bytes if cell.disk_bytes is None else cell.disk_bytes
    return {
        "inference": _between(cell.single.p50, _SLOWEST_ANSWER, _FASTEST_ANSWER),
        "accuracy": min(1.0, max(0.0, cell.score)),
        "training": _between(cell.fit_seconds, _SLOWEST_FIT, _FASTEST_FIT),
        "size": bytes_fitted / (bytes_fitted + held),
    }


def _between(seconds: float, slowest: float, fastest: float) -> float:
    """0 at the slowest, 1 at the fastest, a tenfold step always the same."""
    share = math.log10(slowest / max(seconds, 1e-12)) / math.log10(slowest / fastest)
    return min(1.0, max(0.0, share))
