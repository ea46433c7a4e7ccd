# SPDX-License-Identifier: Apache-2.0
"""An operating system that fails when told to."""

from __future__ import annotations

import errno
import os
from typing import Any

from kneighbors.model_files import operations

CALLS = [
    "open_root",
    "open_folder",
    "open_file",
    "create",
    "write",
    "read",
    "sync",
    "make_folder",
    "names",
    "rename",
    "exchange",
    "unlink",
    "remove_folder",
]


class Faulty(operations.System):
    """Counts the calls that touch the disk; fails at one of them, with one error, once.

    Parameters
    ----------
    at : int or None
        Which call fails, from 0; None: none.
    number : int
        The ``errno`` it fails with.
    exchange : bool, default=True
        Whether the file system can swap two names.
    """

    def __init__(self, at: int | None = None, number: int = errno.EIO, *, can_exchange: bool = True) -> None:
        self.at = at
        self.number = number
        self.can_exchange = can_exchange
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        return self._watched(name, method) if name in CALLS else method

    def _watched(self, name: str, method: Any) -> Any:
        def call(*arguments: Any) -> Any:
            place = len(self.calls)
            self.calls.append(name)
            if place == self.at:
                self.fail()
            if name == "exchange" and not self.can_exchange:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            return method(*arguments)

        return call

    def fail(self) -> None:
        raise OSError(self.number, os.strerror(self.number))

    def sync(self, descriptor: int) -> None:
        """Nothing: nobody pulls the plug in these tests, and syncing for real takes time."""
