# SPDX-License-Identifier: Apache-2.0
"""Tables in memory: Arrow tables and record batches, pandas and polars data frames.

Arrow and polars hand over their memory through Arrow's C stream; pandas columns are converted a slice at a
time, so a table is never copied whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .arrow_values import feature_matrix, feature_type, label_dtype, label_values
from .columns import Columns, Selection, select
from .labels import as_labels, join_labels
from .source import Piece, Pieces, Source
from .values import Place, common_float, float_dtype

__all__ = ["ArrowSource", "PandasSource", "TableSource", "column_labels"]


class TableSource(Source):
    """A table whose columns can be had, a slice of rows at a time, as Arrow arrays."""

    def __init__(
        self,
        name: str,
        columns: Sequence[str],
        types: Sequence[Any],
        n_rows: int | None,
        *,
        label: Columns,
        chosen: Columns,
        dtype: np.dtype[Any] | None,
        allow_nan: bool,
    ) -> None:
        self.name = name
        self.n_rows = n_rows
        self.n_bytes = None
        self._names, self._types = tuple(columns), types
        place = Place(name, self._names)
        self._selection: Selection = select(
            len(columns), self._names, label=label, columns=chosen, place=place
        )
        self._asked, self._allow_nan = dtype, allow_nan
        self.feature_names = self._selection.feature_names
        self.label_name, self.label_names = self._selection.label_name, self._selection.label_names
        self.n_features = len(self._selection.features)
        self.feature_dtype = dtype or common_float(
            [self._feature_type(position, place) for position in self._selection.features]
        )
        empty = [np.empty(0, self._label_dtype(position, place)) for position in self._selection.labels]
        self.label_dtype = join_labels(empty).dtype if empty else None

    def _feature_type(self, position: int, place: Place) -> np.dtype[Any]:
        return feature_type(self._types[position], place, position)

    def _label_dtype(self, position: int, place: Place) -> np.dtype[Any]:
        return label_dtype(self._types[position], place, position)

    def _labels(self, position: int, column: Any, place: Place) -> NDArray[Any]:
        return label_values(column, place, position)

    def _convert(self, column: Callable[[int], Any], first_row: int, bytes_read: int = 0) -> Piece:
        """One slice of rows; ``column`` gives the Arrow array at a position of the table."""
        place = Place(self.name, self._names, first_row)
        positions = self._selection.features
        features = feature_matrix(
            [column(position) for position in positions],
            positions,
            self.feature_dtype,
            place,
            allow_nan=self._allow_nan,
        )
        labels = column_labels(
            [self._labels(position, column(position), place) for position in self._selection.labels]
        )
        return Piece(features, labels, bytes_read)


def column_labels(columns: list[NDArray[Any]]) -> NDArray[Any] | None:
    """Labels of shape (n,) from one column, (n, n_labels) from several, None from none."""
    if not columns:
        return None
    if len(columns) == 1:
        return columns[0]
    joined = join_labels(columns)
    return np.ascontiguousarray(joined.reshape(len(columns), -1).T)


class ArrowSource(TableSource):
    """An Arrow table; also a record batch, a polars frame, or whatever offers Arrow's C stream."""

    def __init__(self, table: Any, **settings: Any) -> None:
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        elif not isinstance(table, pa.Table):
            table = pa.table(table)
        self._table = table
        super().__init__("table", table.column_names, table.schema.types, table.num_rows, **settings)

    def _pieces(self, size: int) -> Pieces:
        for start in range(0, self._table.num_rows, size):
            part = self._table.slice(start, size)
            yield self._convert(part.column, start)


class PandasSource(TableSource):
    """A pandas data frame; the index is never a feature.

    A column of Python objects is refused as a feature. As labels it is looked at as a whole, since only its
    values tell what it holds.
    """

    def __init__(self, frame: Any, **settings: Any) -> None:
        self._frame = frame
        self._object_labels: dict[int, NDArray[Any]] = {}
        names = [str(name) for name in frame.columns]
        super().__init__("data frame", names, (), len(frame), **settings)
        if not all(isinstance(name, str) for name in frame.columns):
            self.feature_names = None  # as scikit-learn: names only where all are text

    def _feature_type(self, position: int, place: Place) -> np.dtype[Any]:
        dtype = self._frame.dtypes.iloc[position]
        if isinstance(dtype, np.dtype):
            return float_dtype(dtype, place, column=position)
        return feature_type(self._array(position, 0, 1).type, place, position)

    def _label_dtype(self, position: int, place: Place) -> np.dtype[Any]:
        if self._frame.dtypes.iloc[position] != np.dtype(object):
            return label_dtype(self._array(position, 0, 1).type, place, position)
        labels = as_labels(self._frame.iloc[:, position].to_numpy(), place, column=position)
        self._object_labels[position] = labels
        return labels.dtype

    def _labels(self, position: int, column: Any, place: Place) -> NDArray[Any]:
        if position in self._object_labels:
            return self._object_labels[position][place.first_row : place.first_row + len(column)]
        return label_values(column, place, position)

    def _array(self, position: int, start: int, stop: int) -> Any:
        series = self._frame.iloc[start:stop, position]
        if position in self._object_labels:
            return series
        array = pa.array(series, from_pandas=True)
        return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array

    def _pieces(self, size: int) -> Pieces:
        for start in range(0, len(self._frame), size):
            stop = min(start + size, len(self._frame))
            yield self._convert(partial(self._array, start=start, stop=stop), start)
