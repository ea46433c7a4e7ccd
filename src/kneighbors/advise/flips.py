# SPDX-License-Identifier: Apache-2.0
"""The fewest training rows whose removal changes an answer.

Definition. The kept rows stand in their order: (distance to the query, row number). Removing a set S of rows,
the first k of the others vote, by the same weights, priors and tie rule. S *flips* the answer when the winner
changes. What is scaled, reduced or estimated from the rows stays as fitted, and at least k rows stay. Wanted
is a smallest S.

How it is found. If t rows are enough, some t of the first k + t rows are: rows farther than the last voter do
not vote. So for t = 1, 2, ... the first k + t rows are looked at, of which k stay. Whichever class is to win
instead, the best removal takes the heaviest votes of the present answer and nothing else. A nearer row never
counts less than a farther one, so these are the t nearest rows of that answer: one candidate for each t,
and it is put to the real vote. Among rows at distance zero, which under weights="distance" alone count, the
same holds, and another class wins as soon as the answer has none left there. Sums of inverse distances are
rounded, so "smallest" holds but for votes that are equal to 15 digits.

Weights by a function may have no such order. There every set is tried, smallest first, up to a stated number.

`tests/reference/flips.py` tries every set, always.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, islice
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import vote

__all__ = ["Ballot", "Flip", "TooManySetsError", "find_flip"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_MOST_SETS = 20_000  # tried for a query whose weights are a function


@dataclass(frozen=True)
class Ballot:
    """Rows in their order, and how they vote.

    Attributes
    ----------
    codes : ndarray of shape (m,)
        Class codes of the m nearest rows.
    distances : ndarray of shape (m,)
    k : int
        How many vote.
    n_classes : int
    weights : {"uniform", "distance"}, callable or None
    priors : ndarray of shape (n_classes,) or None
    """

    codes: Ids
    distances: Floats
    k: int
    n_classes: int
    weights: vote.Weights
    priors: Floats | None

    def winner(self, places: Any) -> int:
        """The code that wins when these places vote."""
        distances = self.distances[places][None]
        weights = vote.neighbour_weights(distances, self.weights)
        return int(vote.winners(self.codes[places][None], weights, self.n_classes, self.priors)[0])


@dataclass(frozen=True)
class Flip:
    """A smallest set of places whose removal makes ``winner`` win instead."""

    places: Ids
    winner: int


class TooManySetsError(Exception):
    """The weights are a function, and trying every set would take too long."""


def find_flip(ballot: Ballot, least: int, most: int) -> Flip | None:
    """A smallest set of ``least`` to ``most`` rows whose removal flips the answer.

    Parameters
    ----------
    ballot : Ballot
        With at least ``k + most`` rows. No set of fewer than ``least`` rows flips it.

    Raises
    ------
    TooManySetsError
        The weights are a function, and more sets than could be tried would have to be.

    Examples
    --------
    >>> ballot = Ballot(np.array([0, 1, 1, 0]), np.arange(4.0), 3, 2, "uniform", None)
    >>> find_flip(ballot, 1, 1)
    Flip(places=array([1]), winner=0)
    """
    answer = ballot.winner(np.arange(ballot.k))
    if callable(ballot.weights):
        return _by_trying(ballot, answer, least, most)
    own = np.flatnonzero(ballot.codes == answer)
    for size in _sizes(ballot, answer, least, most):
        removed = own[:size]
        won = ballot.winner(np.delete(np.arange(ballot.k + size), removed))
        if won != answer:
            return Flip(removed, won)
    return None


def _sizes(ballot: Ballot, answer: int, least: int, most: int) -> Any:
    """The sizes worth a vote: where every vote counts 1, only one at which another class passes the answer's
    votes less that size.
    """
    sizes = np.arange(least, most + 1)
    if ballot.weights == "distance":
        return sizes
    ends = ballot.k + sizes - 1
    own_votes = np.cumsum(ballot.codes == answer)[ends] - sizes
    prior = 1.0 if ballot.priors is None else float(ballot.priors[answer])
    passes = np.zeros(len(sizes), dtype=bool)
    for other in np.unique(ballot.codes[: ballot.k + most]):
        factor = 1.0 if ballot.priors is None else float(ballot.priors[other])
        if other != answer:
            passes |= np.cumsum(ballot.codes == other)[ends] * factor >= own_votes * prior
    return sizes[passes]


def _by_trying(ballot: Ballot, answer: int, least: int, most: int) -> Flip | None:
    tried = 0
    for size in range(least, most + 1):
        width = ballot.k + size
        tried += comb(width, size)
        if tried > _MOST_SETS:
            raise TooManySetsError(f"more than {_MOST_SETS:,} sets of neighbours would have to be tried")
        sets = combinations(range(width), size)
        while block := list(islice(sets, 2000)):
            removed = np.array(block)
            stays = np.ones((len(block), width), dtype=bool)
            stays[np.arange(len(block))[:, None], removed] = False
            kept = np.nonzero(stays)[1].reshape(len(block), ballot.k)
            weights = vote.neighbour_weights(ballot.distances[kept], ballot.weights)
            assert weights is not None
            votes_left = weights.any(axis=1)  # a vote in which nothing counts has no winner
            kept, weights, removed = kept[votes_left], weights[votes_left], removed[votes_left]
            won = vote.winners(ballot.codes[kept], weights, ballot.n_classes, ballot.priors)
            if (won != answer).any():
                first = int(np.argmax(won != answer))
                return Flip(removed[first].astype(np.int64), int(won[first]))
    return None
