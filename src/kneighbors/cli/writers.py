# SPDX-License-Identifier: Apache-2.0
"""Answers into files, batch by batch: CSV, JSON lines, Parquet, .npy and RecordIO-protobuf.

A file appears under its name only when it is complete: it is written beside and renamed.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .answers import Answer

__all__ = [
    "ENDINGS",
    "CsvWriter",
    "JsonLinesWriter",
    "NpyWriter",
    "ParquetWriter",
    "RecordWriter",
    "Writer",
    "writing",
]


class Writer(ABC):
    """Takes answers batch by batch, at least one; every batch has the same answers."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.n_rows = 0
        self._is_first = True

    def write(self, answers: list[Answer]) -> None:
        """One batch; it may be empty, which still tells which columns there are."""
        self._write(answers)
        self._is_first = False
        self.n_rows += len(answers[0].values)
        self.file.flush()

    @abstractmethod
    def _write(self, answers: list[Answer]) -> None: ...

    def finish(self) -> None:
        """No more batches come."""
        return

    def abandon(self) -> None:
        """Something failed; the file will be removed."""
        return


class CsvWriter(Writer):
    """A header, then a line for each query; numbers are written so that they read back the same."""

    def _write(self, answers: list[Answer]) -> None:
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        columns = {name: values for one in answers for name, values in _columns(one)}
        if self._is_first:
            lines.writerow(columns)
        lines.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
        self.file.write(text.getvalue().encode())


class JsonLinesWriter(Writer):
    """An object for each query: lists of neighbours, a mapping from class to probability."""

    def _write(self, answers: list[Answer]) -> None:
        import msgspec

        names = [one.name for one in answers]
        rows = zip(*(_entries(one) for one in answers), strict=True)
        self.file.write(
            msgspec.json.Encoder().encode_lines([dict(zip(names, row, strict=True)) for row in rows])
        )


class ParquetWriter(Writer):
    """A row group for each batch; neighbours are lists, each class has a column."""

    _writer: Any = None

    def _write(self, answers: list[Answer]) -> None:
        import pyarrow
        from pyarrow import parquet

        columns: dict[str, Any] = {}
        for one in answers:
            if one.name.startswith(("ids", "distances", "labels")):
                n_neighbours = one.values.shape[1]
                columns[one.name] = pyarrow.FixedSizeListArray.from_arrays(
                    _arrow(one.values.ravel()), n_neighbours
                )
            else:
                columns |= {name: _arrow(values) for name, values in _columns(one)}
        table = pyarrow.table(columns)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self.file, table.schema)
        if len(table):
            self._writer.write_table(table)

    def finish(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        if self._writer is not None:
            with suppress(OSError, ValueError):
                self._writer.close()  # it would try by itself when the file is closed already


class NpyWriter(Writer):
    """One array: the probabilities where they were asked for, else the labels, else the ids.

    Its length is known after the last batch only, so the header is written then.

    Parameters
    ----------
    file : binary file that can be sought
    text : numpy.dtype or None
        What holds every class name, where classes are text.
    """

    _HEADER = 128

    def __init__(self, file: BinaryIO, text: np.dtype[Any] | None = None) -> None:
        super().__init__(file)
        self._text = text
        self._dtype: np.dtype[Any] = np.dtype(np.float64)
        self._shape: tuple[int, ...] = ()

    def _write(self, answers: list[Answer]) -> None:
        chosen = next((one for one in answers if one.keys is not None), answers[0]).values
        if chosen.dtype.kind in "OU" and self._text is not None:
            chosen = chosen.astype(self._text)
        if self._is_first:
            self._dtype, self._shape = chosen.dtype, chosen.shape[1:]
            self.file.write(bytes(self._HEADER))
        self.file.write(np.ascontiguousarray(chosen).tobytes())

    def finish(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.n_rows, *self._shape),
        }
        length = self._HEADER - 10  # after the magic, the version and this length
        self.file.seek(0)
        self.file.write(b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little"))
        self.file.write(str(header).encode().ljust(length - 1) + b"\n")


class RecordWriter(Writer):
    """A record for each query, whose label holds "predicted_label", "ids", "distances" and so on.

    The format has no text and no 64-bit whole numbers: a class that is text is given by its number among the
    sorted classes. Classes are float32 where every one of them is exact there, all other numbers float64.

    Parameters
    ----------
    file : binary file
    classes : ndarray or None
        The model's classes, sorted, where it has one output.
    """

    def __init__(self, file: BinaryIO, classes: NDArray[Any] | None = None) -> None:
        super().__init__(file)
        self._classes = classes

    def _write(self, answers: list[Answer]) -> None:
        from ..data import encode_recordio

        self.file.write(encode_recordio({one.name: self._numbers(one) for one in answers}))

    def _numbers(self, one: Answer) -> NDArray[Any]:
        if self._classes is None or one.name not in ("predicted_label", "labels"):
            exact = one.values.dtype.kind != "i" or bool((np.abs(one.values) <= 2**53).all())
            return one.values.astype(np.float64) if exact and one.values.dtype.kind in "biuf" else one.values
        if self._classes.dtype.kind in "OU":
            return np.searchsorted(self._classes, one.values.astype(self._classes.dtype)).astype(np.float32)
        if (self._classes.astype(np.float32) == self._classes).all():
            return one.values.astype(np.float32)
        if (self._classes.astype(np.float64) == self._classes).all() and self._classes.dtype.kind != "i":
            return one.values.astype(np.float64)
        whole = self._classes.dtype.kind == "i" and np.abs(self._classes).max(initial=0) <= 2**53
        return one.values.astype(np.float64) if whole else one.values


ENDINGS: dict[str, type[Writer]] = {
    ".csv": CsvWriter,
    ".jsonl": JsonLinesWriter,
    ".parquet": ParquetWriter,
    ".npy": NpyWriter,
    ".pbr": RecordWriter,
    ".recordio": RecordWriter,
}


@contextmanager
def writing(
    path: str | None,
    *,
    as_json: bool,
    text: np.dtype[Any] | None = None,
    classes: NDArray[Any] | None = None,
) -> Iterator[Writer]:
    """A writer to a file, by the ending of its name, or to standard output.

    Parameters
    ----------
    path : str or None
        None is standard output.
    as_json : bool
        Whether standard output gets JSON lines instead of CSV.
    text : numpy.dtype or None
        As for ``NpyWriter``.
    classes : ndarray or None
        As for ``RecordWriter``.
    """
    if path is None:
        yield (JsonLinesWriter if as_json else CsvWriter)(sys.stdout.buffer)
        return
    kind = ENDINGS[Path(path).suffix.lower()]
    with _file(path) as file:
        if kind is NpyWriter:
            writer: Writer = NpyWriter(file, text)
        elif kind is RecordWriter:
            writer = RecordWriter(file, classes)
        else:
            writer = kind(file)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise


@contextmanager
def _file(path: str) -> Iterator[BinaryIO]:
    """The file, in place under its name only if nothing failed; devices and pipes are written as they are."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            yield file
        unfinished.replace(target)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError) and error.filename == str(unfinished):
            error.filename = path
        raise


def _columns(one: Answer) -> list[tuple[str, NDArray[Any]]]:
    if one.parts is None:
        return [(one.name, one.values)]
    return [(part, one.values[:, place]) for place, part in enumerate(one.parts)]


def _entries(one: Answer) -> list[Any]:
    entries: list[Any] = one.values.tolist()
    return entries if one.keys is None else [dict(zip(one.keys, entry, strict=True)) for entry in entries]


def _arrow(values: NDArray[Any]) -> Any:
    import pyarrow

    if values.dtype.kind != "O":
        return pyarrow.array(values)
    array = pyarrow.array(values.tolist())
    return array.cast(pyarrow.string()) if pyarrow.types.is_null(array.type) else array
