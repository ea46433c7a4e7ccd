# SPDX-License-Identifier: Apache-2.0
"""JSON lines: one row in each, as the managed algorithm's clients write it.

A line is ``{"features": [...]}``, ``{"data": {"features": {"values": [...]}}}``, the same with ``keys`` and
``shape`` for a sparse row, or a plain list of numbers; shapes may be mixed. A ``label`` may stand beside
``features`` or ``data``. Other members are not looked at. Empty lines are skipped.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from .columns import Columns, select
from .labels import as_labels
from .source import Piece, Pieces, Source
from .streams import OneWay
from .values import FLOAT64, Place, check_finite, to_dtype

__all__ = ["JsonLinesSource"]

MAX_LINE = 64 << 20
MAX_COLUMNS = 1 << 20
_CHUNK = 2 << 20
_RUN_BYTES = 4 << 20


class _Tensor(msgspec.Struct):
    values: list[float]
    keys: list[int] | None = None
    shape: list[int] | None = None


class _Data(msgspec.Struct):
    features: _Tensor


class _Instance(msgspec.Struct):
    features: list[float] | None = None
    data: _Data | None = None
    label: bool | int | float | str | None = None


_OBJECT = msgspec.json.Decoder(_Instance)
_LIST = msgspec.json.Decoder(list[float])


class LinesPlace(Place):
    """A place within rows whose line numbers are known."""

    def __init__(self, source: str, lines: list[int], first_row: int = 0) -> None:
        super().__init__(source, None, first_row)
        self._lines = lines

    def row_text(self, row: int) -> str:
        return f"line {self._lines[row]}"


class JsonLinesSource(Source):
    """A file of JSON lines, the bytes of one, or a stream that is read once."""

    labels_beside = True

    def __init__(
        self,
        source: str | bytes | OneWay,
        *,
        label: Columns = None,
        chosen: Columns = None,
        dtype: np.dtype[Any] | None = None,
        allow_nan: bool = False,
    ) -> None:
        self._source = source
        self.n_rows, self.n_bytes = None, None
        if isinstance(source, OneWay):
            self.name = source.name
        elif isinstance(source, bytes):
            self.name, self.n_bytes = "JSON lines", len(source)
        else:
            self.name, self.n_bytes = source, os.path.getsize(source)
        if label not in (None, 0, "label", [0], ["label"]):
            raise ParameterError(
                f"label={label!r} was given for JSON lines; expected 0 or 'label' for the member of "
                "that name in each line, or None."
            )
        self._with_labels = label is not None
        self.feature_names, self.label_name = None, None
        self.feature_dtype, self.label_dtype = dtype or FLOAT64, None
        with self._open() as file:
            first = next(self._lines(file), None)
        if first is None:
            raise DataError(f"{self.name}: is empty; expected at least one line.")
        line, text, _ = first
        row, mark = self._parse(text, LinesPlace(self.name, [line]), None)
        self._n_columns = len(row)
        self.n_features, self._chosen = len(row), None
        if chosen is not None:
            place = Place(self.name)
            self._chosen = list(select(len(row), None, label=None, columns=chosen, place=place).features)
            self.n_features = len(self._chosen)
        if self._with_labels:
            self.label_dtype = self._as_labels([mark], LinesPlace(self.name, [line])).dtype

    def _open(self) -> BinaryIO | OneWay:
        if isinstance(self._source, OneWay):
            return self._source
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        try:
            return Path(self._source).open("rb")
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}.") from error

    def _lines(self, file: BinaryIO | OneWay) -> Iterator[tuple[int, bytes, int]]:
        """Line number, text and the bytes up to its end, of every line that is not empty."""
        number, done, pending = 1, 0, b""
        while True:
            part = file.read(_CHUNK)
            pending += part
            *whole, pending = pending.split(b"\n") if part else (pending, b"")
            if len(pending) > MAX_LINE:
                raise DataError(
                    f"{self.name}, line {number + len(whole)}: is longer than {MAX_LINE >> 20} MiB; expected "
                    "a line end before that."
                )
            for text in whole:
                done += len(text) + 1
                if text.strip():
                    yield number, text, done
                number += 1
            if not part:
                return

    def _pieces(self, size: int) -> Pieces:
        if isinstance(self._source, OneWay):
            self._source.begin()
        rows: list[Any] = []
        marks: list[Any] = []
        lines: list[int] = []
        row = bytes_read = 0
        most = max(1, min(size, _RUN_BYTES // (8 * self._n_columns)))
        with self._open() as file:
            for line, text, bytes_read in self._lines(file):
                values, mark = self._parse(text, LinesPlace(self.name, [line]), self._n_columns)
                rows.append(values)
                marks.append(mark)
                lines.append(line)
                if len(rows) == most:
                    yield self._convert(rows, marks, LinesPlace(self.name, lines, row), bytes_read)
                    row += len(rows)
                    rows, marks, lines = [], [], []
        if rows:
            yield self._convert(rows, marks, LinesPlace(self.name, lines, row), bytes_read)
        self.n_rows = row + len(rows)

    def _convert(self, rows: list[Any], marks: list[Any], place: LinesPlace, bytes_read: int) -> Piece:
        values = np.array(rows, dtype=np.float64)
        if self._chosen is not None:
            values = values[:, self._chosen]
        columns = range(values.shape[1])
        check_finite(values, place, columns)
        labels = self._as_labels(marks, place) if self._with_labels else None
        return Piece(to_dtype(values, self.feature_dtype, place, columns), labels, bytes_read)

    def _as_labels(self, marks: list[Any], place: LinesPlace) -> NDArray[Any]:
        found = np.empty(len(marks), dtype=object)
        found[:] = marks
        return as_labels(found, place)

    def _parse(self, text: bytes, place: LinesPlace, n_expected: int | None) -> tuple[Any, Any]:
        """Numbers and label of one line."""
        try:
            if text.lstrip().startswith(b"["):
                row, mark = _LIST.decode(text), None
            else:
                if text.count(b'"') > 2:  # one member has no second of its name
                    json.loads(text, object_pairs_hook=_no_duplicates)
                instance = _OBJECT.decode(text)
                row, mark = _numbers(instance, n_expected), instance.label
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise place.error(
                f"{' '.join(str(error).split())[:200]}", 'a row such as {"features": [1.5, 2]}', row=0
            ) from error
        if n_expected is not None and len(row) != n_expected:
            raise place.error(f"{len(row)} numbers", f"{n_expected}, as in the first line", row=0)
        if not len(row):
            raise place.error("no numbers", "at least one", row=0)
        return row, mark


def _numbers(instance: _Instance, n_expected: int | None) -> Any:
    if instance.features is not None and instance.data is not None:
        raise ValueError("both 'features' and 'data'")
    if instance.features is not None:
        return instance.features
    if instance.data is None:
        raise ValueError("neither 'features' nor 'data'")
    tensor = instance.data.features
    if tensor.keys is None and tensor.shape is None:
        return tensor.values
    if tensor.shape is None or not 1 <= len(tensor.shape) <= 8 or min(tensor.shape) < 1:
        raise ValueError("a sparse row without a shape of 1 or more")
    size = int(np.prod(np.array(tensor.shape, dtype=object)))
    if size > MAX_COLUMNS or (n_expected is not None and size != n_expected):
        raise ValueError(
            f"the shape {tensor.shape}, where {n_expected or f'at most {MAX_COLUMNS}'} is expected"
        )
    keys = range(len(tensor.values)) if tensor.keys is None else tensor.keys
    if len(keys) != len(tensor.values) or len(set(keys)) != len(keys):
        raise ValueError(f"{len(keys)} keys for {len(tensor.values)} values, each of which needs its own")
    if tensor.keys is None and len(keys) != size:
        raise ValueError(f"{len(keys)} values of shape {tensor.shape}")
    if len(keys) and not (min(keys) >= 0 and max(keys) < size):
        raise ValueError(f"a key outside 0 to {size - 1}")
    row = np.zeros(size)
    row[list(keys)] = tensor.values
    return row


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found
