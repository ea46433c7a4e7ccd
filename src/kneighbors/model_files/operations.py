# SPDX-License-Identifier: Apache-2.0
"""Every call to the operating system that saving and loading make, in one place.

Names are relative to an open folder, never whole paths, so that nobody who moves a folder meanwhile redirects
a save or a load. Tests replace ``system`` by one that fails at a chosen call.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["System", "exchange", "lock", "read_into", "retry", "system", "try_lock", "write_all"]

CHUNK = 4 << 20
PATIENCE = 30.0  # seconds to wait for another save's change of names
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A FIFO would block the open; NONBLOCK lets it through, to be refused for what it is.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_EXCHANGE = 2
_T = TypeVar("_T")


class System:
    """The operating system's calls, unchanged."""

    def open_root(self, path: str) -> int:
        return os.open(path, _FOLDER_FLAGS)

    def open_folder(self, name: str, folder: int) -> int:
        return os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)

    def open_file(self, name: str, folder: int) -> int:
        return os.open(name, _READ_FLAGS, dir_fd=folder)

    def create(self, name: str, folder: int) -> int:
        return os.open(name, _CREATE_FLAGS, 0o666, dir_fd=folder)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def write(self, descriptor: int, data: memoryview) -> int:
        return os.write(descriptor, data)

    def read(self, descriptor: int, buffer: memoryview, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.readv(descriptor, [buffer])

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def make_folder(self, name: str, folder: int) -> None:
        os.mkdir(name, dir_fd=folder)

    def names(self, folder: int) -> list[str]:
        return sorted(os.listdir(folder))

    def stat_open(self, descriptor: int) -> os.stat_result:
        return os.fstat(descriptor)

    def stat_here(self) -> os.stat_result:
        return os.stat(".")

    def rename(self, old: str, new: str, folder: int) -> None:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def exchange(self, one: str, other: str, folder: int) -> None:
        _exchange(one, other, folder)

    def unlink(self, name: str, folder: int) -> None:
        os.unlink(name, dir_fd=folder)

    def remove_folder(self, name: str, folder: int) -> None:
        os.rmdir(name, dir_fd=folder)

    def lock(self, descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


system = System()


def _exchange(one: str, other: str, folder: int) -> None:
    """Swap two names in one step; ENOSYS where this system has no such call."""
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None or not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), one)
    if renameat2(folder, os.fsencode(one), folder, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one)


def retry(call: Callable[..., _T], *arguments: Any) -> _T:
    """The call's result, however often a signal interrupts it."""
    while True:
        try:
            return call(*arguments)
        except InterruptedError:
            continue


def write_all(descriptor: int, data: memoryview) -> None:
    """Write every byte, whatever part each call takes."""
    while data:
        written = retry(system.write, descriptor, data[:CHUNK])
        if written == 0:
            raise OSError(errno.EIO, "the device took no bytes")
        data = data[written:]


def read_into(descriptor: int, buffer: memoryview, offset: int) -> int:
    """Fill the buffer from ``offset`` on; returns the bytes read, fewer only at the end of the file."""
    filled = 0
    while filled < len(buffer):
        count = retry(system.read, descriptor, buffer[filled : filled + CHUNK], offset + filled)
        if count == 0:
            break
        filled += count
    return filled


def exchange(one: str, other: str, folder: int) -> bool:
    """Swap two names in one step; False where the file system cannot."""
    try:
        retry(system.exchange, one, other, folder)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            return False
        raise
    return True


def try_lock(descriptor: int) -> bool | None:
    """Lock an open folder: True when it is ours, False when another holds it, None without such locks."""
    try:
        retry(system.lock, descriptor)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def lock(descriptor: int, patience: float) -> None:
    """Lock an open folder, waiting up to ``patience`` seconds; no lock at all where there are none.

    Raises
    ------
    OSError
        EAGAIN: another save held it all that time.
    """
    give_up = time.monotonic() + patience
    while try_lock(descriptor) is False:
        if time.monotonic() >= give_up:
            raise OSError(errno.EAGAIN, f"another save has held the folder for {patience:g} seconds")
        time.sleep(0.01)
