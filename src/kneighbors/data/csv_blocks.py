# SPDX-License-Identifier: Apache-2.0
"""A CSV file in blocks of whole records, without parsing it.

A block ends at a line end that is not inside a quoted field, so each block can be parsed by itself, and line
numbers are known throughout. Memory is one block, whatever the file's size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["MAX_RECORD", "Block", "blocks", "count_lines"]

BLOCK_BYTES = 2 << 20
"""Larger blocks are no faster (measured from 1 to 16 MiB); they only take memory."""
MAX_RECORD = 64 << 20
"""The longest record, in bytes. A file without line ends, or with a quote that never closes, stops here."""

_QUOTE, _ADVICE = ord('"'), 'Look for a quote (") that is never closed, or for a file that is no text at all.'


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records.

    Attributes
    ----------
    data : bytes
        UTF-8 without NUL, checked.
    first_line : int
        Line number of the first line, counted from 1.
    end : int
        Bytes of the file up to the end of this block.
    """

    data: bytes
    first_line: int
    end: int


def blocks(
    file: BinaryIO,
    name: str,
    *,
    delimiter: str = ",",
    line_end: bytes = b"\n",
    start: int = 0,
    first_line: int = 1,
    size: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """Read ``file`` from byte ``start`` (the beginning of line ``first_line``) to its end.

    Raises
    ------
    DataError
        NUL bytes, bytes that are not UTF-8, or a record longer than ``MAX_RECORD``.
    """
    file.seek(start)
    pending = b""
    end = start
    while True:
        read = file.read(size)
        pending += read
        if not pending:
            return
        cut = last_record_end(pending, delimiter, line_end) if read else len(pending)
        if cut == 0:
            if len(pending) > MAX_RECORD:
                raise DataError(
                    f"{name}, line {first_line}: found a record longer than {MAX_RECORD >> 20} MiB; expected "
                    f"a line end before that. {_ADVICE}"
                )
            size = min(size * 2, MAX_RECORD)
            continue
        data, pending = pending[:cut], pending[cut:]
        end += cut
        _check_text(data, name, first_line)
        yield Block(data, first_line, end)
        first_line += count_lines(data)


def count_lines(data: bytes) -> int:
    """Line ends of all three kinds; ``\\r\\n`` is one."""
    return data.count(b"\n") + (data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0)


def last_record_end(data: bytes, delimiter: str, line_end: bytes = b"\n") -> int:
    """How many bytes of ``data``, which starts at a record, are whole records."""
    if _QUOTE not in data:
        return data.rfind(line_end) + 1
    quotes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _QUOTE)
    if _regular(data, quotes, delimiter):
        # every quote opens or closes a field, so a line end after an even number of them is outside
        cut = data.rfind(line_end)
        while cut >= 0 and np.searchsorted(quotes, cut) % 2:
            cut = data.rfind(line_end, 0, int(quotes[np.searchsorted(quotes, cut) - 1]))
        return cut + 1
    return _slow_record_end(data, delimiter, line_end)


def _regular(data: bytes, quotes: NDArray[np.intp], delimiter: str) -> bool:
    """Whether quotes stand only where RFC 4180 has them: around whole fields, and doubled inside."""
    values = np.frombuffer(
        b"\n" + data + b"\n", dtype=np.uint8
    )  # sentinels, so index i of data is i + 1 here
    neighbours = np.zeros(256, dtype=np.bool_)
    neighbours[[_QUOTE, ord("\n"), ord("\r"), ord(delimiter)]] = True
    before, after = values[quotes[0::2]], values[quotes[1::2] + 2]
    return bool(neighbours[before].all() and neighbours[after].all())


def _slow_record_end(data: bytes, delimiter: str, line_end: bytes) -> int:
    """The same where stray quotes stand in unquoted fields: only a quote at the start of a field opens it."""
    field = re.compile(
        rb"(?:\A|[\r\n"
        + re.escape(delimiter.encode())
        + rb'])"(?:[^"]|"")*+("[^\r\n'
        + re.escape(delimiter.encode())
        + rb"]*|\Z)"
    )
    inside = [(match.start(), match.end(), match.group(1)) for match in field.finditer(data)]
    cut = data.rfind(line_end)
    for start, stop, closing in reversed(inside):
        if start < cut < stop or (not closing and cut > start):
            cut = data.rfind(line_end, 0, start + 1)
    return cut + 1


def _check_text(data: bytes, name: str, first_line: int) -> None:
    nul = data.find(b"\0")
    if nul >= 0:
        raise DataError(
            f"{name}, line {first_line + count_lines(data[:nul])}: found a NUL byte; expected text in "
            "UTF-8. The file may be UTF-16 (convert it to UTF-8), damaged, or no CSV at all."
        )
    if data.isascii():
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + count_lines(data[: error.start])
        raise DataError(
            f"{name}, line {line}: found the byte 0x{data[error.start]:02x}, which is not UTF-8; expected "
            "text in UTF-8. Convert the file, for instance: iconv -f latin1 -t utf-8."
        ) from error
