# SPDX-License-Identifier: Apache-2.0
"""The k smallest of many values in the order (value, place), without sorting them all. NaN comes last."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Distances, Ids

__all__ = ["drop_excluded", "merge", "smallest"]


def smallest(values: NDArray[Any], k: int) -> tuple[Distances, Ids]:
    """The k smallest values of each line and their places: ascending, ties by the lower place.

    Parameters
    ----------
    values : array of shape (n_lines, width)
        May hold infinities and NaN; NaN is larger than everything.
    k : int
        1 to width.

    Returns
    -------
    values : float64 array of shape (n_lines, k)
    places : int64 array of shape (n_lines, k)
    """
    n_lines, width = values.shape
    if k < width:
        limit = np.partition(values, k - 1, axis=1)[:, k - 1 : k]
        unordered = np.isnan(limit)
        below = values < limit
        equal = values == limit
        if unordered.any():  # the k-th value is NaN: every number is below it, every NaN equals it
            missing = np.isnan(values)
            below = np.where(unordered, ~missing, below)
            equal = np.where(unordered, missing, equal)
        lacking = k - below.sum(axis=1)
        crowded = np.flatnonzero(equal.sum(axis=1) > lacking)
        if crowded.size:  # more ties at the limit than places left: the first of them stay
            ties = equal[crowded]
            equal[crowded] = ties & (np.cumsum(ties, axis=1) <= lacking[crowded, None])
        places = np.nonzero(below | equal)[1].reshape(n_lines, k)
    else:
        places = np.broadcast_to(np.arange(width), (n_lines, width))
    chosen = np.take_along_axis(values, places, axis=1)
    order = np.argsort(chosen, axis=1, kind="stable")
    return (
        np.take_along_axis(chosen, order, axis=1).astype(np.float64, copy=False),
        np.take_along_axis(places, order, axis=1).astype(np.int64, copy=False),
    )


def merge(
    best: tuple[Distances, Ids] | None, values: Distances, places: Ids, k: int
) -> tuple[Distances, Ids]:
    """The k best of those so far and of a later block, whose places are all higher."""
    if best is None:
        return values, places
    values = np.concatenate([best[0], values], axis=1)
    places = np.concatenate([best[1], places], axis=1)
    order = np.argsort(values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(places, order, axis=1)


def drop_excluded(values: Distances, places: Ids, excluded: Ids, k: int) -> tuple[Distances, Ids]:
    """k answers per line without the excluded place, from k + 1 that may hold it."""
    kept = places != excluded[:, None]
    kept[kept.all(axis=1), k:] = False  # the excluded place is not among them: the last one goes
    shape = (places.shape[0], k)
    return values[kept].reshape(shape), places[kept].reshape(shape)
