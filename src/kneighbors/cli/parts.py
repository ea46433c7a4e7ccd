# SPDX-License-Identifier: Apache-2.0
"""Answers in a folder of numbered files, so that a run that was interrupted goes on where it stopped.

Each file holds the same number of rows, but for the last, and appears under its name when it is complete.
What was asked and how many files are complete stands in ``progress.json``; a run that asks the same goes on
after them, one that asks something else is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, SaveError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data import Batch

__all__ = ["Parts", "cut", "inputs_of", "model_of"]

PROGRESS = "progress.json"


class Parts:
    """The files of one run, those of an earlier run included.

    Parameters
    ----------
    folder : str
        Made if it is not there.
    ending : str
        Of the files' names, which tells their format.
    rows_per_file : int
    job : dict
        What is asked, as JSON would give it back.

    Attributes
    ----------
    n_files, n_rows : int
        Complete so far.
    done : bool
        Whether the last row has been answered.

    Raises
    ------
    DataError
        The folder holds the answers to something else.
    SaveError
        It cannot be written.
    """

    def __init__(self, folder: str, ending: str, rows_per_file: int, job: dict[str, Any]) -> None:
        self.folder, self.ending, self.rows_per_file = Path(folder), ending, rows_per_file
        self._job = job | {"rows_per_file": rows_per_file, "ending": ending}
        self.n_files, self.n_rows, self.done = 0, 0, False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SaveError(error.errno, error.strerror, folder) from error
        self._read()

    def path(self, place: int) -> str:
        """The file with rows ``place * rows_per_file`` on."""
        return str(self.folder / f"part-{place:05d}{self.ending}")

    def finish(self, n_rows: int) -> None:
        """One more file is complete."""
        self.n_files += 1
        self.n_rows += n_rows
        self._write()

    def close(self) -> None:
        """No more rows come."""
        self.done = True
        self._write()

    def _read(self) -> None:
        try:
            text = (self.folder / PROGRESS).read_text("utf-8")
        except FileNotFoundError:
            if any(self.folder.glob("part-*")):
                raise self._refusal("files that no run of this command wrote") from None
            return
        try:
            found = json.loads(text)
            job, n_files, n_rows, done = (found[key] for key in ("job", "files", "rows", "done"))
        except (ValueError, KeyError, TypeError) as error:
            raise self._refusal(f"a damaged {PROGRESS}") from error
        if job != self._job:
            other = sorted(
                key for key in self._job if not isinstance(job, dict) or job.get(key) != self._job[key]
            )
            raise self._refusal(f"answers to something else ({', '.join(other)} differ)")
        for place in range(n_files):
            if not os.path.isfile(self.path(place)):
                raise self._refusal(f"no {Path(self.path(place)).name}, which was written before")
        self.n_files, self.n_rows, self.done = n_files, n_rows, done

    def _write(self) -> None:
        state = {"job": self._job, "files": self.n_files, "rows": self.n_rows, "done": self.done}
        unfinished = self.folder / f".{PROGRESS}"
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(state, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / PROGRESS)

    def _refusal(self, found: str) -> DataError:
        return DataError(
            f"{self.folder}: found {found}; expected an empty folder, or one in which a run of the same "
            "command was interrupted. Name another folder, or remove this one."
        )


def cut(batches: Iterator[Batch], parts: Parts) -> Iterator[tuple[int, NDArray[Any]]]:
    """Rows that are not answered yet, none of them across two files, with the number of their file."""
    start = parts.n_rows
    for batch in batches:
        row, stop = max(start, batch.first_row), batch.first_row + len(batch)
        if row == stop == 0:
            yield 0, batch.features  # no rows at all: the file says which columns there are
        while row < stop:
            place = row // parts.rows_per_file
            end = min(stop, (place + 1) * parts.rows_per_file)
            yield place, batch.features[row - batch.first_row : end - batch.first_row]
            row = end


def inputs_of(queries: str, *, any_name: bool) -> list[list[Any]]:
    """Path, size and time of change of every file to be answered."""
    from ..data.folders import list_files

    found = list_files(queries, any_name=any_name)
    entries = []
    for path in [queries] if found is None else found:
        state = os.stat(path)
        entries.append([os.path.abspath(path), state.st_size, state.st_mtime_ns])
    return entries


def model_of(folder: str) -> str:
    """A digest of a model: of its JSON, which holds those of the other files."""
    return hashlib.sha256((Path(folder) / "model_algo-1.json").read_bytes()).hexdigest()
