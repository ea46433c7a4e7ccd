# SPDX-License-Identifier: Apache-2.0
"""Rows from one place, labels from an array beside them: the pair (rows, labels)."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

from ..errors import DataError
from .labels import as_labels
from .source import Piece, Pieces, Source
from .values import Place

__all__ = ["PairSource", "labels_beside"]


class PairSource(Source):
    """A source whose labels come from an array of the same length."""

    def __init__(self, rows: Source, labels: Any) -> None:
        self._inner = rows
        self._labels = labels_beside(labels)
        self.name = rows.name
        self.feature_names, self.n_features = rows.feature_names, rows.n_features
        self.n_rows, self.n_bytes = rows.n_rows, rows.n_bytes
        self.feature_dtype, self.label_dtype = rows.feature_dtype, self._labels.dtype
        name = getattr(labels, "name", None)
        self.label_name = name if isinstance(name, str) and name else None
        if self.n_rows is not None:
            self._check(self.n_rows)

    def _session(self) -> AbstractContextManager[Any]:
        return self._inner._session()

    def _check(self, n_rows: int) -> None:
        if n_rows != len(self._labels):
            raise DataError(
                f"{self.name}: found {len(self._labels)} labels for {n_rows} rows; expected one label per "
                "row."
            )

    def _count(self) -> int:
        return self._inner.count_rows()

    def _pieces(self, size: int) -> Pieces:
        start = 0
        for piece in self._inner._pieces(size):
            stop = start + len(piece.features)
            if stop > len(self._labels):
                self._check(self._inner.count_rows())
            yield Piece(piece.features, self._labels[start:stop], piece.bytes_read)
            start = stop
        self._check(start)


def labels_beside(labels: Any) -> Any:
    """Labels from an array, a list, a pandas or polars series, or an Arrow array."""
    place = Place("labels")
    root = type(labels).__module__.partition(".")[0]
    if root == "pandas" and hasattr(labels, "iloc"):
        if getattr(labels, "ndim", 1) == 1 and labels.dtype != object:
            labels = _pandas_array(labels)
        else:
            labels = labels.to_numpy()
    elif root == "polars" and hasattr(labels, "to_arrow"):
        labels = labels.to_arrow()
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(labels, (pyarrow.Array, pyarrow.ChunkedArray)):
        from .arrow_values import label_values

        return label_values(labels, place, None)
    if isinstance(labels, (list, tuple)):
        return _from_list(labels, place)
    return as_labels(labels, place)


def _pandas_array(series: Any) -> Any:
    import pyarrow

    return pyarrow.array(series, from_pandas=True)


def _from_list(labels: Any, place: Place) -> Any:
    """A list as labels, without numpy's silent turning of numbers into text."""
    import numpy as np

    objects = np.empty(len(labels), dtype=object)
    try:
        objects[:] = labels
    except ValueError:
        return as_labels(np.asarray(labels), place)
    if any(isinstance(value, (list, tuple, np.ndarray)) for value in objects):
        return as_labels(np.asarray(labels), place)
    result = as_labels(objects, place)
    return result.astype(str) if result.dtype == object and len(result) else result
