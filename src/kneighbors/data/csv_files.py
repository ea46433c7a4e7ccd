# SPDX-License-Identifier: Apache-2.0
"""CSV: read in blocks of whole records, parsed by Arrow, in memory that does not grow with the file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from ..errors import DataError
from .arrow_values import plain
from .columns import Columns
from .csv_blocks import Block, blocks
from .csv_diagnosis import MISSING, LinePlace, diagnose
from .csv_labels import (
    DTYPES,
    LabelDtype,
    LabelKind,
    check_label_dtype,
    guess,
    numbers_or_null,
    read_labels,
)
from .csv_layout import Header, read_layout
from .source import Piece, Pieces, Source
from .streams import OneWay
from .tables import column_labels
from .values import FLOAT64, check_finite, to_dtype

__all__ = ["CsvSource"]


class CsvSource(Source):
    """A CSV file, or the bytes of one."""

    def __init__(
        self,
        source: str | bytes | OneWay,
        *,
        label: Columns = None,
        chosen: Columns = None,
        dtype: np.dtype[Any] | None = None,
        allow_nan: bool = False,
        header: Header = "auto",
        delimiter: str | None = None,
        label_dtype: LabelDtype = "auto",
    ) -> None:
        check_label_dtype(label_dtype)
        self._source, self._allow_nan = source, allow_nan
        if isinstance(source, OneWay):
            self.name, self.n_bytes = source.name, None
        elif isinstance(source, bytes):
            self.name, self.n_bytes = "CSV text", len(source)
        else:
            self.name, self.n_bytes = source, os.path.getsize(source)
        with self._open() as file:
            self._layout = read_layout(
                file, self.name, header=header, delimiter=delimiter, label=label, columns=chosen
            )
        selection = self._layout.selection
        self.feature_names, self.label_name = selection.feature_names, selection.label_name
        self.label_names = selection.label_names
        self.n_features = len(selection.features)
        self.n_rows = 0 if self._layout.head is None else None
        self.feature_dtype = dtype or FLOAT64
        self._may_widen = label_dtype == "auto"
        self._kinds: list[LabelKind] = (
            self._guess() if label_dtype == "auto" else [label_dtype] * len(selection.labels)
        )
        self._set_label_dtype()

    def _open(self) -> BinaryIO:
        if isinstance(self._source, OneWay):
            return cast(BinaryIO, self._source)
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        try:
            return Path(self._source).open("rb")
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}.") from error

    def _guess(self) -> list[LabelKind]:
        labels = self._layout.selection.labels
        if not labels or self._layout.head is None:
            return ["string"] * len(labels)
        table = self._parse(self._layout.head, 0)
        return [guess(table.column(str(position)).combine_chunks()) for position in labels]

    def _set_label_dtype(self) -> None:
        dtypes = [DTYPES[kind] for kind in self._kinds]
        self.label_dtype = None if not dtypes else np.result_type(*dtypes)

    def _blocks(self, file: BinaryIO) -> Any:
        layout = self._layout
        return blocks(
            file,
            self.name,
            delimiter=layout.delimiter,
            line_end=layout.line_end,
            start=layout.start,
            first_line=layout.first_line,
        )

    def _pieces(self, size: int) -> Pieces:
        row = 0
        if isinstance(self._source, OneWay):
            self._source.begin()
        with self._open() as file:
            for block in self._blocks(file):
                if not block.data.strip(b"\r\n"):
                    continue
                piece = self._convert(block, row)
                row += len(piece.features)
                yield piece
        self.n_rows = row

    def _parse(self, block: Block, first_row: int) -> Any:
        """The block as an Arrow table, float64 features and labels as text; column i is named ``str(i)``."""
        selection = self._layout.selection
        try:
            try:
                return self._read(block, selection.features, selection.labels)
            except pa.ArrowInvalid:
                if not self._allow_nan:
                    raise
                # Arrow does not trim cells before it compares them with the marks of missing values
                table = self._read(block, (), selection.features + selection.labels)
                for i in range(len(selection.features)):
                    table = table.set_column(
                        i, table.column_names[i], numbers_or_null(table.column(i), MISSING)
                    )
                return table
        except pa.ArrowInvalid as error:
            raise diagnose(
                self.name, self._layout, block, first_row, allow_nan=self._allow_nan, reason=str(error)
            ) from None

    def _read(self, block: Block, numbers: tuple[int, ...], texts: tuple[int, ...]) -> Any:
        types = {str(position): pa.float64() for position in numbers}
        types |= {str(position): pa.string() for position in texts}
        names = [str(position) for position in range(self._layout.n_columns)]
        return arrow_csv.read_csv(
            pa.BufferReader(block.data),
            # one block for Arrow too, so that quoted line ends are no concern
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=len(block.data) + 1),
            parse_options=arrow_csv.ParseOptions(delimiter=self._layout.delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=list(MISSING) if self._allow_nan else [],
                strings_can_be_null=False,
            ),
        )

    def _convert(self, block: Block, first_row: int) -> Piece:
        selection = self._layout.selection
        table = self._parse(block, first_row)
        place = LinePlace(self.name, self._layout, block, first_row)
        values = np.empty((table.num_rows, self.n_features), dtype=np.float64)
        for target in range(self.n_features):
            values[:, target] = plain(table.column(target))
        check_finite(values, place, selection.features, allow_nan=self._allow_nan)
        features = to_dtype(values, self.feature_dtype, place, selection.features)
        return Piece(features, self._labels(table, place), block.end)

    def _labels(self, table: Any, place: LinePlace) -> NDArray[Any] | None:
        columns = []
        for i, position in enumerate(self._layout.selection.labels):
            texts = table.column(str(position)).combine_chunks()
            labels = read_labels(texts, self._kinds[i], place, position, may_widen=self._may_widen)
            if self._kinds[i] == "int64" and labels.dtype.kind == "f":
                self._kinds[i] = "float64"
                self._set_label_dtype()
            columns.append(labels)
        return column_labels(columns)

    def _count(self) -> int:
        """Rows by counting line ends, a few times faster than reading the numbers."""
        if isinstance(self._source, OneWay):
            raise DataError(f"{self.name}: is a stream; how many rows it has is known at its end only.")
        n_rows = 0
        with self._open() as file:
            for block in self._blocks(file):
                data = block.data
                if b'"' in data or b"\n\n" in data or b"\r" in data or data.startswith(b"\n"):
                    if data.strip(b"\r\n"):
                        n_rows += self._count_records(block, n_rows)
                else:
                    n_rows += data.count(b"\n") + (not data.endswith(b"\n"))
        return n_rows

    def _count_records(self, block: Block, first_row: int) -> int:
        try:
            return int(self._read(block, (), (0,)).num_rows)
        except pa.ArrowInvalid:
            return int(self._parse(block, first_row).num_rows)  # says what is wrong
