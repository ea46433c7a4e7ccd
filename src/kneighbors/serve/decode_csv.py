# SPDX-License-Identifier: Apache-2.0
"""CSV request bodies to rows: no header, one row per line.

A body of plain numbers is read as one JSON list, which simdjson copies straight into an array; its commas are
counted line by line, so that no row borrows from the next. Whatever is not plain (quotes, a plus sign, spaces
that JSON does not know) is read cell by cell, and a refusal names row and column.
"""

from __future__ import annotations

import csv
import io
import math
import re
from typing import Any, NoReturn

import numpy as np
import simdjson
from numpy.typing import NDArray

from .messages import RequestError

__all__ = ["csv_rows"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WORD = re.compile(r"[+-]?(nan|na|inf|infinity|null|none)?", re.IGNORECASE | re.ASCII)
_CELL_CHARACTERS = 400
_AS_IT_IS = {"utf-8", "utf8", "ascii", "us-ascii"}
_CHARSETS = _AS_IT_IS | {"iso-8859-1", "latin-1", "latin1", "windows-1252", "utf-16"}


def csv_rows(body: bytes, n_features: int, parameters: dict[str, str]) -> NDArray[np.float64]:
    """Rows of shape (n, n_features).

    ``label_size`` columns at the front of each line are left out; ``charset`` or ``encoding`` is utf-8 unless
    it is named. Empty lines at the end are none; an empty body has no rows.
    """
    n_labels = _label_size(parameters)
    body = _utf8(body, parameters)
    if not body.strip():
        return np.empty((0, n_features))
    width = n_features + n_labels
    rows = _plain(body, width)
    if rows is None:
        rows = _cell_by_cell(body, width, n_labels)
    return rows[:, n_labels:] if n_labels else rows


def _label_size(parameters: dict[str, str]) -> int:
    given = parameters.get("label_size", "0")
    if not given.isdecimal() or len(given) > 4:
        raise RequestError(400, "label_size must be a number of columns, from 0 on.", field="content-type")
    return int(given)


def _utf8(body: bytes, parameters: dict[str, str]) -> bytes:
    charset = parameters.get("charset", parameters.get("encoding", "utf-8"))
    if charset not in _CHARSETS:
        raise RequestError(
            415, "CSV is read in UTF-8, ASCII, Latin-1, Windows-1252 or UTF-16.", field="content-type"
        )
    if charset not in _AS_IT_IS:
        try:
            return body.decode(charset).encode()
        except UnicodeError:
            raise RequestError(400, f"The body is not {charset}.", field="content-type") from None
    if body[:3] == b"\xef\xbb\xbf":
        raise RequestError(400, "The body starts with a byte order mark; send UTF-8 without one.")
    return body


def _plain(body: bytes, width: int) -> NDArray[np.float64] | None:
    """Rows of a body of JSON's own numbers; None for any other."""
    body = body.rstrip(b"\r\n")
    lines = body.count(b"\n") + 1
    commas = body.count(b",")
    if commas != lines * (width - 1) or b"[" in body or b"{" in body or b'"' in body:
        return None
    if lines > 1 and any(line.count(b",") != width - 1 for line in body.split(b"\n")):
        return None
    try:
        parsed: Any = simdjson.Parser().parse(b"[" + body.replace(b"\n", b",") + b"]")
        return np.frombuffer(parsed.as_buffer(of_type="d")).reshape(lines, width)
    except (ValueError, RuntimeError, TypeError):
        return None


def _cell_by_cell(body: bytes, width: int, n_labels: int) -> NDArray[np.float64]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise RequestError(400, "The body is not UTF-8.", field="content-type") from None
    if "\0" in text:
        raise RequestError(400, "The body holds a NUL character; CSV is text.")
    rows: list[list[float]] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                rows.append(_row(cells, width, n_labels, len(rows)))
    except csv.Error:
        raise RequestError(400, f"Line {reader.line_num} is not well-formed CSV.", row=len(rows)) from None
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _row(cells: list[str], width: int, n_labels: int, row: int) -> list[float]:
    if len(cells) != width:
        labels = f" after {n_labels} labels" if n_labels else ""
        raise RequestError(
            400,
            f"Row {row} has {len(cells) - n_labels} features; the model has {width - n_labels}{labels}.",
            field="features",
            row=row,
        )
    values = []
    for column, cell in enumerate(cells):
        cell = cell.strip(" \t")
        if len(cell) > _CELL_CHARACTERS or not _NUMBER.fullmatch(cell):
            if column < n_labels:
                values.append(0.0)  # left out in any case
                continue
            _refuse_cell(cell, row, column - n_labels)
        number = float(cell)
        if math.isinf(number):
            _refuse(f"Row {row}, column {column - n_labels} is beyond float64.", row, column - n_labels)
        values.append(number)
    return values


def _refuse_cell(cell: str, row: int, column: int) -> NoReturn:
    if _WORD.fullmatch(cell):
        what = "empty" if not cell.strip("+-") else "not a finite number"
        _refuse(f"Row {row}, column {column} is {what}. Fill it in, or leave the row out.", row, column)
    hint = " A header is not sent." if row == 0 else ""
    _refuse(f"Row {row}, column {column} is text; a number is expected.{hint}", row, column)


def _refuse(message: str, row: int, column: int) -> NoReturn:
    raise RequestError(400, message, field=f"column {column}", row=row)
