# SPDX-License-Identifier: Apache-2.0
"""Figures with their uncertainty: how right, how much better, how sure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bootstrap_r2", "paired_interval", "percentile", "r2", "wilson"]

Floats = NDArray[np.float64]

_Z = 1.959963984540054  # 95 % of a normal distribution lie within this many standard deviations


def wilson(n_right: int, n_rows: int) -> tuple[float, float]:
    """The 95 % interval of a share, by E. B. Wilson (J. Am. Stat. Assoc. 22, 1927).

    Never leaves 0 to 1, and stays honest where every row was right.

    Examples
    --------
    >>> low, high = wilson(95, 100)
    >>> round(low, 3), round(high, 3)
    (0.888, 0.978)
    """
    share = n_right / n_rows
    width = 1.0 + _Z**2 / n_rows
    middle = (share + _Z**2 / (2 * n_rows)) / width
    half = _Z * np.sqrt(share * (1 - share) / n_rows + _Z**2 / (4 * n_rows**2)) / width
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def r2(targets: Floats, predicted: Floats) -> float:
    """The share of the targets' variance that is explained; 0 where the targets do not vary."""
    total = float(np.square(targets - targets.mean()).sum())
    missed = float(np.square(targets - predicted).sum())
    return 1.0 - missed / total if total > 0.0 else float(missed == 0.0)


def bootstrap_r2(targets: Floats, predicted: Floats, seed: int, n_draws: int = 200) -> tuple[float, float]:
    """The 95 % interval of R2 by the percentiles of seeded bootstrap draws over the rows."""
    generator = np.random.default_rng(seed)
    n_rows = len(targets)
    draws = [
        r2(targets[rows], predicted[rows]) for rows in generator.integers(n_rows, size=(n_draws, n_rows))
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def paired_interval(gains: Floats) -> tuple[float, float, float]:
    """Mean and 95 % interval of what a change gains, from one gain per row: the rows are the same before
    and after, so what is hard about a row cancels.

    Examples
    --------
    >>> paired_interval(np.array([1.0, 1.0, 1.0, 1.0]))
    (1.0, 1.0, 1.0)
    """
    mean = float(gains.mean())
    half = _Z * float(gains.std(ddof=1)) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    return mean, float(mean - half), float(mean + half)


def percentile(seconds: Any, share: float) -> float:
    """The value that ``share`` percent of the repetitions did not exceed: one that was measured."""
    return float(np.percentile(np.asarray(seconds), share, method="inverted_cdf"))
