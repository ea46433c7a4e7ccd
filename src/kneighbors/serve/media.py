# SPDX-License-Identifier: Apache-2.0
"""Content-Type and Accept: which format, and how much is told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .messages import RequestError

__all__ = ["JSON", "JSON_LINES", "RECORDIO", "Wanted", "content_type", "wanted"]

JSON = "application/json"
JSON_LINES = "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"
_ACCEPTED = {
    JSON: JSON,
    JSON_LINES: JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/jsonl": JSON_LINES,
    RECORDIO: RECORDIO,
    "*/*": JSON,
    "application/*": JSON,
}
_LEVELS = {"false": "", "true": "true", "neighbors": "neighbors"}


@dataclass(frozen=True)
class Wanted:
    """What an Accept header asks for.

    Attributes
    ----------
    format : str
        A media type.
    level : {"", "true", "neighbors"}
        The prediction alone; also distances and labels, as the managed service orders them; or ids,
        distances and labels as the estimators give them, nearest first.
    """

    format: str
    level: str


@lru_cache(maxsize=256)
def content_type(header: str | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The lower-case media type and its parameters; nothing where there is no header."""
    kind, parameters = _split(header or "")
    return kind, tuple(sorted(parameters.items()))


@lru_cache(maxsize=256)
def wanted(header: str | None) -> Wanted:
    """The first format of an Accept header that there is.

    Examples
    --------
    >>> wanted("application/jsonlines; verbose=true")
    Wanted(format='application/jsonlines', level='true')
    """
    if header is None or not header.strip():
        return Wanted(JSON, "")
    for choice in header.split(","):
        kind, parameters = _split(choice)
        if kind in _ACCEPTED and parameters.get("q") not in ("0", "0.0", "0.00", "0.000"):
            level = _LEVELS.get(parameters.get("verbose", "false"))
            if level is None:
                raise RequestError(
                    406, "verbose takes true, false or neighbors (ids too, nearest first).", field="accept"
                )
            return Wanted(_ACCEPTED[kind], level)
    raise RequestError(406, f"Answers come as {JSON}, {JSON_LINES} or {RECORDIO}.", field="accept")


def _split(text: str) -> tuple[str, dict[str, str]]:
    kind, *rest = text.split(";")
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"').lower()
    return kind.strip().lower(), parameters
