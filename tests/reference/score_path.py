# SPDX-License-Identifier: Apache-2.0
"""Leave-one-out scores for each k, slow and obvious: for every row and every k the others are sorted anew.

The judge of ``pipeline/scoring.py``. Rows of a whole weight are written out as copies, of which each asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.reference import vote


def predictions(
    distances: np.ndarray,
    values: Sequence[float],
    k: int,
    weights: str | Callable | None,
    n_classes: int | None,
    priors: Sequence[float] | None = None,
    sample_weight: Sequence[int] | None = None,
) -> list[float]:
    """What each row is taken for by the k nearest others; ``distances`` of each row to each."""
    n_rows = len(values)
    counts = [1] * n_rows if sample_weight is None else list(sample_weight)
    answers = []
    for row in range(n_rows):
        order = sorted(range(n_rows), key=lambda other: (distances[row, other], other))
        voting = vote.copies(order, [counts[other] for other in order], k, own=row)
        measured = [float(distances[row, other]) for other in voting]
        counted = vote.neighbour_weights(measured, weights)
        if n_classes is None:
            answers.append(vote.mean([values[other] for other in voting], counted))
        else:
            totals = vote.votes([int(values[other]) for other in voting], counted, n_classes, priors)
            answers.append(vote.winner(totals))
    return answers


def accuracy(truth: Sequence[int], predicted: Sequence[int], counts: Sequence[int] | None = None) -> float:
    """The share of rows that are right, each as often as it counts."""
    counts = [1] * len(truth) if counts is None else counts
    right = sum(count for one, other, count in zip(truth, predicted, counts, strict=True) if one == other)
    return right / sum(counts)


def r2(truth: Sequence[float], predicted: Sequence[float], counts: Sequence[int] | None = None) -> float:
    """One less the squared errors over the spread of the truth."""
    counts = [1] * len(truth) if counts is None else counts
    mean = sum(one * count for one, count in zip(truth, counts, strict=True)) / sum(counts)
    errors = sum(c * (one - other) ** 2 for one, other, c in zip(truth, predicted, counts, strict=True))
    spread = sum(count * (one - mean) ** 2 for one, count in zip(truth, counts, strict=True))
    return 1.0 - errors / spread
