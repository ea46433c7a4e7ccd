# SPDX-License-Identifier: Apache-2.0
"""RecordIO framing: a magic word, a length word, the record, zero padding to four bytes.

All words are little-endian. The length word holds a flag in its upper three bits: 0 is a whole record; 1, 2
and 3 are the first, a middle and the last part of one whose bytes held the magic word at a multiple of four,
which the writer left out there and the reader puts back. Written here is always flag 0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["MAGIC", "MAX_RECORD", "Frames", "frame_bytes"]

MAGIC = struct.pack("<I", 0xCED7230A)
MAX_RECORD = 64 << 20
"""The longest record, in bytes: 16 million float32 values."""

_CHUNK = 2 << 20
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)

Read = Callable[[int], bytes]
Fixed = list[tuple[slice, bytes]]


def frame_bytes(message: bytes) -> bytes:
    """One framed record.

    Examples
    --------
    >>> frame_bytes(b"abcde").hex(" ", 4)
    '0a23d7ce 05000000 61626364 65000000'
    """
    return MAGIC + struct.pack("<I", len(message)) + message + bytes(-len(message) % 4)


class Frames:
    """The records of a stream, one by one, or many at a time where they look alike.

    Parameters
    ----------
    read : callable
        ``read(n)`` gives at most n bytes, and none at the end.
    name : str
        What messages call the stream.

    Attributes
    ----------
    n_records : int
        Records handed over so far.
    bytes_read : int
        Bytes of these, frames included.
    """

    def __init__(self, read: Read, name: str) -> None:
        self._read, self._name = read, name
        self._window = b""
        self._position = 0
        self.n_records = 0
        self.bytes_read = 0

    def next(self) -> bytes | None:
        """The next record, put together from its parts; None at the end.

        Raises
        ------
        DataError
            No magic word, a record that is cut short or too long, or parts out of order.
        """
        part = self._part()
        if part is None:
            return None
        flag, message = part
        if flag == _FIRST:
            message = self._joined(message)
        elif flag != _WHOLE:
            raise self._error(f"a part with flag {flag} that continues no record", "whole records")
        self.n_records += 1
        return message

    def alike(self, size: int, fixed: Fixed, upper_bits: Fixed) -> NDArray[np.uint8]:
        """The frames that follow and look alike, as rows of bytes; what does not stays to be read.

        Parameters
        ----------
        size : int
            Bytes of a frame.
        fixed : list of (slice, bytes)
            What must stand where in it.
        upper_bits : list of (slice, bytes)
            What the bytes there must be with all but their upper bits cleared.
        """
        self._fill(size)
        head = self._window[self._position : self._position + 8]
        if not fixed[0][1].startswith(head):
            return self._rows(0, 0, size)  # of another length, as the next record often is
        most = (len(self._window) - self._position) // size
        count, step = 0, 1
        while count < most:  # in growing steps, so that little is compared in vain
            step = min(8 * step, most - count)
            block = self._rows(count, step, size)
            equal = np.ones(step, dtype=np.bool_)
            for part, content in fixed:
                equal &= (block[:, part] == np.frombuffer(content, np.uint8)).all(axis=1)
            for part, content in upper_bits:
                equal &= ((block[:, part] & 128) == np.frombuffer(content, np.uint8)).all(axis=1)
            if not equal.all():
                count += int(equal.argmin())
                break
            count += step
        rows = self._rows(0, count, size)
        self._advance(count * size)
        self.n_records += count
        return rows

    def _rows(self, start: int, count: int, size: int) -> NDArray[np.uint8]:
        offset = self._position + start * size
        return np.frombuffer(self._window, np.uint8, count * size, offset).reshape(count, size)

    def _joined(self, message: bytes) -> bytes:
        """A record from its first part on."""
        parts, length = [message], len(message)
        while True:
            part = self._part()
            if part is None:
                raise self._error("the end within a record of several parts", "its last part")
            flag, message = part
            if flag not in (_MIDDLE, _LAST):
                raise self._error(f"a part with flag {flag} within a record", "its middle or last part")
            length += len(MAGIC) + len(message)
            if length > MAX_RECORD:
                raise self._too_long(length)
            parts.append(message)
            if flag == _LAST:
                return MAGIC.join(parts)

    def _part(self) -> tuple[int, bytes] | None:
        """Flag and bytes of the next frame."""
        self._fill(8)
        head = self._window[self._position : self._position + 8]
        if not head:
            return None
        if head[:4] != MAGIC[: len(head)]:
            raise self._error(
                f"the bytes {head[:4].hex()}",
                f"the magic word {MAGIC.hex()}, with which every record begins",
                "It is damaged, or no RecordIO file.",
            )
        if len(head) < 8:
            raise self._cut_short()
        (word,) = struct.unpack("<I", head[4:])
        flag, length = word >> 29, word & 0x1FFFFFFF
        if flag > _LAST:
            raise self._error(f"the flag {flag}", "0 for a whole record, or 1, 2 or 3 for parts")
        if length > MAX_RECORD:
            raise self._too_long(length)
        self._fill(8 + length + 3)
        start = self._position + 8
        message = self._window[start : start + length]
        if len(message) < length:
            raise self._cut_short()
        self._advance(min(8 + length + -length % 4, len(self._window) - self._position))
        return flag, message

    def _fill(self, size: int) -> None:
        """Have ``size`` bytes in the window, unless the stream ends before."""
        missing = size - (len(self._window) - self._position)
        if missing <= 0:
            return
        parts = [self._window[self._position :]]
        missing = max(missing, _CHUNK)
        while missing > 0:
            part = self._read(min(missing, _CHUNK))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        self._window, self._position = b"".join(parts), 0

    def _advance(self, size: int) -> None:
        self._position += size
        self.bytes_read += size

    def _cut_short(self) -> DataError:
        return self._error("the end within it", "its last byte", "The file was cut short; write it again.")

    def _too_long(self, length: int) -> DataError:
        return self._error(f"a length of {length} bytes", f"at most {MAX_RECORD} bytes in a record")

    def _error(self, found: str, expected: str, advice: str = "") -> DataError:
        text = f"{self._name}, record {self.n_records}: found {found}; expected {expected}."
        return DataError(f"{text} {advice}".rstrip(), row=self.n_records)
