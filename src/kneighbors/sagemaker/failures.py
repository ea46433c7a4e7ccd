# SPDX-License-Identifier: Apache-2.0
"""How a training job ends when something is wrong: one line in the failure file, and the exit code.

What the user can mend is a ``ClientError`` and exit code 1; a fault of ours or of the machine is an
``AlgorithmError`` and exit code 2. The service shows the first 1,024 characters of the file.
"""

from __future__ import annotations

import os
import secrets
import traceback
from contextlib import suppress
from pathlib import Path

from ..errors import DataError, KneighborsError, SaveError

__all__ = ["CLIENT", "FAULT", "STOPPED", "HostError", "JobError", "Stopped", "describe", "write_failure"]

FINE, CLIENT, FAULT, STOPPED = 0, 1, 2, 143
_MAX_CHARACTERS = 1024


class JobError(DataError):
    """The job cannot be done as it was described: a hyperparameter, a channel, a missing file."""


class HostError(DataError):
    """Another host of the job failed or is missing; the message names it."""


class Stopped(BaseException):
    """SIGTERM: the service wants the job to end."""


def describe(error: BaseException) -> tuple[int, str]:
    """Exit code and the line for the failure file.

    Examples
    --------
    >>> describe(JobError("Hyperparameter k: '0' was given; expected 1 to 1024."))
    (1, "ClientError: Hyperparameter k: '0' was given; expected 1 to 1024.")
    """
    if isinstance(error, Stopped):
        return STOPPED, "It was stopped by SIGTERM."
    if isinstance(error, MemoryError):
        return CLIENT, (
            "ClientError: The memory of the instance does not suffice. Choose a larger instance type, use "
            "dimension reduction, decrease sample_size, and/or decrease mini_batch_size."
        )
    if isinstance(error, SaveError) or (
        isinstance(error, OSError) and not isinstance(error, KneighborsError)
    ):
        return FAULT, f"AlgorithmError: {_one_line(error)}"
    if isinstance(error, KneighborsError):
        return CLIENT, f"ClientError: {_one_line(error)}"
    return FAULT, f"AlgorithmError: {type(error).__name__}: {_one_line(error)}"


def write_failure(path: Path, line: str, error: BaseException | None = None) -> None:
    """Write the file in one step; what went wrong in writing is lost, since nobody is left to tell.

    A fault of ours is followed by its traceback, as far as the file goes.
    """
    if error is not None and line.startswith("AlgorithmError"):
        line += "\n" + "".join(traceback.format_exception(error))
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in line)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            unfinished.write_text(text[:_MAX_CHARACTERS], encoding="utf-8")
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


def _one_line(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())
