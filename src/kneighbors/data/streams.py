# SPDX-License-Identifier: Apache-2.0
"""Bytes that can be read once only, such as those of a pipe."""

from __future__ import annotations

from typing import Any

from ..errors import DataError

__all__ = ["OneWay"]


class OneWay:
    """A stream whose beginning can be looked at before it is read.

    Until ``begin`` is called, what is read is kept and can be read again; from then on nothing is kept.

    Parameters
    ----------
    stream : object with ``read(n)``
        Gives bytes, and none at the end.
    name : str
        What messages call it.
    """

    def __init__(self, stream: Any, name: str) -> None:
        self._stream, self.name = stream, name
        self._head = b""
        self._position = 0
        self._begun = False

    def begin(self) -> None:
        """The look is over: from here on the stream goes past.

        Raises
        ------
        DataError
            It has been read before.
        """
        if self._begun:
            raise DataError(
                f"{self.name}: is a stream and has been read; expected one pass. Open a file to read it "
                "again."
            )
        self._begun = True
        self._position = 0

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        if self._position < len(self._head):
            found = self._head[self._position : self._position + size]
            self._position += len(found)
            return found
        if self._begun:
            self._head, self._position = b"", 0
        try:
            found = bytes(self._stream.read(size) or b"")
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}.") from error
        if not self._begun:
            self._head += found
            self._position += len(found)
        return found

    def seek(self, position: int) -> int:
        """Go to a place within what has been looked at."""
        while position > len(self._head) and self.read(position - len(self._head)):
            pass
        self._position = min(position, len(self._head))
        return self._position

    def __enter__(self) -> OneWay:
        return self

    def __exit__(self, *_: object) -> None:
        """Open until its owner closes it."""
