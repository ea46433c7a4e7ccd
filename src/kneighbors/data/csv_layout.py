# SPDX-License-Identifier: Apache-2.0
"""How a CSV file is laid out: byte order mark, line ends, delimiter, header, and where its rows begin.

All of it is told from the first records; nothing is guessed from values further down.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import BinaryIO, Literal

from ..errors import DataError, ParameterError
from .columns import Column, Columns, Selection, select
from .csv_blocks import Block, blocks, count_lines
from .values import Place

__all__ = ["Header", "Layout", "is_number", "read_layout"]

Header = Literal["auto"] | bool

HEAD_BYTES = 64 << 10
_NUMBER = re.compile(
    r"[ \t]*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|nan|inf|infinity)[ \t]*",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Layout:
    """How to read one CSV file.

    Attributes
    ----------
    delimiter : str
        One character.
    line_end : bytes
        What ends a line; ``\\r\\n`` counts as ``\\n``.
    n_columns : int
        Fields in every record.
    selection : Selection
        Which of them are features and labels; its ``names`` come from the header, or are None.
    start : int
        Byte where the rows begin.
    first_line : int
        Line number of the first row, counted from 1.
    head : Block or None
        Some first rows; None when there is none.
    """

    delimiter: str
    line_end: bytes
    n_columns: int
    selection: Selection
    start: int
    first_line: int
    head: Block | None


def is_number(text: str) -> bool:
    """Whether a cell reads as a number, NaN and infinity included."""
    return _NUMBER.fullmatch(text) is not None


def read_layout(
    file: BinaryIO, name: str, *, header: Header, delimiter: str | None, label: Columns, columns: Columns
) -> Layout:
    """Look at the first records.

    Raises
    ------
    DataError
        An empty file, another encoding, a first record that could be a header or a row, or columns that are
        not there.
    """
    start = _after_mark(file, name)
    file.seek(start)
    sample = file.read(HEAD_BYTES)
    line_end = b"\r" if b"\r" in sample and b"\n" not in sample else b"\n"
    if delimiter is None:
        delimiter = _find_delimiter(sample, line_end)
    elif len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise ParameterError(
            f"delimiter={delimiter!r} was given; expected one ASCII character other than a quote."
        )
    first = _first_record(file, name, delimiter, line_end, start)
    if first is None:
        raise DataError(
            f"{name}: is empty; expected at least one row. Check that the file was written completely."
        )
    record, lines, n_bytes = first
    n_columns = len(record)
    has_header = _has_header(record, header, name, label, columns)
    names = tuple(cell.strip() for cell in record) if has_header else None
    selection = select(n_columns, names, label=label, columns=columns, place=Place(name, names))
    if has_header:
        start, first_line = start + n_bytes, 1 + lines
    else:
        first_line = 1
    reader = blocks(
        file,
        name,
        delimiter=delimiter,
        line_end=line_end,
        start=start,
        first_line=first_line,
        size=HEAD_BYTES,
    )
    head = next((block for block in reader if block.data.strip(b"\r\n")), None)
    return Layout(delimiter, line_end, n_columns, selection, start, first_line, head)


def _after_mark(file: BinaryIO, name: str) -> int:
    file.seek(0)
    mark = file.read(4)
    for known, text in (
        (codecs.BOM_UTF32_LE, "UTF-32"),
        (codecs.BOM_UTF32_BE, "UTF-32"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if mark.startswith(known):
            raise DataError(
                f"{name}: is {text}; expected UTF-8. Convert it, for instance: iconv -f {text.lower()} -t "
                "utf-8."
            )
    if mark.startswith((b"PAR1", b"\x93NUM")):
        raise DataError(
            f"{name}: is no CSV but a {'Parquet' if mark[0] == 80 else '.npy'} file; give its format."
        )
    return 3 if mark.startswith(codecs.BOM_UTF8) else 0


def _find_delimiter(sample: bytes, line_end: bytes) -> str:
    """The comma if the first line has one outside quotes, else a tab, a semicolon or a bar."""
    first_line = sample.lstrip(b"\r\n").partition(line_end)[0]
    outside = re.sub(rb'"(?:[^"]|"")*+"?', b"", first_line)
    return next((mark for mark in ",\t;|" if mark.encode() in outside), ",")


def _first_record(
    file: BinaryIO, name: str, delimiter: str, line_end: bytes, start: int
) -> tuple[list[str], int, int] | None:
    """Fields of the first record, and the lines and bytes up to its end; None for an empty file."""
    skipped_lines = skipped_bytes = 0
    for block in blocks(file, name, delimiter=delimiter, line_end=line_end, start=start, size=HEAD_BYTES):
        if not block.data.strip(b"\r\n"):
            skipped_lines += count_lines(block.data)
            skipped_bytes += len(block.data)
            continue
        lines = list(io.StringIO(block.data.decode("utf-8"), newline=""))
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            record = next(fields for fields in reader if fields)
        except csv.Error as error:
            raise DataError(f"{name}, line {reader.line_num}: cannot be read as CSV: {error}.") from error
        n_bytes = sum(len(line.encode("utf-8")) for line in lines[: reader.line_num])
        return record, skipped_lines + reader.line_num, skipped_bytes + n_bytes
    return None


def _has_header(record: list[str], header: Header, name: str, label: Columns, columns: Columns) -> bool:
    """Whether the first record holds names, told from its feature columns only."""
    if header is not True and header is not False and header != "auto":
        raise ParameterError(f"header={header!r} was given; expected True, False or 'auto'.")
    if isinstance(header, bool):
        return header
    for setting, wanted in (("label", label), ("columns", columns)):
        for column in _listed(wanted):
            if isinstance(column, str):
                _check_names(record, column, setting, name)
                return True  # a column is asked for by name
    chosen = select(len(record), None, label=label, columns=columns, place=Place(name))
    cells = [record[position] for position in chosen.features if record[position].strip()]
    numbers = sum(is_number(cell) for cell in cells)
    if numbers == len(cells):
        return False
    if numbers == 0:
        return True
    text = next(cell for cell in cells if not is_number(cell))
    number = next(cell for cell in cells if is_number(cell))
    raise DataError(
        f"{name}: the first line has both text ({_short(text)}) and numbers ({_short(number)}) in its "
        "feature columns; expected a header of names or a row of numbers. Pass header=True or header=False."
    )


def _check_names(record: list[str], wanted: str, setting: str, name: str) -> None:
    """Refuse a name where the first line is a row of numbers: a list of those would not help."""
    if wanted in (cell.strip() for cell in record) or 2 * sum(map(is_number, record)) < len(record):
        return
    shown = ", ".join(_short(cell) for cell in record[:4]) + (", ..." if len(record) > 4 else "")
    raise DataError(
        f"{name}: {setting} names column {wanted!r}, but the first line holds no names ({shown}); expected a "
        "position, counting from 0. Where it does hold names, pass header=True."
    )


def _listed(columns: Columns) -> list[Column]:
    if columns is None:
        return []
    return [columns] if isinstance(columns, (str, int)) else list(columns)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
