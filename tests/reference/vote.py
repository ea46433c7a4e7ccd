# SPDX-License-Identifier: Apache-2.0
"""The vote, slow and obvious: plain Python, one query and one neighbour at a time. The judge of
``vote/``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def neighbour_weights(
    distances: Sequence[float], weights: str | Callable[[Sequence[float]], Sequence[float]] | None
) -> list[float]:
    """What each neighbour of one query counts."""
    if weights in (None, "uniform"):
        return [1.0] * len(distances)
    if callable(weights):
        return [float(weight) for weight in weights(distances)]
    known = [distance for distance in distances if not math.isnan(distance)]
    nearest = min(known, default=math.inf)
    if nearest <= 0.0:
        return [1.0 if distance <= 0.0 else 0.0 for distance in distances]
    if math.isinf(nearest):
        return [1.0] * len(distances)
    return [0.0 if math.isnan(distance) else nearest / distance for distance in distances]


def copies(rows: Sequence[int], sample_weights: Sequence[int], k: int, own: int | None = None) -> list[int]:
    """The first k of the rows written out as often as they weigh; ``own`` asks and leaves one copy of
    itself out.
    """
    written_out: list[int] = []
    for row, weight in zip(rows, sample_weights, strict=True):
        written_out += [row] * (weight - (row == own))
    return written_out[:k]


def shares(sample_weights: Sequence[float], k: float) -> list[float]:
    """How much is taken of each neighbour until k is full."""
    left = float(k)
    taken = []
    for weight in sample_weights:
        taken.append(min(weight, left))
        left -= taken[-1]
    return taken


def votes(
    codes: Sequence[int], weights: Sequence[float], n_classes: int, priors: Sequence[float] | None = None
) -> list[float]:
    """The votes of each class for one query, summed nearest first."""
    totals = [0.0] * n_classes
    for code, weight in zip(codes, weights, strict=True):
        totals[code] += weight
    return totals if priors is None else [total * prior for total, prior in zip(totals, priors, strict=True)]


def winner(totals: Sequence[float]) -> int:
    """The class with the most votes; the first of equals."""
    best = 0
    for code, total in enumerate(totals):
        if total > totals[best]:
            best = code
    return best


def mean(targets: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean of one query's targets, summed nearest first."""
    above = below = 0.0
    for place, (target, weight) in enumerate(zip(targets, weights, strict=True)):
        above = target * weight if place == 0 else above + target * weight
        below += weight
    return above / below
