# SPDX-License-Identifier: Apache-2.0
"""Weights, votes and means over runs, whose lengths differ.

Query i's neighbours are at ``offsets[i]:offsets[i + 1]``, nearest first. A query may have none: it has no
votes then, and what it gets instead is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .classes import CELLS_AT_ONCE
from .weights import Weights

__all__ = ["run_means", "run_probabilities", "run_votes", "run_weights", "run_winners"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Offsets = NDArray[np.int64]


def run_weights(
    distances: Floats, offsets: Offsets, weights: Weights, shares: Floats | None = None
) -> Floats | None:
    """What each neighbour's vote counts.

    Parameters
    ----------
    distances : ndarray of shape (m,), float64
    offsets : ndarray of shape (n_queries + 1,)
    weights : {"uniform", "distance"}, callable or None
        A callable takes an object array of one array of distances per query and returns as many weights, as
        scikit-learn's does.
    shares : ndarray of shape (m,) or None
        How often each neighbour counts; multiplies its weight.

    Returns
    -------
    ndarray of shape (m,) or None
        None where every neighbour counts the same.

    Raises
    ------
    DataError
        A callable returned another shape or NaN, a negative weight, or nothing but zeros for a query that has
        neighbours.

    Examples
    --------
    >>> run_weights(np.array([1.0, 2.0, 0.0, 2.0]), np.array([0, 2, 4]), "distance")
    array([1. , 0.5, 1. , 0. ])
    """
    if weights is None or (isinstance(weights, str) and weights == "uniform"):
        return shares
    if callable(weights):
        counted = _called(distances, offsets, weights)
    else:
        counted = _inverse(distances, offsets)
    return counted if shares is None else counted * shares


def _inverse(distances: Floats, offsets: Offsets) -> Floats:
    counts = np.diff(offsets)
    some = counts > 0
    first = np.zeros(len(counts))
    first[some] = distances[offsets[:-1][some]]  # the nearest comes first
    nearest = np.repeat(first, counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        counted: Floats = nearest / distances
    hit = nearest <= 0.0
    counted[hit] = distances[hit] <= 0.0
    counted[np.isnan(counted)] = 0.0
    counted[~np.isfinite(nearest)] = 1.0
    return counted


def _called(distances: Floats, offsets: Offsets, weights: Callable[[Any], Any]) -> Floats:
    n_queries = len(offsets) - 1
    given = np.empty(n_queries, dtype=object)
    for query in range(n_queries):  # copies: what the callable writes cannot reach the answer
        given[query] = distances[offsets[query] : offsets[query + 1]].copy()
    returned = weights(given)
    runs = [np.asarray(run, dtype=np.float64) for run in returned]
    counts = np.diff(offsets)
    found = [run.shape for run in runs]
    if found != [(count,) for count in counts]:
        wrong = next((place for place, shape in enumerate(found) if shape != (counts[place],)), None)
        what = f"{len(runs)} arrays for {n_queries} queries"
        if wrong is not None:
            what = f"shape {found[wrong]} for the {counts[wrong]} distances of query {wrong}"
        raise DataError(
            f"The weights function returned {what}. It must return one weight per distance: it is given an "
            "object array with an array of distances for each query."
        )
    counted = np.concatenate([*runs, np.empty(0)])
    infinite = np.isposinf(counted)
    hit = np.repeat(_sums(infinite.astype(np.float64), offsets) > 0.0, counts)
    counted[hit] = infinite[hit]
    if not np.isfinite(counted).all():
        place = int(np.argmin(np.isfinite(counted)))
        query = int(np.searchsorted(offsets, place, side="right")) - 1
        raise DataError(
            f"The weights function returned {counted[place]} for the distance {distances[place]} (query "
            f"{query}). Weights must be numbers; a distance may be 0.",
            row=query,
        )
    return counted


def run_votes(
    codes: Codes, offsets: Offsets, weights: Floats | None, n_classes: int, priors: Floats | None = None
) -> Floats:
    """Sum of the weights of each class, of shape (n_queries, n_classes); zeros for a query without
    neighbours.

    Raises
    ------
    DataError
        All neighbours of a query have weight zero, or a weight is negative.
    """
    _check_votes(weights, offsets)
    n_queries = len(offsets) - 1
    cells = codes + np.repeat(np.arange(n_queries, dtype=np.int64) * n_classes, np.diff(offsets))
    # bincount walks its input in order: each class's sum runs from the nearest neighbour to the farthest.
    votes = np.bincount(cells, weights=weights, minlength=n_queries * n_classes)
    shaped: Floats = votes.astype(np.float64, copy=False).reshape(n_queries, n_classes)
    return shaped if priors is None else shaped * priors


def run_probabilities(
    codes: Codes, offsets: Offsets, weights: Floats | None, n_classes: int, priors: Floats | None = None
) -> Floats:
    """Shares of the vote, of shape (n_queries, n_classes); zeros for a query without neighbours.

    Examples
    --------
    >>> run_probabilities(np.array([0, 1, 1, 1]), np.array([0, 4, 4]), None, 2)
    array([[0.25, 0.75],
           [0.  , 0.  ]])
    """
    votes = run_votes(codes, offsets, weights, n_classes, priors)
    totals = votes.sum(axis=1, keepdims=True)
    totals[totals == 0.0] = 1.0
    votes /= totals
    return votes


def run_winners(
    codes: Codes, offsets: Offsets, weights: Floats | None, n_classes: int, priors: Floats | None = None
) -> Codes:
    """The code with the most votes per query, ties to the smallest; -1 for a query without neighbours.

    Examples
    --------
    >>> run_winners(np.array([2, 1, 1, 2]), np.array([0, 4, 4]), None, 3)
    array([ 1, -1])
    """
    n_queries = len(offsets) - 1
    winning = np.full(n_queries, -1, dtype=np.int64)
    step = max(1, CELLS_AT_ONCE // n_classes)
    for start in range(0, n_queries, step):
        part = offsets[start : start + step + 1]
        inside = slice(part[0], part[-1])
        votes = run_votes(
            codes[inside], part - part[0], None if weights is None else weights[inside], n_classes, priors
        )
        winning[start : start + step] = votes.argmax(axis=1)
    winning[np.diff(offsets) == 0] = -1
    return winning


def run_means(targets: NDArray[Any], offsets: Offsets, weights: Floats | None) -> Floats:
    """Weighted mean of the neighbours' targets, of shape (n_queries, n_outputs); NaN for a query without
    neighbours.

    Parameters
    ----------
    targets : ndarray of shape (m, n_outputs)
    offsets : ndarray of shape (n_queries + 1,)
    weights : ndarray of shape (m,) or None

    Raises
    ------
    DataError
        The weights of a query's neighbours sum to zero.

    Examples
    --------
    >>> run_means(np.array([[1.0], [4.0]]), np.array([0, 2, 2]), np.array([3.0, 1.0]))
    array([[1.75],
           [ nan]])
    """
    counts = np.diff(offsets)
    totals = counts.astype(np.float64) if weights is None else _sums(weights, offsets)
    empty = (totals == 0.0) & (counts > 0)
    if empty.any():
        row = int(np.argmax(empty))
        raise DataError(
            f"The weights of the neighbours of query {row} sum to zero, so they have no mean. "
            "Let the weights function return a positive weight for the nearest neighbour.",
            row=row,
        )
    means = np.empty((len(counts), targets.shape[1]))
    for output in range(targets.shape[1]):
        values = targets[:, output].astype(np.float64, copy=False)
        means[:, output] = _sums(values if weights is None else values * weights, offsets)
    with np.errstate(invalid="ignore"):
        means /= totals[:, None]
    return means


def _sums(values: Floats, offsets: Offsets) -> Floats:
    """Sum of each run, nearest first."""
    n_queries = len(offsets) - 1
    queries = np.repeat(np.arange(n_queries), np.diff(offsets))
    return np.bincount(queries, weights=values, minlength=n_queries).astype(np.float64, copy=False)


def _check_votes(weights: Floats | None, offsets: Offsets) -> None:
    if weights is None:
        return
    if (weights < 0.0).any():
        place = int(np.argmax(weights < 0.0))
        query = int(np.searchsorted(offsets, place, side="right")) - 1
        raise DataError(
            f"The weights function returned the negative weight {weights[place]} (query {query}). A vote "
            "counts 0 or more.",
            row=query,
        )
    silent = (_sums(weights, offsets) == 0.0) & (np.diff(offsets) > 0)
    if silent.any():
        query = int(np.argmax(silent))
        raise DataError(
            "All neighbors of some sample is getting zero weights. Please modify 'weights' to avoid this "
            f"case if you are using a user-defined function. The first such sample is query {query}.",
            row=query,
        )
