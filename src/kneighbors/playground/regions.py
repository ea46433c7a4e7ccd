# SPDX-License-Identifier: Apache-2.0
"""The answer in every cell of a grid, as bytes.

One search serves many votes: the neighbours of the cells are remembered, and the k nearest are the first k of
the K nearest. So while k or the weights change, no distance is measured again.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from .. import vote
from ..errors import DataError
from .fitting import Recent, estimator, fit_key
from .state import MAX_CELLS, State, View, check_view

__all__ = ["Regions", "centres", "pack", "regions"]

NO_LABEL = 255
_REMEMBERED_CELLS = 2_000_000  # neighbours of a grid worth keeping: 32 MB of distances and ids
_BLOCK_CELLS = 1_000_000
_ROUNDING = 1e-12


class Regions(NamedTuple):
    """A grid of answers, row by row from the top (largest y), left to right.

    Attributes
    ----------
    labels : ndarray of shape (rows, columns), uint8
        The class, 0 to 9; 0 everywhere in a regression; 255 where there is no answer.
    shade : ndarray of shape (rows, columns), uint8
        0 to 255: the margin of the vote (best share less second best), or where the predicted value lies
        between ``low`` and ``high``.
    ties : ndarray of shape (rows, columns), uint8
        1 where the two largest shares are equal, 0 elsewhere.
    low, high : float
        The smallest and largest target; 0 and 1 in a classification.
    searched : bool
        Whether distances were measured, or remembered neighbours voted.
    milliseconds : float
    """

    labels: NDArray[np.uint8]
    shade: NDArray[np.uint8]
    ties: NDArray[np.uint8]
    low: float
    high: float
    searched: bool
    milliseconds: float


class _Neighbours(NamedTuple):
    distances: NDArray[np.float64]
    ids: NDArray[np.int64]


_GRIDS: Recent[_Neighbours] = Recent(4)


def centres(view: View, columns: int, rows: int) -> NDArray[np.float64]:
    """The middle of each cell, of shape (rows * columns, 2), from the top left.

    Examples
    --------
    >>> centres((0.0, 2.0, 0.0, 1.0), 2, 1)
    array([[0.5, 0.5],
           [1.5, 0.5]])
    """
    x0, x1, y0, y1 = view
    x = x0 + (np.arange(columns) + 0.5) * (x1 - x0) / columns
    y = y1 - (np.arange(rows) + 0.5) * (y1 - y0) / rows
    return np.column_stack([np.tile(x, rows), np.repeat(y, columns)])


def regions(state: State, view: View, columns: int, rows: int, shade: str = "margin") -> Regions:
    """Ask the engine for every cell of a grid.

    Parameters
    ----------
    state : State
    view : (x0, x1, y0, y1)
        The window of the plane.
    columns, rows : int
        Cells of the grid, at most 130,000 in all.
    shade : {"margin", "probability"}
        What is shaded in a classification: the margin, or the share of the winner.

    Raises
    ------
    DataError
        There are no points, or too many cells.
    ParameterError
        k is more than there are points.
    """
    started = time.perf_counter()
    check_view(view)
    if columns < 1 or rows < 1 or columns * rows > MAX_CELLS:
        raise DataError(
            f"A grid of {columns} x {rows} was asked for; expected at least one cell and at most "
            f"{MAX_CELLS:,}."
        )
    fitted = estimator(state)
    queries = state.queries(centres(view, columns, rows))
    k = state.n_neighbors
    key = (fit_key(state), view, columns, rows)
    known = _GRIDS.get(key)
    searched = known is None or known.ids.shape[1] < k
    flat: list[tuple[NDArray[Any], ...]] = []
    if known is None or known.ids.shape[1] < k:
        # The first look takes what it needs; when k then grows, a slider is moving: look further ahead.
        ahead = k if known is None else min(len(state.points), max(16, 2 * k))
        ahead = max(k, min(ahead, _REMEMBERED_CELLS // (columns * rows)))
        if columns * rows * ahead <= _REMEMBERED_CELLS:
            known = _GRIDS.put(key, _Neighbours(*fitted.kneighbors(queries, ahead)))
        else:
            known = None
    step = max(1, _BLOCK_CELLS // k)
    for start in range(0, columns * rows, step):
        part = slice(start, start + step)
        found = (
            _Neighbours(*fitted.kneighbors(queries[part], k))
            if known is None
            else _Neighbours(known.distances[part, :k], known.ids[part, :k])
        )
        flat.append(_answers(state, fitted, found, shade))
    labels, shades, ties = (
        np.concatenate([answer[part] for answer in flat]).reshape(rows, columns) for part in range(3)
    )
    targets = state.labels
    low, high = (0.0, 1.0) if state.task == "classification" else (float(targets.min()), float(targets.max()))
    return Regions(labels, shades, ties, low, high, searched, 1e3 * (time.perf_counter() - started))


def _answers(state: State, fitted: Any, found: _Neighbours, shade: str) -> tuple[NDArray[Any], ...]:
    """Labels, shades and ties of some cells, by the vote that the estimators use."""
    distances, ids = np.ascontiguousarray(found.distances), np.ascontiguousarray(found.ids)
    weights = vote.neighbour_weights(distances, state.weights)
    labels, n_cells = state.labels, len(ids)
    if state.task == "regression":
        means = vote.mean_targets(labels[ids][:, :, None], weights)[:, 0]
        low, high = labels.min(), labels.max()
        span = (high - low) or 1.0
        level = np.clip(np.rint(255.0 * (means - low) / span), 0, 255)
        return np.zeros(n_cells, np.uint8), level.astype(np.uint8), np.zeros(n_cells, np.uint8)
    classes = fitted.classes_
    codes = np.searchsorted(classes, labels)[ids]
    winning = vote.winners(codes, weights, len(classes))
    shares = vote.probabilities(codes, weights, len(classes))
    best = shares.max(axis=1)
    shares[np.arange(n_cells), winning] = -1.0
    second = np.maximum(shares.max(axis=1), 0.0) if len(classes) > 1 else np.zeros(n_cells)
    ties = (len(classes) > 1) & (best - second <= _ROUNDING)
    level = best - second if shade == "margin" else best
    return (
        classes[winning].astype(np.uint8),
        np.clip(np.rint(255.0 * level), 0, 255).astype(np.uint8),
        ties.astype(np.uint8),
    )


def pack(answer: Regions) -> bytes:
    """The grid for the wire: a length (4 bytes, little-endian), that many bytes of JSON, three planes."""
    rows, columns = answer.labels.shape
    head = msgspec.json.encode(
        {
            "columns": columns,
            "rows": rows,
            "low": answer.low,
            "high": answer.high,
            "searched": answer.searched,
            "milliseconds": round(answer.milliseconds, 2),
            "tied": int(answer.ties.sum()),
        }
    )
    planes = (answer.labels, answer.shade, answer.ties)
    return len(head).to_bytes(4, "little") + head + b"".join(plane.tobytes() for plane in planes)
