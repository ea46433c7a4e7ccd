# SPDX-License-Identifier: Apache-2.0
"""The vote for every k at once: neighbours are nearest first, so k neighbours are a prefix of k + 1.

Where a neighbour's weight does not depend on how many are asked, a vote is the one before with a neighbour
more: the class that wins can only be the one that won before, or the one that got the vote.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["mean_path", "winner_path"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def winner_path(
    codes: Codes, weights: Floats | None, n_classes: int, priors: Floats | None = None
) -> Iterator[Codes]:
    """The winners of ``vote.winners`` for k = 1, 2, ..., each of shape (n_queries,), not to be kept.

    Parameters
    ----------
    codes : ndarray of shape (n_queries, k)
    weights : ndarray of shape (n_queries, k) or None
        Not negative, and the first of each query positive: "uniform" or "distance".
    n_classes : int
    priors : ndarray of shape (n_classes,) or None

    Examples
    --------
    >>> [winner.tolist() for winner in winner_path(np.array([[2, 1, 1]]), None, 3)]
    [[2], [1], [1]]
    """
    n_queries, k = codes.shape
    boxes, width = (codes, n_classes) if n_classes <= k else (_ranks(codes), k)
    votes = np.zeros((n_queries, width))
    best, winner = np.full(n_queries, -np.inf), np.zeros(n_queries, dtype=np.int64)
    every = np.arange(n_queries)
    for place in range(k):
        code, box = codes[:, place], boxes[:, place]
        got = votes[every, box] + (1.0 if weights is None else weights[:, place])
        votes[every, box] = got
        if priors is not None:
            got = got * priors[code]
        wins = (got > best) | ((got == best) & (code < winner))
        np.copyto(best, got, where=wins)
        np.copyto(winner, code, where=wins)
        yield winner


def _ranks(codes: Codes) -> Codes:
    """Each code's rank among the codes of its query: fewer boxes to count in than there are classes."""
    order = np.argsort(codes, axis=1, kind="stable")
    sorted_codes = np.take_along_axis(codes, order, axis=1)
    ranks = np.zeros_like(codes)
    np.cumsum(sorted_codes[:, 1:] != sorted_codes[:, :-1], axis=1, out=ranks[:, 1:])
    answer = np.empty_like(codes)
    np.put_along_axis(answer, order, ranks, axis=1)
    return answer


def mean_path(targets: NDArray[Any], weights: Floats | None) -> Iterator[Floats]:
    """The means of ``vote.mean_targets`` for k = 1, 2, ..., each of shape (n_queries, n_outputs).

    Parameters
    ----------
    targets : ndarray of shape (n_queries, k, n_outputs)
    weights : ndarray of shape (n_queries, k) or None

    Examples
    --------
    >>> [mean.tolist() for mean in mean_path(np.array([[[1.0], [4.0]]]), None)]
    [[[1.0]], [[2.5]]]
    """
    values: Floats = targets.astype(np.float64, copy=False)
    total, above = np.zeros((len(values), 1)), np.zeros((len(values), values.shape[2]))
    for place in range(values.shape[1]):
        weight = 1.0 if weights is None else weights[:, place, None]
        above = above + values[:, place] * weight if place else values[:, place] * weight
        total = total + weight
        if not total.all():
            raise DataError(f"The weights of the {place + 1} nearest neighbours of a query sum to zero.")
        yield above / total
