# SPDX-License-Identifier: Apache-2.0
"""Dimension, contrast and hubs, slow and obvious, from all distances. The judge of ``advise/geometry.py``."""

from __future__ import annotations

import math


def sorted_distances(rows) -> list[list[tuple[float, int]]]:
    """For each row the others as (distance, row), nearest first."""
    return [sorted((math.dist(a, b), j) for j, b in enumerate(rows) if j != i) for i, a in enumerate(rows)]


def two_nn_dimension(rows) -> float:
    """The line through the origin, over the smallest nine tenths of the ratios."""
    ratios = sorted(math.log(others[1][0] / others[0][0]) for others in sorted_distances(rows))
    n = len(ratios)
    points = [(ratio, -math.log(1 - (place + 1) / n)) for place, ratio in enumerate(ratios[: int(0.9 * n)])]
    return sum(x * y for x, y in points) / sum(x * x for x, _ in points)


def likelihood_dimension(rows, k: int) -> float:
    """The inverse of the mean over rows and neighbours of log(T_k / T_j), j < k."""
    logs = [
        math.log(others[k - 1][0] / others[j][0]) for others in sorted_distances(rows) for j in range(k - 1)
    ]
    return len(logs) / sum(logs)


def relative_contrast(rows) -> float:
    found = sorted_distances(rows)
    every = [distance for others in found for distance, _ in others]
    nearest = [others[0][0] for others in found]
    return (sum(every) / len(every)) / (sum(nearest) / len(nearest))


def occurrences(rows, k: int) -> list[int]:
    counts = [0] * len(rows)
    for others in sorted_distances(rows):
        for _, row in others[:k]:
            counts[row] += 1
    return counts
