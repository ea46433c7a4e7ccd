# SPDX-License-Identifier: Apache-2.0
"""The rows with the smallest keys of all that came, in place and in fixed memory.

The buffer holds the kept rows and some spare room. Rows that may still win are appended; when the room is
used up, one partition finds the ``capacity`` smallest keys and the winners among the newcomers move into the
losers' places.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import join_labels
from ..errors import DataError

__all__ = ["Reservoir"]

Columns = dict[str, NDArray[Any]]

SPARE_BYTES = 32 << 20
"""Room for candidates beyond the kept rows; never more than the kept rows themselves."""
GROWTH_BYTES = 64 << 20
"""Beyond this the buffer grows step by step, which realloc does by moving pages, not by copying them."""


class Reservoir:
    """Columns of equal length, of which the rows with the smallest (key, shard, row) stay.

    Parameters
    ----------
    capacity : int or None
        Rows to keep; None keeps all.
    shards : list of str
        Names that the column "shards" refers to by position.

    Attributes
    ----------
    n : int
        Rows held at the moment; up to ``capacity`` and the spare room.
    columns : dict of str to ndarray
        "keys" (uint64), "rows" (int64), "shards" (int32), "features", and "labels" if there are any; the
        first ``n`` entries count. Empty until the first rows come.
    """

    def __init__(self, capacity: int | None, shards: list[str]) -> None:
        self.capacity, self.shards = capacity, shards
        self.n = 0
        self.columns: Columns = {}
        self._threshold: np.uint64 | None = None

    def chances(self, keys: NDArray[np.uint64]) -> NDArray[np.intp] | None:
        """Positions of the keys that may still be among the smallest; None for all."""
        if self.capacity == 0:
            return np.empty(0, dtype=np.intp)
        return None if self._threshold is None else np.flatnonzero(keys <= self._threshold)

    def append(self, arrays: Columns) -> None:
        """Take rows in."""
        self._check_alike(arrays)
        if not self.columns:
            self.columns = {name: np.empty((0, *a.shape[1:]), dtype=a.dtype) for name, a in arrays.items()}
        n_new, start = len(arrays["keys"]), 0
        limit = None if self.capacity is None else self.capacity + self._spare_rows()
        while start < n_new:
            if limit is not None and self.n >= limit:
                self.compact()
            stop = n_new if limit is None else min(n_new, start + limit - self.n)
            end = self.n + stop - start
            self._grow(end, limit)
            for name, array in arrays.items():
                self.columns[name][self.n : end] = array[start:stop]
            self.n, start = end, stop

    def compact(self) -> None:
        """Drop all but the ``capacity`` smallest (key, shard, row)."""
        if self.capacity is None or self.n <= self.capacity:
            return
        self._own()
        keys = self.columns["keys"][: self.n]
        threshold = np.partition(keys, self.capacity - 1)[self.capacity - 1]
        keep = keys < threshold
        equal = np.flatnonzero(keys == threshold)
        missing = self.capacity - int(keep.sum())
        if len(equal) > missing:
            names = [self.shards[shard] for shard in self.columns["shards"][equal]]
            rows = self.columns["rows"][equal].tolist()
            equal = equal[sorted(range(len(equal)), key=lambda i: (names[i], rows[i]))[:missing]]
        keep[equal] = True
        losers = np.flatnonzero(~keep[: self.capacity])
        winners = self.capacity + np.flatnonzero(keep[self.capacity :])
        for column in self.columns.values():
            column[losers] = column[winners]
        self.n = self.capacity
        self._threshold = threshold

    def widen(self, more: int | None) -> None:
        """Room for ``more`` rows beyond ``capacity``; None keeps all."""
        self.capacity = None if self.capacity is None or more is None else self.capacity + more
        self._threshold = None

    def finish(self) -> Columns:
        """The kept rows by (shard, row), in memory cut to size, without keys; empties the reservoir."""
        self.compact()
        self._own()
        columns, self.columns = self.columns, {}
        del columns["keys"]
        order = self._order(columns["rows"][: self.n], columns["shards"][: self.n])
        for name in columns:
            column = columns[name]
            column.resize((self.n, *column.shape[1:]), refcheck=False)
            _reorder(column, order)
        return columns

    def _order(self, rows: NDArray[Any], shards: NDArray[Any]) -> NDArray[np.intp]:
        if len(self.shards) == 1:
            return np.argsort(rows, kind="stable")
        rank = np.argsort(np.argsort(np.array(self.shards, dtype=object))).astype(np.int32)
        return np.lexsort((rows, rank[shards]))

    def _own(self) -> None:
        """Copy what is not ours to write to or to resize, such as arrays that came from another process."""
        for name, column in self.columns.items():
            if not (column.flags.owndata and column.flags.writeable):
                self.columns[name] = column.copy()

    def _spare_rows(self) -> int:
        assert self.capacity is not None
        return max(1, min(self.capacity, SPARE_BYTES // self._row_bytes()))

    def _row_bytes(self) -> int:
        features = self.columns["features"]
        return max(1, int(features.shape[1]) * features.itemsize)

    def _grow(self, needed: int, limit: int | None) -> None:
        room = len(self.columns["keys"])
        if needed <= room:
            return
        self._own()
        wanted = max(needed, room + min(room, GROWTH_BYTES // self._row_bytes()))
        if limit is not None:
            wanted = min(wanted, limit)
        for column in self.columns.values():
            column.resize((wanted, *column.shape[1:]), refcheck=False)

    def _check_alike(self, arrays: Columns) -> None:
        """Refuse rows that do not fit those before; labels take on a common dtype where nothing is lost."""
        if arrays["features"].ndim != 2:
            raise DataError(f"Sample: found rows of shape {arrays['features'].shape}; expected 2 dimensions.")
        if not self.columns:
            return
        if self.columns.keys() != arrays.keys():
            raise DataError("Sample: found rows with labels and rows without; expected one or the other.")
        mine, new = self.columns["features"], arrays["features"]
        if mine.shape[1:] != new.shape[1:] or mine.dtype != new.dtype:
            raise DataError(
                f"Sample: found rows of {new.shape[1]} columns, {new.dtype}; expected {mine.shape[1]} "
                f"columns, {mine.dtype}, as in the rows before."
            )
        if "labels" not in arrays:
            return
        mine, new = self.columns["labels"], arrays["labels"]
        if mine.shape[1:] != new.shape[1:]:
            raise DataError(
                f"Sample: found labels of shape {new.shape}; expected (n, *{mine.shape[1:]}), as in the rows "
                "before."
            )
        if mine.dtype != new.dtype and len(new):
            dtype = join_labels([mine[: self.n], new]).dtype
            arrays["labels"] = new.astype(dtype, copy=False)
            self.columns["labels"] = mine.astype(dtype, copy=False)
        elif mine.dtype != new.dtype:
            arrays["labels"] = new.astype(mine.dtype)


def _reorder(column: NDArray[Any], order: NDArray[np.intp]) -> None:
    """``column[:] = column[order]`` with a copy of at most some 32 MiB, or one column, at a time."""
    if column.ndim == 1 or column.nbytes <= SPARE_BYTES:
        column[:] = column[order]
        return
    width = max(1, SPARE_BYTES // (len(column) * column.itemsize))
    for start in range(0, column.shape[1], width):
        column[:, start : start + width] = column[order, start : start + width]
