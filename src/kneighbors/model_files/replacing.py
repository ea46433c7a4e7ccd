# SPDX-License-Identifier: Apache-2.0
"""The moment of a save: what stands at the target, the folder beside it, and the change of names.

A killed save leaves at most one folder behind, under a name of its own, which the next save to the same
target removes. A save that lives holds a lock on its folder, so nobody takes it for a leftover.
"""

from __future__ import annotations

import errno
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from . import operations
from .files import model_number
from .naming import JSON_ENDING, UNFINISHED_JSON, aside_pattern, new_aside, new_saving, saving_pattern
from .operations import PATIENCE, exchange, lock, retry, try_lock

__all__ = [
    "Saving",
    "Target",
    "UndoError",
    "begin",
    "finish",
    "locked",
    "look_at",
    "put_in_place",
    "remove_files",
    "remove_folder",
    "sync",
]


class Target(Enum):
    """What stands where the model shall be."""

    MISSING = "nothing"
    EMPTY = "a folder without a model in it"
    PINNED = "such a folder that must not change its identity"
    MODEL = "a model"


@dataclass
class Saving:
    """The folder that a save fills: its name, and a handle that holds its lock."""

    name: str
    descriptor: int


class UndoError(OSError):
    """A step failed and could not be taken back; the message says where the old model is."""


def look_at(name: str, folder: int) -> Target:
    """What stands at the target; a folder with anything else than one model is refused.

    Raises
    ------
    OSError
        EEXIST: a file. ENOTEMPTY: other files. EBUSY: a model in the folder this process works in.
    """
    try:
        target = retry(operations.system.open_folder, name, folder)
    except FileNotFoundError:
        return Target.MISSING
    except NotADirectoryError:
        raise OSError(errno.EEXIST, "there is a file of that name; a model is a folder") from None
    try:
        names = retry(operations.system.names, target)
        about, here = operations.system.stat_open(target), operations.system.stat_here()
    finally:
        operations.system.close(target)
    others = [entry for entry in names if model_number(entry) is None and entry != UNFINISHED_JSON]
    if others:
        raise OSError(
            errno.ENOTEMPTY,
            f"the folder holds other files too ({', '.join(others[:3])}); saving would remove them. Choose a "
            "new folder, or move them away",
        )
    if len({model_number(entry) for entry in names} - {None}) > 1:
        raise OSError(errno.ENOTEMPTY, "the folder holds several models; choose a new folder")
    # Swapping the working folder would leave the process in a folder that is deleted a moment later.
    pinned = (about.st_dev, about.st_ino) == (here.st_dev, here.st_ino)
    if any(entry.endswith(JSON_ENDING) and entry != UNFINISHED_JSON for entry in names):
        if pinned:
            raise OSError(errno.EBUSY, "the model's folder is the working folder; save from outside of it")
        return Target.MODEL
    return Target.PINNED if pinned else Target.EMPTY


def begin(name: str, folder: int, target: Target) -> Saving | None:
    """Remove what killed saves left, then make and lock a folder beside the target.

    None: the target is an empty folder that cannot change places, because something is mounted there.
    """
    with locked(folder):
        remove_leftovers(name, folder, asides=target is Target.MODEL)
        saving = new_saving(name)
        retry(operations.system.make_folder, saving, folder)
        try:
            if target is Target.EMPTY and not _can_swap(saving, name, folder):
                remove_folder(saving, folder)
                return None
            descriptor = retry(operations.system.open_folder, saving, folder)
        except BaseException:
            with suppress(OSError):
                remove_folder(saving, folder)
            raise
        try_lock(descriptor)
        return Saving(saving, descriptor)


def _can_swap(saving: str, name: str, folder: int) -> bool:
    """Whether an empty target can change places: tried there and back, before gigabytes are written."""
    try:
        if exchange(saving, name, folder):
            exchange(saving, name, folder)
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.EXDEV):
            return False
        raise
    return True


def put_in_place(saving: str, name: str, folder: int) -> str | None:
    """Give the finished folder the target's name, for good; returns the name that the old one has now.

    Raises
    ------
    OSError
        Nothing has changed.
    UndoError
        Something has changed, and could not be changed back.
    """
    old = None
    if look_at(name, folder) is Target.MISSING:
        undo = [(name, saving)]
        retry(operations.system.rename, saving, name, folder)
    elif exchange(saving, name, folder):
        undo, old = [], saving
    else:
        old = new_aside(name)
        undo = [(name, saving), (old, name)]
        retry(operations.system.rename, name, old, folder)
        try:
            retry(operations.system.rename, saving, name, folder)
        except BaseException as error:
            _undo(undo[1:], saving, old, name, folder, error)
            raise
    try:
        sync(folder)
    except BaseException as error:
        _undo(undo, saving, old, name, folder, error)
        raise
    return old


def _undo(
    undo: list[tuple[str, str]], saving: str, old: str | None, name: str, folder: int, cause: BaseException
) -> None:
    """Make the renames that take a change back, or the exchange, where there are none."""
    try:
        for now, before in undo:
            retry(operations.system.rename, now, before, folder)
        if not undo:
            exchange(saving, name, folder)
    except OSError as error:
        where = f"the old one is in '{old}' beside it" if old else "there was none before"
        raise UndoError(
            error.errno,
            f"the save failed ({cause}) and could not be taken back ({error.strerror}); the new model may be "
            f"in place, and {where}",
        ) from cause


def finish(old: str | None, name: str, folder: int) -> None:
    """Remove the old model; the new one is in place, so a failure here is only worth a warning."""
    try:
        if old is not None:
            remove_folder(old, folder)
        remove_leftovers(name, folder, asides=True)
    except OSError as error:
        warnings.warn(
            f"the model was saved, but the one it replaces could not be removed from '{old}' "
            f"({error.strerror}); the next save tries again",
            RuntimeWarning,
            stacklevel=2,
        )


def remove_leftovers(name: str, folder: int, *, asides: bool) -> None:
    """Remove what killed saves of this target left; with ``asides`` also old models between two renames.

    Where the file system has no locks, nobody can tell a leftover from a save at work, and it stays.
    """
    saving, aside = re.compile(saving_pattern(name)), re.compile(aside_pattern(name))
    with suppress(OSError):
        for entry in retry(operations.system.names, folder):
            if saving.fullmatch(entry) or (asides and aside.fullmatch(entry)):
                with suppress(OSError):
                    _remove_unlocked(entry, folder)


def _remove_unlocked(name: str, folder: int) -> None:
    descriptor = retry(operations.system.open_folder, name, folder)
    try:
        if try_lock(descriptor):
            remove_folder(name, folder)
    finally:
        operations.system.close(descriptor)


def remove_folder(name: str, folder: int) -> None:
    """Remove a folder and the model files in it; with anything else in it, it stays."""
    descriptor = retry(operations.system.open_folder, name, folder)
    try:
        remove_files(descriptor)
    finally:
        operations.system.close(descriptor)
    retry(operations.system.remove_folder, name, folder)


def remove_files(folder: int) -> None:
    """Remove a model's files, whole or not, from an open folder."""
    for entry in retry(operations.system.names, folder):
        if model_number(entry) is not None or entry == UNFINISHED_JSON:
            retry(operations.system.unlink, entry, folder)


def sync(descriptor: int) -> None:
    """Have the device keep what was written; for a folder, its names."""
    retry(operations.system.sync, descriptor)


@contextmanager
def locked(folder: int) -> Iterator[None]:
    """Be the only save that changes names in this folder."""
    descriptor = retry(operations.system.open_folder, ".", folder)
    try:
        lock(descriptor, PATIENCE)
        yield
    finally:
        operations.system.close(descriptor)
