# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays (also memory-mapped, from .npy files), nested lists, and scipy sparse matrices.

Batches are views of the array where it already has the right dtype and layout; sparse rows are made dense a
batch at a time. Nothing here imports Arrow.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError
from .columns import Columns, select
from .labels import as_labels
from .source import Piece, Pieces, Source
from .values import Place, check_finite, float_dtype, to_dtype

__all__ = ["ArraySource", "as_matrix", "open_npy"]


class ArraySource(Source):
    """A matrix of shape (n, d), dense or sparse, with labels in some of its columns or beside it."""

    def __init__(
        self,
        rows: Any,
        *,
        name: str = "array",
        label: Columns = None,
        chosen: Columns = None,
        dtype: np.dtype[Any] | None = None,
        allow_nan: bool = False,
        n_bytes: int | None = None,
    ) -> None:
        self.name = name
        place = Place(name)
        self._rows, self._allow_nan = rows, allow_nan
        natural = float_dtype(rows.dtype, place)
        n_rows, n_columns = rows.shape
        selection = select(n_columns, None, label=label, columns=chosen, place=place)
        self._features, self._label_columns = selection.features, selection.labels
        self._all = selection.features == tuple(range(n_columns))
        self.n_rows, self.n_bytes = n_rows, n_bytes
        self.n_features = len(selection.features)
        self.feature_names = self.label_name = None
        self.feature_dtype = dtype or natural
        kind = as_labels(np.empty(0, rows.dtype), place).dtype if selection.labels else None
        self.label_dtype = kind

    def _pieces(self, size: int) -> Pieces:
        assert self.n_rows is not None
        for start in range(0, self.n_rows, size):
            block = self._rows[start : start + size]
            if hasattr(block, "toarray"):
                block = block.toarray()
            place = Place(self.name, None, start)
            labels = None
            if self._label_columns:
                columns = block[:, self._label_columns]
                labels = as_labels(columns[:, 0] if len(self._label_columns) == 1 else columns, place)
            values = block if self._all else block[:, self._features]
            # numbers are judged as they came, so that narrowing cannot hide an infinity of its own making
            if values.dtype.kind == "f":
                check_finite(values, place, self._features, allow_nan=self._allow_nan)
            features = to_dtype(values, self.feature_dtype, place, self._features)
            done = 0 if self.n_bytes is None else self.n_bytes * (start + len(block)) // self.n_rows
            yield Piece(features, labels, done)


def as_matrix(rows: Any) -> Any:
    """An array, nested list or sparse matrix as something that can be sliced by rows; checks its shape.

    Raises
    ------
    DataError
        Not two-dimensional, or rows of unequal length.
    """
    if hasattr(rows, "tocsr"):
        rows = rows.tocsr()
    elif not isinstance(rows, np.ndarray):
        rows = _from_sequence(rows)
    if rows.ndim != 2:
        advice = {
            1: "Reshape with array.reshape(-1, 1) for one column, or array.reshape(1, -1) for one row."
        }.get(rows.ndim, "")
        raise DataError(
            f"array: found {rows.ndim} dimension(s), shape {rows.shape}; expected 2: rows and columns. "
            f"{advice}".strip()
        )
    return rows


def _from_sequence(rows: Any) -> NDArray[Any]:
    try:
        return np.asarray(rows)
    except ValueError as error:
        lengths = [len(row) if isinstance(row, Sequence) else None for row in rows]
        odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
        if odd is None:
            raise DataError(f"array: {error}; expected a rectangular matrix of numbers.") from error
        raise DataError(
            f"array: row {odd} has {lengths[odd]} values where row 0 has {lengths[0]}; expected rows of "
            "equal length.",
            row=odd,
        ) from error


def open_npy(path: str, **settings: Any) -> ArraySource:
    """A .npy file, memory-mapped: plain numeric dtypes only, never pickle.

    As with every mapped file, one that somebody cuts short while it is read ends the process.

    Raises
    ------
    DataError
        Damaged, cut short, or not a matrix.
    DataTypeError
        Python objects or another dtype that is no number.
    """
    try:
        with Path(path).open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise DataError(f"{path}: is no .npy file; expected an array written by numpy.save.")
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # a damaged header can raise whatever Python's tokenizer and parser know
        if "object" in str(error):
            raise DataTypeError(
                f"{path}: found Python objects; expected a .npy file of plain numbers. Such a file is never "
                "read, because reading it could run code; save the array with a numeric dtype."
            ) from error
        raise _damaged(path, error) from error
    if rows.ndim != 2:
        raise DataError(
            f"{path}: found an array of shape {rows.shape}; expected 2 dimensions: rows and columns."
        )
    return ArraySource(rows, name=path, n_bytes=os.path.getsize(path), **settings)


def _damaged(path: str, error: Exception) -> DataError:
    return DataError(
        f"{path}: is damaged or no .npy file ({error}); expected an array written by numpy.save."
    )
