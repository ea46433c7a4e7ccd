# SPDX-License-Identifier: Apache-2.0
"""The smallest set of rows whose removal changes an answer, slow and obvious: every set is tried, smallest
first. The judge of ``advise/flips.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from . import vote


def answer_without(
    codes: Sequence[int],
    distances: Sequence[float],
    k: int,
    n_classes: int,
    weights: Any,
    priors: Sequence[float] | None,
    removed: Sequence[int],
) -> int | None:
    """The winner once the places in ``removed`` are gone; None where nothing counts. Rows stand nearest
    first.
    """
    stay = [place for place in range(len(codes)) if place not in removed][:k]
    counted = vote.neighbour_weights([distances[place] for place in stay], weights)
    if not any(counted):
        return None
    return vote.winner(vote.votes([codes[place] for place in stay], counted, n_classes, priors))


def smallest_flip(
    codes: Sequence[int],
    distances: Sequence[float],
    k: int,
    n_classes: int,
    weights: Any,
    priors: Sequence[float] | None = None,
) -> int | None:
    """How many rows must go; None where no set changes the answer and leaves k rows."""
    before = answer_without(codes, distances, k, n_classes, weights, priors, [])
    for size in range(1, len(codes) - k + 1):
        for removed in combinations(range(len(codes)), size):
            after = answer_without(codes, distances, k, n_classes, weights, priors, removed)
            if after is not None and after != before:
                return size
    return None
