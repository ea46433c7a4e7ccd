# SPDX-License-Identifier: Apache-2.0
"""Every metric and sparse rows: exact search through bounded float64 blocks.

A block of queries meets a block of rows; of each, the k best join those so far. The whole distance matrix
never exists, sparse rows are made dense one block at a time, and where a block ends never changes an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..errors import DataError, DataTypeError, ParameterError
from ..metrics import Metric, resolve
from . import checks, selection, stored
from .base import Among, Distances, Ids, RadiusAnswer
from .locks import ChangeLock

__all__ = ["BlockIndex"]

Answer = TypeVar("Answer")

_MOST_QUERIES = 256
_ARRAY_ARGUMENTS = ("V", "VI", "w")


@dataclass(frozen=True)
class _Held:
    """What the index holds at one time; a change makes another."""

    rows: Any
    ids: Ids | None  # None while ids are 0..n-1
    next_id: int

    @property
    def n_rows(self) -> int:
        return int(self.rows.shape[0])


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
        self._held: _Held | None = None
        self._changing = ChangeLock()

    # What is held

    @property
    def rows(self) -> Any:
        """The rows, an array or a CSR matrix, in ascending order of their ids."""
        return self._now().rows

    @property
    def ids(self) -> Ids:
        """The ids of the rows, ascending."""
        held = self._held
        return np.arange(self.n_rows) if held is None or held.ids is None else held.ids

    @property
    def next_id(self) -> int:
        """The id that the next row added will get."""
        return 0 if self._held is None else self._held.next_id

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""
        return 0 if self._held is None else self._held.n_rows

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves; a search borrows a few blocks more."""
        held = self._held
        return 0 if held is None or held.ids is None else held.ids.nbytes

    def _now(self) -> _Held:
        held = self._held
        checks.require_fitted(self, held is not None)
        assert held is not None
        return held

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
        self._held = _Held(rows, None, rows.shape[0])
        return self

    def add(self, rows: Any) -> Ids:
        """Append rows; returns their ids, which continue the count. What fit estimated stays."""
        with self._changing:
            held = self._now()
            rows = self._checked(rows, "X", held.rows.shape[1])
            if rows.dtype == np.float64 and held.rows.dtype == np.float32:
                raise DataError(
                    "The index holds float32 rows and X is float64: convert X, or fit on float64 rows."
                )
            if hasattr(held.rows, "toarray") != hasattr(rows, "toarray"):
                raise DataTypeError(
                    "Sparse rows can only be added to sparse rows, and dense to dense: convert X."
                )
            new = np.arange(held.next_id, held.next_id + rows.shape[0])
            if rows.shape[0]:
                ids = None if held.ids is None else np.concatenate([held.ids, new])
                joined = _stacked(held.rows, rows.astype(held.rows.dtype, copy=False))
                self._held = _Held(joined, ids, held.next_id + rows.shape[0])
            return new

    def remove(self, ids: Ids) -> None:
        """Forget rows; their ids are never used again, and the other rows keep theirs."""
        with self._changing:
            held = self._now()
            places = checks.check_removed(ids, held.ids, held.n_rows)
            if places.size:
                kept = np.delete(np.arange(held.n_rows), places)
                own = kept if held.ids is None else held.ids[kept]
                self._held = _Held(held.rows[kept], own, held.next_id)

    # Asking it

    def search(
        self,
        queries: Any,
        k: int,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> tuple[Distances, Ids]:
        """The k nearest rows of each query: distances and ids of shape (n_queries, k), nearest first.

        ``queries`` may be dense or sparse, whatever the rows are. ``exclude`` names one id per query that
        must not answer (-1: none); ``among`` (a mask by id, or ids) those that may. More neighbours than rows
        that may answer is a ParameterError.
        """
        held = self._now()
        queries, places, chosen = self._asked(held, queries, exclude, among)
        n_rows = held.n_rows if chosen is None else chosen.size
        k = checks.check_n_neighbors(
            k,
            held.n_rows,
            queries.shape[0],
            excludes=places is not None,
            n_allowed=None if chosen is None else n_rows,
        )
        if queries.shape[0] == 0:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        wanted = k if places is None else k + 1

        def nearest(start: int, stop: int, n_blocks: int) -> tuple[Distances, Ids]:
            best: tuple[Distances, Ids] | None = None
            for first, values in self._values(held, chosen, queries[start:stop], n_threads, n_blocks):
                block_values, block_places = selection.smallest(values, min(wanted, values.shape[1]))
                best = selection.merge(best, block_values, block_places + first, wanted)
            assert best is not None
            if places is None:
                return best
            return selection.drop_excluded(*best, places[start:stop], k)

        answers = self._over_queries(nearest, queries, n_threads)
        values = np.concatenate([answer[0] for answer in answers])
        found = np.concatenate([answer[1] for answer in answers])
        return self.measure.report(values), _named(held, chosen, found)

    def search_radius(
        self,
        queries: Any,
        radius: float,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> RadiusAnswer:
        """All rows within ``radius`` (in the metric's unit): offsets (n_queries + 1), distances, ids."""
        held = self._now()
        queries, places, chosen = self._asked(held, queries, exclude, among)
        radius = checks.check_radius(radius, held.n_rows)
        n_queries = queries.shape[0]

        def inside(start: int, stop: int, n_blocks: int) -> tuple[Ids, Distances, Ids]:
            found = []
            for first, values in self._values(held, chosen, queries[start:stop], n_threads, n_blocks):
                near = self.measure.report(values) <= radius
                if places is not None:
                    columns = places[start:stop] - first
                    here = np.flatnonzero((columns >= 0) & (columns < near.shape[1]))
                    near[here, columns[here]] = False
                lines, columns = np.nonzero(near)
                found.append((lines, values[lines, columns], columns + first))
            lines, values, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
            order = np.lexsort((columns, values, lines))
            counts = np.bincount(lines, minlength=stop - start)
            return counts.astype(np.int64), values[order], columns[order].astype(np.int64)

        nobody = chosen is not None and chosen.size == 0
        answers = self._over_queries(inside, queries, n_threads) if n_queries and not nobody else []
        counts = np.concatenate(
            [np.zeros(1 + n_queries * nobody, dtype=np.int64), *(answer[0] for answer in answers)]
        )
        values = np.concatenate([np.empty(0), *(answer[1] for answer in answers)])
        found = np.concatenate([np.empty(0, dtype=np.int64), *(answer[2] for answer in answers)])
        return np.cumsum(counts), self.measure.report(values), _named(held, chosen, found)

    def trace(self, query: Any, k: int = 1) -> dict[str, Any]:
        """What one query touched (see ``Index.trace``): every row, in the one cell there is."""
        distances, ids = self.search(query, k)
        return checks.trace_of_one_cell(distances, ids, counted=self.n_rows, exact=self.n_rows)

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of (see ``Index.describe``), and whether its rows are ``sparse``."""
        held = self._now()
        sparse = hasattr(held.rows, "toarray")
        arrays = (held.rows.data, held.rows.indices, held.rows.indptr) if sparse else (held.rows,)
        description = {
            "kind": "blocks",
            "metric": self.metric,
            "n_rows": held.n_rows,
            "n_removed": 0,
            "next_id": held.next_id,
            "n_columns": int(held.rows.shape[1]),
            "dtype": held.rows.dtype.name,
            "sparse": sparse,
            "n_cells": 1,
            "row_bytes": sum(int(array.nbytes) for array in arrays),
            "memory_bytes": self.memory_bytes,
        }
        return {**description, "cells": [{"rows": held.n_rows}]} if parts else description

    # How blocks are made

    def _values(
        self, held: _Held, chosen: Ids | None, queries: Any, n_threads: int, n_blocks: int
    ) -> Iterator[tuple[int, Distances]]:
        """First place and values (n_queries, n_rows of the block) of one block after another.

        Places count the chosen rows, where there is a choice.
        """
        keeps_sparse = self.measure.function is not None
        if not keeps_sparse:
            queries = _dense(queries)
        # Blocks of other queries are alive at the same time; they share the budget.
        widest = 8 * max(queries.shape[0], queries.shape[1]) * n_blocks
        step = max(1, self.block_bytes // widest)
        threads = n_threads if n_blocks == 1 else 1
        for start in range(0, held.n_rows if chosen is None else chosen.size, step):
            block = slice(start, start + step)
            rows = held.rows[block if chosen is None else chosen[block]]
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

    def _asked(
        self, held: _Held, queries: Any, exclude: Ids | None, among: Among | None
    ) -> tuple[Any, Ids | None, Ids | None]:
        """Checked queries, the place each must not get, and the places that may answer."""
        queries = self._checked(queries, "The query", held.rows.shape[1])
        places = checks.positions_of(exclude, held.ids, held.n_rows, queries.shape[0])
        chosen = checks.allowed_places(among, held.ids, held.n_rows, held.next_id)
        if places is not None and chosen is not None:
            places = checks.places_of(places, chosen, chosen.size)
            places = places if (places >= 0).any() else None
        return queries, places, chosen

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

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings and arrays, from which ``load`` makes the same index. A function cannot be saved."""
        if not self.measure.is_named:
            raise ParameterError(
                f"metric={self.metric} is a function, and a model file keeps no code; save a named metric."
            )
        held = self._now()
        settings: dict[str, Any] = {
            "kind": "blocks",
            "metric": self.metric,
            "n_columns": int(held.rows.shape[1]),
            "next_id": held.next_id,
        }
        sections = stored.sections_of(held.rows, held.ids)
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
        ids = stored.ids_from(sections, rows.shape[0], settings["next_id"])
        index._held = _Held(rows, ids, int(settings["next_id"]))
        return index

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_changing": ChangeLock()}


def _dense(rows: Any) -> Distances:
    return np.ascontiguousarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


def _stacked(held: Any, rows: Any) -> Any:
    if not hasattr(held, "toarray"):
        return np.concatenate([held, rows])
    from scipy.sparse import vstack

    return vstack([held, rows], format="csr")


def _named(held: _Held, chosen: Ids | None, places: Ids) -> Ids:
    if chosen is not None:
        places = chosen[places]
    return places if held.ids is None else held.ids[places]
