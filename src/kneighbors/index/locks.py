# SPDX-License-Identifier: Apache-2.0
"""The lock of those who change an index: one at a time, and usable in a child that was forked meanwhile.

Searches take no lock: they ask a snapshot, which a change replaces in one step.
"""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Any

__all__ = ["ChangeLock", "copied"]


class ChangeLock:
    """A mutual exclusion that a forked child finds open.

    A child has one thread. A lock that another thread of its parent held would never be released there, and
    what that thread was about to change is as it was before: snapshots are replaced in one step.

    Copies and pickles of a lock are new locks.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[ChangeLock], tuple[()]]:
        return ChangeLock, ()

    def _renew(self) -> None:
        self._lock = threading.Lock()


def copied(index: Any) -> Any:
    """A copy that answers alike and changes alone, of an index whose snapshots never change."""
    twin = object.__new__(type(index))
    for name, value in vars(index).items():
        setattr(twin, name, ChangeLock() if isinstance(value, ChangeLock) else value)
    return twin


_locks: weakref.WeakSet[ChangeLock] = weakref.WeakSet()


def _renew_all() -> None:
    for lock in list(_locks):
        lock._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
