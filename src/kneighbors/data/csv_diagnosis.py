# SPDX-License-Identifier: Apache-2.0
"""Why a block of CSV was refused: a slow second reading that names line, column and text.

Runs only when the fast reading failed, and only over the one block.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from ..errors import DataError
from .csv_blocks import Block, count_lines
from .csv_layout import Layout, is_number
from .values import Place

__all__ = ["MISSING", "LinePlace", "diagnose"]

MISSING = ("", "NA", "N/A", "na", "n/a", "null", "Null", "NULL", "None", "<NA>")
"""What reads as a missing value beside NaN, where missing values are allowed."""


class LinePlace(Place):
    """Names a cell of a CSV block by its line, and shows its text."""

    def __init__(self, source: str, layout: Layout, block: Block, first_row: int) -> None:
        super().__init__(source, layout.selection.names, first_row)
        self._layout, self._block = layout, block

    def row_text(self, row: int) -> str:
        return f"line {self._record(row)[0]}"

    def value_text(self, row: int, column: int | None, value: float) -> str:
        fields = self._record(row)[1]
        if column is None or column >= len(fields):
            return super().value_text(row, column, value)
        beyond = (
            ", which is beyond float64's range," if any(digit.isdigit() for digit in fields[column]) else ""
        )
        return shown(fields[column]) + beyond

    def _record(self, row: int) -> tuple[int, list[str]]:
        try:
            for position, record in enumerate(records(self._layout, self._block)):
                if position == row:
                    return record
        except _UnreadableError as error:
            return error.line, []
        return self._block.first_line, []


class _UnreadableError(Exception):
    """Python's csv reader gives up, as it does at a field of more than 131,072 characters."""

    def __init__(self, reason: str, line: int, row: int) -> None:
        super().__init__(reason)
        self.line, self.row = line, row


def records(layout: Layout, block: Block) -> Iterator[tuple[int, list[str]]]:
    """Line number of the first line and fields of each record; empty lines are skipped."""
    reader = csv.reader(io.StringIO(block.data.decode("utf-8"), newline=""), delimiter=layout.delimiter)
    line, row = block.first_line, 0
    try:
        for fields in reader:
            if fields:
                yield line, fields
                row += 1
            line = block.first_line + reader.line_num
    except csv.Error as error:
        raise _UnreadableError(str(error), line, row) from error


def diagnose(
    name: str, layout: Layout, block: Block, first_row: int, *, allow_nan: bool, reason: str
) -> DataError:
    """The refusal of the first offending record or cell; ``reason`` is the fast reader's own message."""
    found: DataError | None = None
    count = 0
    line = block.first_line
    place = Place(name, layout.selection.names, first_row)
    try:
        for row, (line, fields) in enumerate(records(layout, block)):
            if len(fields) != layout.n_columns:
                return found or _ragged(name, layout, line, fields, first_row + row)
            for column in layout.selection.features:
                text = fields[column]
                if is_number(text) or (allow_nan and text.strip() in MISSING):
                    continue
                count += 1
                if found is None:
                    found = _cell(name, place, layout, line, text, first_row + row, column)
    except _UnreadableError as error:
        if found is None:
            return DataError(
                f"{name}, line {error.line}: cannot be read as CSV ({error}); expected short cells of "
                "numbers. Look "
                'for a quote (") that is never closed, or for text where numbers belong.',
                row=first_row + error.row,
            )
    if found is None:
        last = block.first_line + count_lines(block.data)
        return DataError(f"{name}, lines {block.first_line} to {last}: cannot be read as CSV: {reason}")
    if count > 1:
        message = f"{found} ({count} such cells in this block of lines.)"
        found = DataError(message, row=found.row, column=found.column)
    return found


def _ragged(name: str, layout: Layout, line: int, fields: list[str], row: int) -> DataError:
    advice = "Check for a delimiter inside a value (quote such values), or a line that was cut."
    if any("\n" in field for field in fields):
        advice = 'Check for a quote (") that is never closed.'
    return DataError(
        f"{name}, line {line}: found {len(fields)} fields; expected {layout.n_columns}, as in the first "
        f"line. {advice}",
        row=row,
    )


def _cell(name: str, place: Place, layout: Layout, line: int, text: str, row: int, column: int) -> DataError:
    where = f"{name}, line {line}, {place.column_text(column)}"
    if not text.strip():
        advice = "Fill it in or drop the row; allow_nan=True reads it as a missing value (for nan_euclidean)."
        found = "an empty cell"
    elif text.strip() in MISSING:
        advice = "Fill it in or drop the row; allow_nan=True reads it as a missing value (for nan_euclidean)."
        found = f"{shown(text)}, a missing value"
    else:
        advice = "Correct it, encode text as numbers, or leave the column out with columns=[...]."
        found = shown(text)
        if "," in text:
            advice = "Numbers are written with a decimal point and without thousands separators. " + advice
    if line == layout.first_line == 1:
        advice += " If the first line holds names, pass header=True."
    return DataError(f"{where}: found {found}; expected a number. {advice}", row=row, column=column)


def shown(text: str) -> str:
    """A cell's text, cut to a length that a message can bear."""
    return repr(text if len(text) <= 60 else text[:57] + "...") + (
        "" if len(text) <= 60 else f" ({len(text)} characters)"
    )
