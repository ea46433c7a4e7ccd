# SPDX-License-Identifier: Apache-2.0
"""What each neighbour's vote counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["Weights", "check_votes", "neighbour_weights", "take_shares", "without_own"]

Floats = NDArray[np.float64]
Weights = str | Callable[[Floats], Any] | None

# Sums of weights such as 0.1 + 0.2 miss their exact value by a few units in the last place.
_ROUNDING = 2.0**-40


def neighbour_weights(distances: Floats, weights: Weights, shares: Floats | None = None) -> Floats | None:
    """What each neighbour's vote counts.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, k), float64
    weights : {"uniform", "distance"}, callable or None
        A callable takes the distances and returns as many weights. Where it returns infinity for a query, as
        1/distance does at a hit, those neighbours count 1 and the query's others nothing.
    shares : ndarray of shape (n_queries, k) or None
        What ``take_shares`` left of each neighbour; multiplies its weight.

    Returns
    -------
    ndarray of shape (n_queries, k) or None
        None where every neighbour counts the same.

    Raises
    ------
    DataError
        A callable returned another shape, NaN, or minus infinity.

    Examples
    --------
    >>> neighbour_weights(np.array([[1.0, 2.0], [0.0, 2.0]]), "distance")
    array([[1. , 0.5],
           [1. , 0. ]])
    """
    if weights is None or (isinstance(weights, str) and weights == "uniform"):
        return shares
    counted = _called(distances, weights) if callable(weights) else _inverse(distances)
    if shares is not None:
        counted = counted * shares
    return counted


def _inverse(distances: Floats) -> Floats:
    nearest: Floats = np.fmin.reduce(distances, axis=1)[
        :, None
    ]  # fmin: a missing distance (NaN) is nobody's nearest
    with np.errstate(divide="ignore", invalid="ignore"):
        counted: Floats = nearest / distances
    hit = nearest[:, 0] <= 0.0  # some metrics round a zero to just below it
    counted[hit] = distances[hit] <= 0.0
    counted[np.isnan(counted)] = 0.0
    lost = ~np.isfinite(nearest[:, 0])
    counted[lost] = 1.0
    return counted


def _called(distances: Floats, weights: Callable[[Floats], Any]) -> Floats:
    # The callable gets an array of its own: what it writes there cannot reach the answer.
    counted = np.asarray(weights(distances.copy()), dtype=np.float64)
    if counted.shape != distances.shape:
        raise DataError(
            f"The weights function returned shape {counted.shape} for distances of shape {distances.shape}. "
            "It must return one weight per distance."
        )
    infinite = np.isposinf(counted)
    hit = np.asarray(infinite.any(axis=1))[:, None]
    if hit.any():
        counted = np.where(hit, infinite.astype(np.float64), counted)
    wrong = ~np.isfinite(counted)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise DataError(
            f"The weights function returned {counted[row, column]} for the distance {distances[row, column]} "
            f"(query {row}, neighbour {column}). Weights must be numbers; a distance may be 0.",
            row=row,
            column=column,
        )
    return counted


def without_own(sample_weights: Floats, own: NDArray[np.bool_]) -> Floats:
    """Weights that may answer a row that asks in leave-one-out: one of its copies asks, the others answer.

    Parameters
    ----------
    sample_weights : ndarray of any shape
    own : boolean ndarray of that shape
        Marks the row that asks.

    Examples
    --------
    >>> without_own(np.array([3.0, 0.5, 2.0]), np.array([True, True, False]))
    array([2., 0., 2.])
    """
    rest: Floats = np.where(own, np.maximum(sample_weights - 1.0, 0.0), sample_weights)
    return rest


def take_shares(sample_weights: Floats, k: int) -> tuple[Floats, NDArray[np.bool_]]:
    """How much of each neighbour is taken when k counts weight, and whether k was reached.

    Parameters
    ----------
    sample_weights : ndarray of shape (n_queries, m)
        Positive weights of the m nearest rows, nearest first.
    k : int
        Weight to take. A neighbour of weight 2 is taken like two copies; the last one taken is split.

    Returns
    -------
    shares : ndarray of shape (n_queries, m)
        Sums to k in each row that reached k.
    reached : boolean ndarray of shape (n_queries,)

    Examples
    --------
    >>> take_shares(np.array([[2.0, 2.0, 1.0]]), 3)
    (array([[2., 1., 0.]]), array([ True]))
    """
    up_to = np.cumsum(sample_weights, axis=1)
    before = np.zeros_like(up_to)
    before[:, 1:] = up_to[:, :-1]
    shares = np.clip(k - before, 0.0, sample_weights)
    return shares, up_to[:, -1] >= k * (1.0 - _ROUNDING)


def check_votes(weights: Floats | None) -> None:
    """Refuse weights that are no votes: a negative one, or nothing but zeros for a query."""
    if weights is None:
        return
    if (weights < 0.0).any():
        row, column = (int(place) for place in np.argwhere(weights < 0.0)[0])
        raise DataError(
            f"The weights function returned the negative weight {weights[row, column]} (query {row}, "
            f"neighbour {column}). A vote counts 0 or more.",
            row=row,
            column=column,
        )
    if not weights.any(axis=1).all():
        row = int(np.argmin(weights.any(axis=1)))
        raise DataError(
            "All neighbors of some sample is getting zero weights. Please modify 'weights' to avoid this "
            f"case if you are using a user-defined function. The first such sample is query {row}.",
            row=row,
        )
