# SPDX-License-Identifier: Apache-2.0
"""Files and streams of RecordIO-protobuf."""

from __future__ import annotations

import io
import os
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import DataError, ParameterError
from .columns import Columns, select
from .recordio import Run, checked, runs
from .recordio_frames import Frames
from .recordio_records import RecordPlace
from .source import Piece, Pieces, Source
from .streams import OneWay
from .values import FLOAT64, Place, float_dtype

__all__ = ["RecordSource"]


class RecordSource(Source):
    """A file, the bytes of one, or a stream that is read once.

    The first record says how many features and labels every record has, and of which type. Where later
    records are of a wider type than the first, ``dtype`` must say what to make of them.
    """

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
        self._source, self._allow_nan = source, allow_nan
        self.n_rows, self.n_bytes = None, None
        if isinstance(source, OneWay):
            self.name = source.name
        elif isinstance(source, bytes):
            self.name, self.n_bytes = "RecordIO bytes", len(source)
        else:
            self.name, self.n_bytes = source, os.path.getsize(source)
        self._with_labels = _wants_label(label)
        self.feature_names = self.label_name = None
        self.feature_dtype, self.label_dtype = dtype or FLOAT64, None
        first = self._first()
        if first is None:
            raise DataError(
                f"{self.name}: is empty; expected at least one record. Check that it was written completely."
            )
        n_columns = first.features.shape[1]
        self._n_columns = self.n_features = n_columns
        self._chosen = None
        if chosen is not None:
            place = Place(self.name)
            self._chosen = list(select(n_columns, None, label=None, columns=chosen, place=place).features)
            self.n_features = len(self._chosen)
        self._fixed_dtype = dtype is not None
        self.feature_dtype = dtype or float_dtype(first.features.dtype, Place(self.name))
        if first.labels is not None:
            labels = checked(first, self.name, FLOAT64, allow_nan=True)[1]
            assert labels is not None
            self.label_dtype = labels.dtype

    def _open(self) -> BinaryIO | OneWay:
        if isinstance(self._source, OneWay):
            return self._source
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        try:
            return Path(self._source).open("rb")
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}.") from error

    def _first(self) -> Run | None:
        with self._open() as file:
            return next(runs(Frames(file.read, self.name), self.name, None, labels=self._with_labels), None)

    def _pieces(self, size: int) -> Pieces:
        if isinstance(self._source, OneWay):
            self._source.begin()
        row = 0
        with self._open() as file:
            frames = Frames(file.read, self.name)
            with closing(runs(frames, self.name, self._n_columns, labels=self._with_labels)) as found:
                for run in found:
                    row += len(run.features)
                    yield self._convert(run)
        self.n_rows = row

    def _convert(self, run: Run) -> Piece:
        wider = float_dtype(run.features.dtype, Place(self.name)).itemsize > self.feature_dtype.itemsize
        if wider and not self._fixed_dtype:
            raise RecordPlace(self.name, None, run.first_row).error(
                f"{run.features.dtype} numbers",
                f"{self.feature_dtype}, as in the first record",
                "Pass dtype='float32' or dtype='float64' to read all as one.",
                row=0,
            )
        if self._chosen is not None:
            run = run._replace(features=run.features[:, self._chosen])
        features, labels = checked(run, self.name, self.feature_dtype, allow_nan=self._allow_nan)
        return Piece(features, labels, run.bytes_read)

    def _count(self) -> int:
        if isinstance(self._source, OneWay):
            raise DataError(f"{self.name}: is a stream; how many rows it has is known at its end only.")
        with self._open() as file:
            frames = Frames(file.read, self.name)
            while frames.next() is not None:
                pass
        return frames.n_records


def _wants_label(label: Columns) -> bool:
    """A record has one label, which counts as the first column and is called "values"."""
    if isinstance(label, (list, tuple)) and len(label) == 1:
        label = label[0]
    if label is None:
        return False
    if label in (0, "values"):
        return True
    raise ParameterError(
        f"label={label!r} was given for RecordIO; expected 0 or 'values' for the label that each record "
        "carries, or None."
    )
