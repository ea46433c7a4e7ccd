# SPDX-License-Identifier: Apache-2.0
"""A request, an answer, and the refusal that becomes one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

__all__ = ["Request", "RequestError", "Response"]

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class RequestError(Exception):
    """A request that is not answered, and why; sent as ``{"error", "field", "row"}``.

    Parameters
    ----------
    status : int
        HTTP status, 400 to 599.
    message : str
        What was given, what would work, what to do next. Never holds a payload, a path or a trace.
    field : str or None
        The part of the request at fault: a header, a JSON key, a column.
    row : int or None
        Zero-based row of the request, where one is at fault.
    headers : mapping
        Added to the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str | None = None,
        row: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.row = row
        self.headers = dict(headers or {})

    def response(self) -> Response:
        body = json.dumps({"error": self.message, "field": self.field, "row": self.row}, ensure_ascii=False)
        return Response(body.encode(errors="replace"), status=self.status, headers=self.headers)


@dataclass(slots=True)
class Request:
    """One whole request.

    Attributes
    ----------
    method : str
    path : str
        As it was sent: begins with ``/``, percent signs are not decoded.
    query : str
        What stands after the ``?``.
    headers : dict
        Lower-case names; equal names are joined by a comma.
    body : bytes
    parameters : dict
        What stood in the place of each ``{name}`` of the route.
    """

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Response:
    """One whole answer.

    Attributes
    ----------
    body : bytes
    status : int, default=200
    content_type : str, default="application/json"
    headers : dict
        More header fields; values without control characters.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, date: bytes, *, close: bool, head_only: bool = False) -> bytes:
        """The bytes that go over the wire."""
        reason = _REASONS.get(self.status, "Answer")
        lines = [
            f"HTTP/1.1 {self.status} {reason}\r\ncontent-type: {self.content_type}\r\n"
            f"content-length: {len(self.body)}\r\nx-content-type-options: nosniff\r\n"
        ]
        for name, value in self.headers.items():
            lines.append(f"{name}: {_plain(value)}\r\n")
        if close:
            lines.append("connection: close\r\n")
        head = "".join(lines).encode("latin-1", "replace") + date
        return head if head_only else head + self.body

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Response:
        """An answer of plain values; not for large arrays."""
        return cls(json.dumps(value, ensure_ascii=False, allow_nan=False).encode(), status, headers=headers)


def _plain(value: str) -> str:
    return "".join(c for c in value if " " <= c <= "~")
