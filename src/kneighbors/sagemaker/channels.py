# SPDX-License-Identifier: Apache-2.0
"""The rows of a channel: every file below its folder, or the stream of a FIFO.

Files are read whatever they are called, in the order of their paths; empty ones, and those whose name begins
with a dot, hold no rows. A CSV has no header.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .. import data
from .configuration import Channel
from .failures import JobError

__all__ = ["PIPE_PATIENCE", "Part", "files_of", "open_file", "pipe_of"]

PIPE_PATIENCE = 600.0
"""Seconds until a FIFO must be there and have a writer."""


@dataclass(frozen=True)
class Part:
    """One file of a channel: its path below the channel's folder, and the rows in it."""

    name: str
    source: data.Source


def files_of(folder: Path, channel: Channel, label_dtype: str) -> list[Part]:
    """The files of a channel, in order; none where this host has none.

    Raises
    ------
    JobError
        There is no such folder.
    DataError
        A file cannot be read as what it should be.
    """
    root = folder / channel.name
    if not root.is_dir():
        raise JobError(
            f"Channel {channel.name}: there is no folder {root}; expected the files of the channel."
        )
    names = sorted(
        os.path.relpath(os.path.join(place, name), root)
        for place, _, names in os.walk(root)
        for name in names
        if not name.startswith(".")
    )
    return [
        Part(name, open_file(str(root / name), channel, label_dtype))
        for name in names
        if (root / name).is_file() and (root / name).stat().st_size
    ]


def pipe_of(folder: Path, channel: Channel, label_dtype: str) -> Generator[data.Source, None, None]:
    """The stream of a channel's first epoch, open while the generator is.

    Raises
    ------
    JobError
        The FIFO does not come, or nobody writes to it.
    """
    path = folder / f"{channel.name}_0"
    with closing(_open_pipe(path, channel)) as pipe:
        yield open_file(pipe, channel, label_dtype)


def open_file(source: str | BinaryIO, channel: Channel, label_dtype: str) -> data.Source:
    """One file or stream as rows with a label each; whole numbers and classes as ``label_dtype`` says."""
    settings: dict[str, Any] = {"label": 0, "dtype": "float32", "format": channel.format}
    if channel.format == "csv":
        settings |= {"header": False, "delimiter": ",", "label_dtype": label_dtype}
    return data.open(source, **settings)


def _open_pipe(path: Path, channel: Channel) -> BinaryIO:
    give_up = time.monotonic() + PIPE_PATIENCE
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            break
        except FileNotFoundError:
            if time.monotonic() >= give_up:
                raise JobError(
                    f"Channel {channel.name}: there is no pipe {path} after {PIPE_PATIENCE:g} seconds; "
                    "expected one, since the input mode is Pipe."
                ) from None
            time.sleep(0.05)
        except OSError as error:
            raise JobError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise JobError(
            f"Channel {channel.name}: {path} is no pipe; expected one, since the input mode is Pipe."
        )
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(0.0, give_up - time.monotonic()) * 1000):
        os.close(descriptor)
        raise JobError(
            f"Channel {channel.name}: nothing came through {path} within {PIPE_PATIENCE:g} seconds."
        )
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "rb")
