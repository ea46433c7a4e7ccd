# SPDX-License-Identifier: Apache-2.0
"""From a folder on disk to the bytes of its three files; nothing outside the folder is opened.

The folder is opened once; the files are opened by bare name relative to that handle, without following links,
and must be regular files. Nothing here writes.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError
from . import operations
from .operations import CHUNK, read_into, retry

__all__ = ["Bytes", "ModelFolder", "OpenFile", "VanishedError", "model_number"]

ALIGNMENT = 64
_FILE_NAME = re.compile(r"model_algo-([0-9]+)(\.labels|\.json)?", re.ASCII)
# A section is a view of these bytes; NumPy keeps what they live in, a mapping or an array, alive.
Bytes = NDArray[np.uint8]


class VanishedError(ModelFileError):
    """A file was not there: the folder may have been replaced between two looks at it."""


def model_number(name: str) -> str | None:
    """The number in ``model_algo-<number>``, with or without .labels or .json; None for any other name."""
    match = _FILE_NAME.fullmatch(name)
    return match.group(1) if match else None


@dataclass
class OpenFile:
    """A regular file, open for reading.

    Attributes
    ----------
    path : str
        For messages; nothing is opened by it.
    descriptor : int
    size : int
        Bytes when it was opened.
    """

    path: str
    descriptor: int
    size: int

    def take(self, offset: int, length: int) -> bytes:
        """Exactly these bytes, which the caller has checked against ``size``."""
        buffer = bytearray(length)
        self._fill(memoryview(buffer), offset)
        return bytes(buffer)

    def chunks(self, offset: int, length: int) -> Iterator[memoryview]:
        """These bytes, piece by piece in one reused buffer."""
        buffer = memoryview(bytearray(min(CHUNK, length)))
        end = offset + length
        while offset < end:
            piece = buffer[: end - offset]
            self._fill(piece, offset)
            yield piece
            offset += len(piece)

    def whole(self) -> Bytes:
        """The file in memory, starting on a 64-byte boundary."""
        room = np.empty(self.size + ALIGNMENT, dtype=np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        content = room[start : start + self.size]
        self._fill(content.data, 0)
        content.flags.writeable = False
        return content

    def mapped(self) -> Bytes:
        """The file, mapped read-only; nothing is read yet."""
        if self.size == 0:  # an empty file cannot be mapped
            return self.whole()
        try:
            mapping = mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: cut short since it was opened
            raise ModelFileError(
                f"cannot be mapped ({error}); load with mmap=False", file=self.path
            ) from error
        return np.frombuffer(mapping, dtype=np.uint8)

    def _fill(self, buffer: memoryview, offset: int) -> None:
        try:
            count = read_into(self.descriptor, buffer, offset)
        except OSError as error:
            raise ModelFileError(f"cannot be read ({error.strerror})", file=self.path) from error
        if count < len(buffer):
            raise ModelFileError(
                f"ends at byte {offset + count}; it had {self.size} bytes when it was opened. It was changed "
                "while it was read; load it again",
                file=self.path,
            )


class ModelFolder:
    """An open model folder: a context manager that closes whatever was opened in it."""

    def __init__(self, path: str, *, allow_hard_links: bool) -> None:
        self.path = path
        self.allow_hard_links = allow_hard_links
        self._closing = ExitStack()
        self._folder = self._open_root()

    def _open_root(self) -> int:
        try:
            folder = retry(operations.system.open_root, self.path)
        except FileNotFoundError as error:
            raise VanishedError("there is no such folder", file=self.path) from error
        except NotADirectoryError as error:
            parent = os.path.dirname(self.path) or "."
            raise ModelFileError(
                f"is not a folder; give the folder that holds the three files, perhaps '{parent}'",
                file=self.path,
            ) from error
        except OSError as error:
            raise ModelFileError(f"cannot be opened ({error.strerror})", file=self.path) from error
        self._closing.callback(operations.system.close, folder)
        return folder

    def __enter__(self) -> ModelFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def identity(self) -> tuple[int, int]:
        """Device and inode: what tells this folder from one that took its name."""
        about = operations.system.stat_open(self._folder)
        return about.st_dev, about.st_ino

    def model_name(self) -> str:
        """The name of the one ``model_algo-<number>`` that the folder holds.

        Files of any other name are left alone. A number counts when any of its three files is there, so that
        a model with a missing file is named rather than overlooked.
        """
        try:
            names = retry(operations.system.names, self._folder)
        except OSError as error:
            raise ModelFileError(f"cannot be listed ({error.strerror})", file=self.path) from error
        numbers = sorted({number for name in names if (number := model_number(name)) is not None})
        if not numbers:
            raise VanishedError(
                "holds no model: there is no file model_algo-1, or with another number", file=self.path
            )
        if len(numbers) > 1:
            found = ", ".join(f"model_algo-{number}" for number in numbers[:5])
            raise ModelFileError(f"holds {len(numbers)} models ({found}); a folder holds one", file=self.path)
        return f"model_algo-{numbers[0]}"

    def open(self, name: str) -> OpenFile:
        """The file of this bare name; a link or anything but a regular file is refused."""
        path = os.path.join(self.path, name)
        try:
            descriptor = retry(operations.system.open_file, name, self._folder)
        except FileNotFoundError as error:
            raise VanishedError(
                "is missing; a model is three files: model_algo-1, model_algo-1.labels, model_algo-1.json",
                file=path,
            ) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                message = "is a symbolic link; links are not followed, put the file itself there"
            else:
                message = f"cannot be opened ({error.strerror})"
            raise ModelFileError(message, file=path) from error
        self._closing.callback(operations.system.close, descriptor)
        about = operations.system.stat_open(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise ModelFileError("is not a regular file", file=path)
        if about.st_nlink > 1 and not self.allow_hard_links:
            raise ModelFileError(
                f"has {about.st_nlink} hard links, so it can change from elsewhere; copy it, or allow them",
                file=path,
            )
        return OpenFile(path, descriptor, about.st_size)
