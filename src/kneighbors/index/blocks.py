# SPDX-License-Identifier: Apache-2.0
"""Every metric and sparse rows: exact search through bounded float64 blocks.

A block of queries meets a block of rows; of each, the k best join those so far. The whole distance matrix
never exists, sparse rows are made dense one block at a time, and where a block ends never changes an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from ..errors import DataError, DataTypeError, ParameterError
from ..metrics import Metric, resolve
from . import checks, selection, stored
from .base import Distances, Ids, RadiusAnswer

__all__ = ["BlockIndex"]

Answer = TypeVar("Answer")

_MOST_QUERIES = 256
_ARRAY_ARGUMENTS = ("V", "VI", "w")


class BlockIndex:
    """Exact search by any metric, over dense or sparse rows, in bounded memory.

    The order is (float64 value, row id), as everywhere; NaN (only "nan_euclidean" and functions give it)
    comes last. Sparse rows with a metric of the native scan have its answers bit for bit.

    Parameters
    ----------
    metric : Metric or str
        What ``kneighbors.metrics.resolve`` returns, or a name for it.

    Attributes
    ----------
    metric : str
        The metric's name.
    measure : Metric
        The metric, with what ``fit`` estimated.
    block_bytes : int, default=16 MiB
        Size of a block of distances, and of a block of rows made dense.

    Examples
    --------
    >>> import numpy as np
    >>> index = BlockIndex("manhattan").fit(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> index.search(np.array([[3.0, 3.0]]), 2)
    (array([[1., 5.]]), array([[1, 2]]))
    """

    block_bytes = 16 << 20

    def __init__(self, metric: Metric | str = "minkowski") -> None:
        self._given = resolve(metric) if isinstance(metric, str) else metric
        if self._given.formula == "precomputed":
            raise ParameterError(
                "BlockIndex measures distances; PrecomputedIndex takes those already measured."
            )
        self.measure = self._given
        self.metric = self._given.name
        self._rows: Any = None
        self._ids: Ids | None = None  # None while ids are 0..n-1
        self._next_id = 0

    # What is held

    @property
    def rows(self) -> Any:
        """The rows, an array or a CSR matrix, in ascending order of their ids."""
        checks.require_fitted(self, self._rows is not None)
        return self._rows

    @property
    def ids(self) -> Ids:
        """The ids of the rows, ascending."""
        return np.arange(self.n_rows) if self._ids is None else self._ids

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""
        return 0 if self._rows is None else int(self._rows.shape[0])

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves; a search borrows a few blocks more."""
        return 0 if self._ids is None else self._ids.nbytes

    # Changing it

    def fit(self, rows: Any) -> BlockIndex:
        """Take the rows; anything held before is dropped.

        Parameters
        ----------
        rows : array or sparse matrix of shape (n_rows, n_columns), float32 or float64
            Kept by reference when C-contiguous (or CSR): do not write into it afterwards.
        """
        rows = self._checked(rows, "X")
        if rows.shape[0] == 0:
            raise DataError(f"X has no rows: shape {rows.shape}. At least one is needed.")
        self.measure = self._given.fitted(rows)
        self._rows, self._ids, self._next_id = rows, None, rows.shape[0]
        return self

    def add(self, rows: Any) -> Ids:
        """Append rows; returns their ids, which continue the count. What fit estimated stays."""
        held = self.rows
        rows = self._checked(rows, "X", held.shape[1])
        if rows.dtype == np.float64 and held.dtype == np.float32:
            raise DataError(
                "The index holds float32 rows and X is float64: convert X, or fit on float64 rows."
            )
        if hasattr(held, "toarray") != hasattr(rows, "toarray"):
            raise DataTypeError(
                "Sparse rows can only be added to sparse rows, and dense to dense: convert X."
            )
        new = np.arange(self._next_id, self._next_id + rows.shape[0])
        if rows.shape[0]:
            if self._ids is not None or self._next_id != held.shape[0]:
                self._ids = np.concatenate([self.ids, new])
            self._rows = _stacked(held, rows.astype(held.dtype, copy=False))
            self._next_id += rows.shape[0]
        return new

    def remove(self, ids: Ids) -> None:
        """Forget rows; their ids are never used again, and the other rows keep theirs."""
        held = self.rows
        places = checks.check_removed(ids, self._ids, self.n_rows)
        if places.size:
            kept = np.delete(np.arange(self.n_rows), places)
            self._rows, self._ids = held[kept], self.ids[kept]

    # Asking it

    def search(
        self, queries: Any, k: int, *, n_threads: int = 1, exclude: Ids | None = None
    ) -> tuple[Distances, Ids]:
        """The k nearest rows of each query: distances and ids of shape (n_queries, k), nearest first.

        ``queries`` may be dense or sparse, whatever the rows are. ``exclude`` names one id per query that
        must not answer (-1: none). More neighbours than rows that may answer is a ParameterError.
        """
        queries, places = self._asked(queries, exclude)
        k = checks.check_n_neighbors(k, self.n_rows, queries.shape[0], excludes=places is not None)
        if queries.shape[0] == 0:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        wanted = k if places is None else k + 1

        def nearest(start: int, stop: int, n_blocks: int) -> tuple[Distances, Ids]:
            best: tuple[Distances, Ids] | None = None
            for row_start, values in self._values(queries[start:stop], n_threads, n_blocks):
                block_values, block_places = selection.smallest(values, min(wanted, values.shape[1]))
                best = selection.merge(best, block_values, block_places + row_start, wanted)
            assert best is not None
            if places is None:
                return best
            return selection.drop_excluded(*best, places[start:stop], k)

        answers = self._over_queries(nearest, queries, n_threads)
        values = np.concatenate([answer[0] for answer in answers])
        return self.measure.report(values), self._named(np.concatenate([answer[1] for answer in answers]))

    def search_radius(
        self, queries: Any, radius: float, *, n_threads: int = 1, exclude: Ids | None = None
    ) -> RadiusAnswer:
        """All rows within ``radius`` (in the metric's unit): offsets (n_queries + 1), distances, ids."""
        queries, places = self._asked(queries, exclude)
        radius = checks.check_radius(radius, self.n_rows)
        n_queries = queries.shape[0]

        def inside(start: int, stop: int, n_blocks: int) -> tuple[Ids, Distances, Ids]:
            found = []
            for row_start, values in self._values(queries[start:stop], n_threads, n_blocks):
                near = self.measure.report(values) <= radius
                if places is not None:
                    columns = places[start:stop] - row_start
                    here = np.flatnonzero((columns >= 0) & (columns < near.shape[1]))
                    near[here, columns[here]] = False
                lines, columns = np.nonzero(near)
                found.append((lines, values[lines, columns], columns + row_start))
            lines, values, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
            order = np.lexsort((columns, values, lines))
            counts = np.bincount(lines, minlength=stop - start)
            return counts.astype(np.int64), values[order], columns[order].astype(np.int64)

        answers = self._over_queries(inside, queries, n_threads) if n_queries else []
        counts = np.concatenate([np.zeros(1, dtype=np.int64), *(answer[0] for answer in answers)])
        values = np.concatenate([np.empty(0), *(answer[1] for answer in answers)])
        ids = np.concatenate([np.empty(0, dtype=np.int64), *(answer[2] for answer in answers)])
        return np.cumsum(counts), self.measure.report(values), self._named(ids)

    def trace(self, query: Any) -> dict[str, Any]:
        """What one query touched: every row, in the one cell there is."""
        self._asked(query, None)
        return {"cells": [0], "cells_visited": 1, "distances_counted": self.n_rows}

    def describe(self) -> dict[str, Any]:
        """What the index is made of."""
        rows = self.rows
        sparse = hasattr(rows, "toarray")
        parts = (rows.data, rows.indices, rows.indptr) if sparse else (rows,)
        return {
            "kind": "blocks",
            "metric": self.metric,
            "n_rows": self.n_rows,
            "n_columns": int(rows.shape[1]),
            "dtype": rows.dtype.name,
            "sparse": sparse,
            "cells": [{"rows": self.n_rows}],
            "row_bytes": sum(int(part.nbytes) for part in parts),
            "memory_bytes": self.memory_bytes,
        }

    # How blocks are made

    def _values(self, queries: Any, n_threads: int, n_blocks: int) -> Iterator[tuple[int, Distances]]:
        """First row and values (n_queries, n_rows of the block) of one block after another."""
        keeps_sparse = self.measure.function is not None
        if not keeps_sparse:
            queries = _dense(queries)
        # Blocks of other queries are alive at the same time; they share the budget.
        widest = 8 * max(queries.shape[0], queries.shape[1]) * n_blocks
        step = max(1, self.block_bytes // widest)
        threads = n_threads if n_blocks == 1 else 1
        for start in range(0, self.n_rows, step):
            rows = self._rows[start : start + step]
            yield start, self.measure.ranking(queries, rows if keeps_sparse else _dense(rows), threads)

    def _over_queries(
        self, answer: Callable[[int, int, int], Answer], queries: Any, n_threads: int
    ) -> list[Answer]:
        """The answers of blocks of queries, in order; on several threads where the metric lets Python go."""
        n_queries, n_columns = queries.shape
        step = max(1, min(_MOST_QUERIES, self.block_bytes // (8 * n_columns)))
        alone = n_threads <= 1 or self.measure.function is not None or self.measure.native is not None
        if not alone:
            step = max(1, min(step, math.ceil(n_queries / n_threads)))
        spans = [(start, min(start + step, n_queries)) for start in range(0, n_queries, step)]
        if alone or len(spans) == 1:
            return [answer(start, stop, 1) for start, stop in spans]
        workers = min(n_threads, len(spans))
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda span: answer(span[0], span[1], workers), spans))

    def _asked(self, queries: Any, exclude: Ids | None) -> tuple[Any, Ids | None]:
        queries = self._checked(queries, "The query", self.rows.shape[1])
        return queries, checks.positions_of(exclude, self._ids, self.n_rows, queries.shape[0])

    def _checked(self, array: Any, what: str, n_columns: int | None = None) -> Any:
        """Finite rows of the right width: a C-contiguous array, or a CSR matrix."""
        if hasattr(array, "toarray"):
            array = array.tocsr()
            values = checks.check_matrix(array.data[None, :], what) if array.nnz else np.empty((1, 0))
            if n_columns is not None and array.shape[1] != n_columns:
                raise DataError(f"{what} has {array.shape[1]} columns; this index holds rows of {n_columns}.")
        else:
            array = values = checks.check_matrix(array, what, n_columns)
        checks.check_finite(values, what, allow_nan=self._given.allows_nan)
        return array

    def _named(self, places: Ids) -> Ids:
        return places if self._ids is None else self._ids[places]

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings and arrays, from which ``load`` makes the same index. A function cannot be saved."""
        if not self.measure.is_named:
            raise ParameterError(
                f"metric={self.metric} is a function, and a model file keeps no code; save a named metric."
            )
        settings: dict[str, Any] = {
            "kind": "blocks",
            "metric": self.metric,
            "n_columns": int(self.rows.shape[1]),
            "next_id": self._next_id,
        }
        sections = stored.sections_of(self.rows, self._ids)
        for key, value in self.measure.arguments.items():
            if key in _ARRAY_ARGUMENTS:
                sections[f"metric_{key}"] = value
            else:  # JSON has no infinity
                settings[f"metric_{key}"] = float(value) if math.isfinite(value) else str(float(value))
        return settings, sections

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Any]) -> BlockIndex:
        """The inverse of ``save``; arrays may be memory-mapped and read-only, and stay so."""
        params: dict[str, Any] = {
            key: np.asarray(sections[f"metric_{key}"])
            for key in _ARRAY_ARGUMENTS
            if f"metric_{key}" in sections
        }
        params.update(
            {key: float(settings[f"metric_{key}"]) for key in ("p",) if f"metric_{key}" in settings}
        )
        index = cls(resolve(settings["metric"], None, params))
        rows = stored.rows_from(sections, int(settings["n_columns"]))
        index.measure = index._given.fitted(rows)
        index._ids = stored.ids_from(sections, rows.shape[0], settings["next_id"])
        index._rows, index._next_id = rows, int(settings["next_id"])
        return index


def _dense(rows: Any) -> Distances:
    return np.ascontiguousarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


def _stacked(held: Any, rows: Any) -> Any:
    if not hasattr(held, "toarray"):
        return np.concatenate([held, rows])
    from scipy.sparse import vstack

    return vstack([held, rows], format="csr")
