# SPDX-License-Identifier: Apache-2.0
"""Save a model folder in one step.

The three files are written to a folder beside the target, synced, and the two folders change names in one
call of the operating system. Whoever loads meanwhile, or after a power cut, finds the old model or the new
one, whole. Where a target cannot be swapped because something is mounted there, it must be empty: it gets
its files one by one, the JSON last, without which nothing is a model.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress

from ..errors import SaveError
from . import operations
from .contents import ModelContents
from .encoding import Encoded, encode
from .naming import INDEX, JSON, LABELS, UNFINISHED_JSON, target_of
from .operations import retry, write_all
from .replacing import (
    Saving,
    Target,
    UndoError,
    begin,
    finish,
    locked,
    look_at,
    put_in_place,
    remove_files,
    remove_folder,
    sync,
)

__all__ = ["write"]

_READ_ONLY_PARENT = (errno.EACCES, errno.EPERM, errno.EROFS)
_CANNOT_SWAP = (errno.EBUSY, errno.EXDEV)


def write(path: str | os.PathLike[str], contents: ModelContents) -> None:
    """Write the model to a folder, in place of the model that may be there.

    Parameters
    ----------
    path : str or path-like
        The folder; its parent must exist. A link to a folder is followed. A folder that holds anything but
        one model is refused, not emptied.
    contents : ModelContents

    Raises
    ------
    SaveError
        The operating system refused; ``errno`` and ``filename`` say how and where. What stood at the target
        is unchanged and nothing temporary is left.
    ParameterError, DataError
        Contents that could not be loaded again.
    """
    given = os.fsdecode(path)
    encoded = encode(contents)
    try:
        _save(given, encoded)
    except UndoError as error:
        raise SaveError(error.errno, str(error.strerror), given) from error
    except OSError as error:
        message = f"{error.strerror or error}; what stood there before is unchanged"
        raise SaveError(error.errno or errno.EIO, message, given) from error


def _save(given: str, encoded: Encoded) -> None:
    if "\0" in given:
        raise OSError(errno.EINVAL, "a path holds no NUL character")
    parent, name = target_of(given)
    if not name:
        raise OSError(errno.EINVAL, "the root of a file system cannot be a model folder")
    try:
        folder = retry(operations.system.open_root, parent)
    except FileNotFoundError:
        raise OSError(errno.ENOENT, f"there is no folder '{parent}' to save into; create it first") from None
    try:
        _save_in(folder, name, encoded)
    finally:
        operations.system.close(folder)


def _save_in(folder: int, name: str, encoded: Encoded) -> None:
    target = look_at(name, folder)
    saving = _begin(folder, name, target)
    if saving is None:
        _fill(name, folder, encoded)
        return
    try:
        try:
            _write_files(saving.descriptor, encoded, JSON)
            sync(saving.descriptor)
            with locked(folder):
                old = put_in_place(saving.name, name, folder)
                finish(old, name, folder)
        finally:
            operations.system.close(saving.descriptor)
    except UndoError:
        raise  # the saving folder may hold the old model now: nothing is removed
    except BaseException as error:
        with suppress(OSError):
            remove_folder(saving.name, folder)
        if target is not Target.EMPTY or not isinstance(error, OSError) or error.errno not in _CANNOT_SWAP:
            raise
        _fill(name, folder, encoded)


def _begin(folder: int, name: str, target: Target) -> Saving | None:
    """The folder to write to, or None when the target itself must be filled."""
    if target is Target.PINNED:
        return None
    try:
        return begin(name, folder, target)
    except OSError as error:
        # In a container the parent of a mounted folder is often read-only.
        if target is Target.EMPTY and error.errno in _READ_ONLY_PARENT:
            return None
        raise


def _fill(name: str, folder: int, encoded: Encoded) -> None:
    """Write the files into the target itself, which holds no model: the JSON last and by one rename."""
    target = retry(operations.system.open_folder, name, folder)
    try:
        operations.lock(target, operations.PATIENCE)
        remove_files(target)
        try:
            _write_files(target, encoded, UNFINISHED_JSON)
            sync(target)
            retry(operations.system.rename, UNFINISHED_JSON, JSON, target)
            sync(target)
        except BaseException:
            remove_files(target)
            raise
    finally:
        operations.system.close(target)


def _write_files(folder: int, encoded: Encoded, json_name: str) -> None:
    sha256 = _write_file(INDEX, folder, encoded.index())
    _write_file(LABELS, folder, [encoded.labels])
    _write_file(json_name, folder, [memoryview(encoded.json(sha256))])


def _write_file(name: str, folder: int, pieces: Iterable[memoryview]) -> str:
    """Write and sync a new file; returns its SHA-256."""
    digest = hashlib.sha256()
    descriptor = retry(operations.system.create, name, folder)
    try:
        for piece in pieces:
            digest.update(piece)
            write_all(descriptor, piece)
        sync(descriptor)
    finally:
        operations.system.close(descriptor)
    return digest.hexdigest()
