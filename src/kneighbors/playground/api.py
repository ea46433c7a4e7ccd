# SPDX-License-Identifier: Apache-2.0
"""What the page may ask: a name, a JSON body, an answer in JSON or bytes.

The same table serves HTTP (``app``) and the notebook (``widget``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from .. import __version__
from ..errors import DataError, KneighborsError, ParameterError
from ..parameters import ALGORITHMS, REDUCTIONS, SCALINGS
from . import curse, curve, pasted, place, presets, regions, scores, shapes, take_home
from .fitting import Recent
from .state import MAX_CLASSES, MAX_NOISE, MAX_POINTS, METRICS, Place, State, View, check_view, decode

__all__ = ["MAX_BODY", "REQUESTS", "Answer", "answer", "failure"]

MAX_BODY = 8 << 20
"""Bytes of one request: a CSV of 4 million characters, escaped."""


class Answer(NamedTuple):
    """A media type and the bytes of that type."""

    media_type: str
    content: bytes


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Preset(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    random_state: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=pasted.MAX_TEXT)]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    state: State


class _Grid(msgspec.Struct, forbid_unknown_fields=True):
    state: State
    view: View
    columns: Annotated[int, Meta(ge=1, le=4000)] = 240
    rows: Annotated[int, Meta(ge=1, le=4000)] = 200
    shade: Literal["margin", "probability"] = "margin"


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    state: State
    view: View
    place: Place | None = None


_LASTING = ("preset", "regions")
_SHORT = 20_000
_LARGEST = 64_000
_ANSWERS: Recent[Answer] = Recent(64)


def _json(value: Any) -> Answer:
    return Answer("application/json", msgspec.json.encode(value))


def _about(_: _Nothing) -> Answer:
    return _json(
        {
            "version": __version__,
            "presets": {
                name: {"title": preset.title, "note": preset.note} for name, preset in presets.PRESETS.items()
            },
            "metrics": METRICS,
            "scalings": SCALINGS,
            "algorithms": ALGORITHMS,
            "reductions": REDUCTIONS,
            "aspect": presets.ASPECT,
            "limits": {"points": MAX_POINTS, "classes": MAX_CLASSES, "noise": MAX_NOISE},
        }
    )


def _regions(asked: _Grid) -> Answer:
    grid = regions.regions(asked.state, asked.view, asked.columns, asked.rows, asked.shade)
    return Answer("application/octet-stream", regions.pack(grid))


def _place(asked: _Asked) -> Answer:
    if asked.place is None:
        raise DataError("The request has no place; expected place: [x, y].")
    return _json(place.ask(asked.state, asked.place, check_view(asked.view)))


def _python(asked: _Grid) -> Answer:
    view = check_view(asked.view)
    text = take_home.python_program(asked.state, view, asked.columns, asked.rows)
    return Answer("text/x-python; charset=utf-8", text.encode())


REQUESTS: dict[str, tuple[type, Callable[[Any], Answer]]] = {
    "about": (_Nothing, _about),
    "preset": (_Preset, lambda asked: _json(presets.load(asked.name, asked.random_state))),
    "csv": (_Text, lambda asked: _json(pasted.read_points(asked.text))),
    "regions": (_Grid, _regions),
    "place": (_Asked, _place),
    "curve": (_State, lambda asked: _json(curve.curve(asked.state))),
    "curse": (_State, lambda asked: _json(curse.curse(asked.state))),
    "index": (
        _Asked,
        lambda asked: _json(shapes.index_view(asked.state, check_view(asked.view), asked.place)),
    ),
    "scorecard": (_State, lambda asked: _json(scores.scores(asked.state))),
    "python": (_Grid, _python),
    "model": (_State, lambda asked: Answer("application/gzip", take_home.model_archive(asked.state))),
}
"""Each request's name, the form of its body, and what answers it."""


def answer(name: str, body: bytes) -> Answer:
    """Check a request's body and answer it.

    Raises
    ------
    KneighborsError
        The name is not known, the body is no such request, or the engine refuses the question.

    Examples
    --------
    >>> answer("preset", b'{"name": "sparse"}').media_type
    'application/json'
    """
    if name not in REQUESTS:
        raise ParameterError(f"The request {name!r} is not known; one of {', '.join(REQUESTS)} works.")
    form, work = REQUESTS[name]
    if name not in _LASTING or len(body) > _SHORT:
        return work(decode(body, form))
    # The small pictures of the presets are asked for whenever a page opens.
    known = _ANSWERS.get((name, body))
    if known is None:
        known = work(decode(body, form))
        if len(known.content) <= _LARGEST:
            _ANSWERS.put((name, body), known)
    return known


def failure(error: KneighborsError) -> dict[str, Any]:
    """An error as the server tells it: ``error``, ``field`` and ``row``.

    Examples
    --------
    >>> try:
    ...     answer("curve", b'{"state": {"p": 99}}')
    ... except KneighborsError as error:
    ...     failure(error)
    {'error': 'Expected `float` <= 32.0 - at `$.state.p`', 'field': 'state.p', 'row': None}
    """
    message = str(error)
    _, _, path = message.rpartition("at `$.")
    return {
        "error": message,
        "field": path.rstrip("`") or None if "at `$." in message else None,
        "row": getattr(error, "row", None),
    }
