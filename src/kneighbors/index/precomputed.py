# SPDX-License-Identifier: Apache-2.0
"""Neighbours from distances that were measured elsewhere: a matrix, or a sparse neighbour graph.

A query is a line of distances to every row. In a graph only the stored entries are distances (an explicit
zero is one); it may be sorted or not. Answers are ordered as everywhere: (float64 distance, row id).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError, DataTypeError, ParameterError
from . import checks, selection, stored
from .base import Among, Distances, Ids, RadiusAnswer
from .locks import ChangeLock

__all__ = ["PrecomputedIndex"]

_BLOCK_BYTES = 16 << 20
_FORMATS = ("csr", "csc", "coo", "lil")  # the sparse formats that keep explicit zeros, as scikit-learn says


class PrecomputedIndex:
    """Exact neighbours from given distances.

    ``fit`` takes the square matrix (or graph) of the rows' own distances, ``search`` a matrix (or graph) of
    shape (n_queries, n_rows). Distances must not be negative.

    Examples
    --------
    >>> import numpy as np
    >>> index = PrecomputedIndex().fit(np.array([[0.0, 2.0], [2.0, 0.0]]))
    >>> index.search(np.array([[0.5, 0.25]]), 1)
    (array([[0.25]]), array([[1]]))
    """

    metric = "precomputed"

    def __init__(self) -> None:
        self._rows: Any = None
        self._ids: Ids | None = None  # None while no row has been removed
        self._changing = ChangeLock()

    # What is held

    @property
    def rows(self) -> Any:
        """The distances given to fit, an array or a CSR matrix of shape (n_given, n_given)."""
        checks.require_fitted(self, self._rows is not None)
        return self._rows

    @property
    def ids(self) -> Ids:
        """The ids of the rows, ascending."""
        ids = self._ids
        return np.arange(self.next_id) if ids is None else ids

    @property
    def next_id(self) -> int:
        """One more than the highest id: the rows given to fit."""
        return 0 if self._rows is None else int(self._rows.shape[0])

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""
        ids = self._ids
        return self.next_id if ids is None else int(ids.size)

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the distances themselves."""
        ids = self._ids
        return 0 if ids is None else ids.nbytes

    # Changing it

    def fit(self, rows: Any) -> PrecomputedIndex:
        """Take the rows' own distances, a square matrix or graph; anything held before is dropped."""
        rows = _checked(rows, "X")
        if rows.shape[0] != rows.shape[1]:
            raise DataError(
                f"Precomputed matrix must be square. Input is a {rows.shape[0]}x{rows.shape[1]} matrix."
            )
        self._rows, self._ids = rows, None
        return self

    def add(self, rows: Any) -> Ids:
        """Refused: new rows would need their distances to every row held."""
        raise ParameterError(
            "metric='precomputed' cannot take more rows: fit on the larger matrix of distances instead."
        )

    def remove(self, ids: Ids) -> None:
        """Forget rows. Queries keep their width: the columns of forgotten rows are ignored."""
        checks.require_fitted(self, self._rows is not None)
        with self._changing:
            places = checks.check_removed(ids, self._ids, self.n_rows)
            if places.size:
                self._ids = np.delete(self.ids, places)

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

        ``exclude`` names one id per query that must not answer (-1: none); ``among`` (a mask by id, or ids)
        those that may. A graph in which a query has fewer than k entries that may answer is a DataError.
        """
        queries, own, places = self._asked(queries, exclude, among)
        n_allowed = None if among is None or own is None else own.size
        k = checks.check_n_neighbors(
            k, self.n_rows, queries.shape[0], excludes=places is not None, n_allowed=n_allowed
        )
        if queries.shape[0] == 0:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        if not isinstance(queries, np.ndarray):
            return self._search_graph(queries, k, exclude, own)
        answers = []
        step = max(1, _BLOCK_BYTES // (8 * queries.shape[1]))
        for start in range(0, queries.shape[0], step):
            block = queries[start : start + step]
            values = block if own is None else block[:, own]
            best = selection.smallest(values, k if places is None else k + 1)
            if places is not None:
                best = selection.drop_excluded(*best, places[start : start + step], k)
            answers.append(best)
        found = np.concatenate([answer[1] for answer in answers])
        distances = np.concatenate([answer[0] for answer in answers])
        return distances, found if own is None else own[found]

    def _search_graph(
        self, graph: Any, k: int, exclude: Ids | None, own: Ids | None
    ) -> tuple[Distances, Ids]:
        offsets, distances, ids = self._entries(graph, exclude, own)
        counts = np.diff(offsets)
        fewest = int(np.argmin(counts))
        if counts[fewest] < k:
            raise DataError(
                f"{k} neighbors per samples are required, but some samples have only {counts[fewest]} "
                f"neighbors in precomputed graph matrix (the first: query {fewest}). "
                "Decrease number of neighbors used or recompute the graph with more neighbors.",
                row=fewest,
            )
        places = offsets[:-1, None] + np.arange(k)
        return distances[places], ids[places]

    def search_radius(
        self,
        queries: Any,
        radius: float,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> RadiusAnswer:
        """All rows within ``radius``: offsets (n_queries + 1), distances, ids."""
        queries, own, _ = self._asked(queries, exclude, among)
        radius = checks.check_radius(radius, self.n_rows)
        return self._entries(queries, exclude, own, radius)

    def _entries(
        self, queries: Any, exclude: Ids | None, own: Ids | None, radius: float | None = None
    ) -> RadiusAnswer:
        """The distances that may answer, in order: offsets, distances, ids. ``radius`` limits them."""
        if isinstance(queries, np.ndarray):
            # A float64 limit: against a Python float, NumPy would round it to the dtype of the distances.
            lines, columns = np.nonzero(queries <= np.float64(np.inf if radius is None else radius))
            values = queries[lines, columns].astype(np.float64, copy=False)
        else:
            lines = np.repeat(np.arange(queries.shape[0]), np.diff(queries.indptr))
            columns, values = queries.indices, queries.data.astype(np.float64, copy=False)
        kept = np.ones(values.shape, dtype=bool) if radius is None else values <= radius
        if exclude is not None:
            kept &= columns != np.asarray(exclude)[lines]
        if own is not None:
            kept &= np.isin(columns, own)
        lines, columns, values = lines[kept], columns[kept], values[kept]
        order = np.lexsort((columns, values, lines))
        offsets = np.zeros(queries.shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(lines, minlength=queries.shape[0]), out=offsets[1:])
        return offsets, values[order], columns[order].astype(np.int64)

    def trace(self, query: Any, k: int = 1) -> dict[str, Any]:
        """What one query touched (see ``Index.trace``): its own distances; none was measured."""
        distances, ids = self.search(query, k)
        return checks.trace_of_one_cell(distances, ids, counted=0, exact=0)

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of (see ``Index.describe``), and whether its distances are ``sparse``."""
        rows, n_rows = self.rows, self.n_rows
        sparse = not isinstance(rows, np.ndarray)
        arrays = (rows.data, rows.indices, rows.indptr) if sparse else (rows,)
        description = {
            "kind": "precomputed",
            "metric": self.metric,
            "n_rows": n_rows,
            "n_removed": self.next_id - n_rows,
            "next_id": self.next_id,
            "n_columns": int(rows.shape[1]),
            "dtype": rows.dtype.name,
            "sparse": sparse,
            "n_cells": 1,
            "row_bytes": sum(int(array.nbytes) for array in arrays),
            "memory_bytes": self.memory_bytes,
        }
        return {**description, "cells": [{"rows": n_rows}]} if parts else description

    def _asked(
        self, queries: Any, exclude: Ids | None, among: Among | None
    ) -> tuple[Any, Ids | None, Ids | None]:
        """Checked queries, the ids that may answer (None: all), and the place among them of each excluded."""
        queries = _checked(queries, "The query", self.rows.shape[1])
        own = self._ids
        if among is not None:
            chosen = checks.among_ids(among, self.next_id)
            own = chosen if own is None else np.intersect1d(own, chosen, assume_unique=True)
        n_rows = self.next_id if own is None else own.size
        return queries, own, checks.positions_of(exclude, own, n_rows, queries.shape[0])

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings and arrays, from which ``load`` makes the same index."""
        settings = {"kind": "precomputed", "metric": self.metric, "n_columns": int(self.rows.shape[1])}
        return settings, stored.sections_of(self.rows, self._ids)

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Any]) -> PrecomputedIndex:
        """The inverse of ``save``; arrays may be memory-mapped and read-only."""
        n_columns = int(settings["n_columns"])
        index = cls().fit(stored.rows_from(sections, n_columns))
        index._ids = stored.ids_from(sections, None if "ids" in sections else n_columns, n_columns)
        return index

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_changing": ChangeLock()}


def _checked(array: Any, what: str, n_columns: int | None = None) -> Any:
    """Distances, finite and not negative: an array, or a CSR matrix whose lines are sorted by column."""
    if hasattr(array, "toarray"):
        if array.format not in _FORMATS:
            raise DataTypeError(
                f"Sparse matrix in {array.format!r} format is not supported due to its handling of explicit "
                f"zeros; convert it to one of {', '.join(_FORMATS)}."
            )
        array = array.tocsr()
        if not array.has_canonical_format:
            array = array.copy()
            array.sum_duplicates()
        values = checks.check_matrix(array.data[None, :], what) if array.nnz else np.empty((1, 0))
        if n_columns is not None and array.shape[1] != n_columns:
            raise DataError(f"{what} has {array.shape[1]} columns; this index holds {n_columns} rows.")
    else:
        array = values = checks.check_matrix(array, what, n_columns)
    checks.check_finite(values, what)
    if values.size and values.min() < 0:
        raise DataError(f"Negative values in data passed to precomputed distance matrix ({what}).")
    return array
