# SPDX-License-Identifier: Apache-2.0
"""The index drawn: what it is made of, and what one query touched.

An index says of itself what it has (``describe``) and what a query did (``trace``); whatever of that has a
place in the plane is drawn. A kind of index needs nothing here: it is enough that it names its parts by the
words below, in the coordinates of the rows it holds.

=====================  ========================================================  =============
in ``describe``        is                                                        drawn as
=====================  ========================================================  =============
``cells[i]["box"]``    lowest and highest corner                                 a rectangle
``cells[i]["center"]`` a point; with ``radius``                                  a circle
                       without                                                   a cross
``planes``             (m, d + 1): normal and offset                             a line
``edges``              (m, 2): row ids                                           a segment
=====================  ========================================================  =============
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitting import estimator
from .state import Place, State, View

__all__ = ["DRAWN", "index_view"]

Floats = NDArray[np.float64]
_CORNERS = 48
_MOST = 4000
"""Shapes of one word that are sent; more cannot be told apart on a screen."""


def index_view(state: State, view: View, place: Place | None = None) -> dict[str, Any]:
    """The index of a fitted state in data units, and what asking at ``place`` touched.

    Returns
    -------
    dict
        ``kind``; ``shapes``: ``{"word", "number", "lines": [[x, y], ...], "closed"}``; ``facts``: the plain
        figures of ``describe``; ``counted``, ``exact``, ``brute``: rows compared with the place, those
        measured in float64, and all there are; ``visited``: numbers of the cells that the query visited, in
        order; ``walk``: places of rows visited one after the other, for a graph.
    """
    model = estimator(state)._model
    told = model.index.describe(parts=True)
    answer: dict[str, Any] = {
        "kind": str(told["kind"]),
        "facts": {name: value for name, value in told.items() if isinstance(value, (int, float, str, bool))},
        "shapes": [],
        "brute": int(model.n_kept),
        "visited": [],
        "walk": [],
    }
    back = _back_to_the_plane(state, model)
    if back is not None:
        for draw in DRAWN.values():
            answer["shapes"] += draw(told, back, view, state)
    if place is not None:
        touched = model.index.trace(model.prepare(state.queries(np.array([place]))), state.n_neighbors)
        answer["counted"] = int(touched["distances_counted"])
        answer["exact"] = int(touched["distances_exact"])
        answer["visited"] = [int(cell) for cell in touched["cells"][:_MOST]]
        if "edges" in told:
            nodes = [int(node) for node in touched["nodes"][:_MOST]]
            answer["walk"] = [list(state.points[node][:2]) for node in nodes if node < len(state.points)]
    return answer


def _back_to_the_plane(state: State, model: Any) -> Callable[[Floats], Floats] | None:
    """From the rows' coordinates to data units, where the way there is a straight one in two columns."""
    if state.noise or state.scale == "unit" or state.metric == "cosine":
        return None
    corner, across, up = model.prepare(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    steps = np.stack([across - corner, up - corner])
    if abs(np.linalg.det(steps)) < 1e-300:
        return None
    inverse = np.linalg.inv(steps)
    return lambda rows: (np.asarray(rows, dtype=np.float64) - corner) @ inverse


def _shape(word: str, number: int, lines: Floats, closed: bool) -> dict[str, Any]:
    return {"word": word, "number": number, "lines": np.round(lines, 9).tolist(), "closed": closed}


def _boxes(told: dict[str, Any], back: Any, view: View, state: State) -> list[dict[str, Any]]:
    shapes = []
    for number, cell in enumerate(told.get("cells", [])[:_MOST]):
        if cell.get("box") is not None:
            low, high = np.asarray(cell["box"], dtype=np.float64)
            corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
            shapes.append(_shape("box", number, back(corners), True))
    return shapes


def _circles(told: dict[str, Any], back: Any, view: View, state: State) -> list[dict[str, Any]]:
    angles = np.arange(_CORNERS) * (2 * np.pi / _CORNERS)
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    shapes = []
    for number, cell in enumerate(told.get("cells", [])[:_MOST]):
        if cell.get("center") is None or cell.get("box") is not None:
            continue
        center = np.asarray(cell["center"], dtype=np.float64)
        if cell.get("radius") is not None:
            shapes.append(_shape("circle", number, back(center + float(cell["radius"]) * unit), True))
        else:
            shapes.append(_shape("cross", number, back(center[None]), False))
    return shapes


def _planes(told: dict[str, Any], back: Any, view: View, state: State) -> list[dict[str, Any]]:
    shapes = []
    reach = 10.0 * max(1.0, *(abs(value) for value in view))
    for number, plane in enumerate(np.asarray(told.get("planes", ()), dtype=np.float64)[:_MOST]):
        normal, offset = plane[:2], plane[2]
        length = float(normal @ normal)
        if length > 0.0:
            foot, along = normal * offset / length, np.array([-normal[1], normal[0]]) / np.sqrt(length)
            shapes.append(
                _shape("plane", number, back(np.stack([foot - reach * along, foot + reach * along])), False)
            )
    return shapes


def _edges(told: dict[str, Any], back: Any, view: View, state: State) -> list[dict[str, Any]]:
    xy = state.xy
    return [
        _shape("edge", number, xy[[start, end]], False)
        for number, (start, end) in enumerate(np.asarray(told.get("edges", ()), dtype=np.int64)[:_MOST])
        if max(start, end) < len(xy)
    ]


DRAWN: dict[str, Callable[[dict[str, Any], Any, View, State], list[dict[str, Any]]]] = {
    "boxes": _boxes,
    "circles": _circles,
    "planes": _planes,
    "edges": _edges,
}
"""What can be drawn, and by what."""
