# SPDX-License-Identifier: Apache-2.0
"""Every row in one cell: the native scan over dense rows.

The scan screens in float32 with a proven bound and re-ranks from the stored rows in float64 (see
``docs/architecture.md``), so the answer is the exact one in the order (float64 value, row id).
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, ParameterError
from . import checks, stored
from .base import Among, Distances, Ids, RadiusAnswer, Rows

if TYPE_CHECKING:
    from .._native import FlatScan

__all__ = ["FlatIndex"]

_SCANS = {
    "euclidean": "sqeuclidean",
    "sqeuclidean": "sqeuclidean",
    "inner_product": "inner_product",
    "cosine": "cosine",
}


class FlatIndex:
    """Exact search over all rows, by the native scan.

    Rows are kept by reference in the dtype they came in (float32 or float64); each is exact in its own
    precision. Distances are float64: Euclidean (not squared), squared, -(q . x), or 1 - cos. Equal distances
    go to the lower id. ("euclidean" is ordered by the squared sum, whose root is reported.)

    Parameters
    ----------
    metric : {"euclidean", "sqeuclidean", "inner_product", "cosine"}, default="euclidean"
        How distance is measured; a zero vector is at cosine distance 1 from everything.

    Examples
    --------
    >>> import numpy as np
    >>> index = FlatIndex().fit(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> distances, ids = index.search(np.array([[0.0, 0.0]]), 2)
    >>> distances, ids
    (array([[0., 1.]]), array([[0, 2]]))
    """

    def __init__(self, metric: str = "euclidean") -> None:
        if metric not in _SCANS:
            raise ParameterError(
                f"FlatIndex knows the metrics {', '.join(_SCANS)}, not {metric!r}; BlockIndex has the others."
            )
        self.metric = metric
        self._rows: Rows | None = None
        self._ids: Ids | None = None  # None while ids are 0..n-1
        self._next_id = 0
        self._scan: FlatScan | None = None
        self._building = threading.Lock()

    # What is held

    @property
    def rows(self) -> Rows:
        """The rows, of shape (n_rows, n_columns), in ascending order of their ids."""
        checks.require_fitted(self, self._rows is not None)
        assert self._rows is not None
        return self._rows

    @property
    def ids(self) -> Ids:
        """The ids of the rows, ascending."""
        return np.arange(self.n_rows) if self._ids is None else self._ids

    @property
    def next_id(self) -> int:
        """The id that the next row added will get."""
        return self._next_id

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""
        return 0 if self._rows is None else int(self._rows.shape[0])

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves, once the first search has built the screening copy."""
        from .._native import flat_memory_bytes

        if self.n_rows == 0:
            return 0
        ids = 0 if self._ids is None else self._ids.nbytes
        if self._scan is not None:
            return ids + self._scan.memory_bytes
        return ids + flat_memory_bytes(self.n_rows, self.rows.shape[1])

    # Changing it

    def fit(self, rows: Rows) -> FlatIndex:
        """Take the rows; anything held before is dropped.

        Parameters
        ----------
        rows : array of shape (n_rows, n_columns), float32 or float64
            Kept by reference when C-contiguous: do not write into it afterwards.

        Raises
        ------
        DataError
            No rows, no columns, NaN or infinity.
        """
        rows = checks.check_matrix(rows, "X")
        if rows.shape[0] == 0:
            raise DataError(f"X has no rows: shape {rows.shape}. At least one is needed.")
        checks.check_finite(rows, "X")
        self._hold(rows, None, rows.shape[0])
        return self

    def add(self, rows: Rows) -> Ids:
        """Append rows; returns their ids, which continue the count. A float64 index widens float32 rows."""
        held = self.rows
        rows = checks.check_matrix(rows, "X", held.shape[1])
        if rows.dtype == np.float64 and held.dtype == np.float32:
            raise DataError(
                "The index holds float32 rows and X is float64: convert X, or fit on float64 rows."
            )
        checks.check_finite(rows, "X")
        new = np.arange(self._next_id, self._next_id + rows.shape[0])
        if rows.shape[0]:
            contiguous = self._ids is None and self._next_id == held.shape[0]
            ids = None if contiguous else np.concatenate([self.ids, new])
            joined = np.concatenate([held, rows.astype(held.dtype, copy=False)])
            self._hold(joined, ids, self._next_id + rows.shape[0])
        return new

    def remove(self, ids: Ids) -> None:
        """Forget rows; their ids are never used again, and the other rows keep theirs."""
        held = self.rows
        places = checks.check_removed(ids, self._ids, self.n_rows)
        if places.size:
            self._hold(np.delete(held, places, axis=0), np.delete(self.ids, places), self._next_id)

    def _hold(self, rows: Rows, ids: Ids | None, next_id: int) -> None:
        self._rows, self._ids, self._next_id, self._scan = rows, ids, next_id, None

    # Asking it

    def search(
        self,
        queries: Rows,
        k: int,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> tuple[Distances, Ids]:
        """The k nearest rows of each query.

        Parameters
        ----------
        queries : array of shape (n_queries, n_columns), float32 or float64
            Need not have the dtype of the rows.
        k : int
            At most the rows that may answer.
        n_threads : int, default=1
            Never changes an answer.
        exclude : int64 array of shape (n_queries,) or None, default=None
            One id per query that must not answer (-1: none).
        among : bool array of shape (next_id,), array of ids, or None, default=None
            Which rows may answer, the same for all queries; None: all. Removed ids are passed over.

        Returns
        -------
        distances : float64 array of shape (n_queries, k)
            Nearest first, in the metric's unit.
        ids : int64 array of shape (n_queries, k)
            Lower ids first among equal distances.

        Raises
        ------
        ParameterError
            More neighbours than rows that may answer.
        DataError
            Queries of another width, NaN or infinity.
        """
        if among is not None:
            part, chosen = self._part(among)
            own = _within_part(exclude, chosen)
            excludes = own is not None and bool((own >= 0).any())
            k = checks.check_n_neighbors(
                k, self.n_rows, len(queries), excludes=excludes, n_allowed=chosen.size
            )
            distances, found = part.search(queries, k, n_threads=n_threads, exclude=own)
            return distances, chosen[found]
        queries, places = self._asked(queries, exclude)
        k = checks.check_n_neighbors(k, self.n_rows, queries.shape[0], excludes=places is not None)
        if queries.shape[0] == 0:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        values, found = self._built(n_threads).search(queries, k, n_threads, places)
        return self._reported(values), self._named(found)

    def search_radius(
        self,
        queries: Rows,
        radius: float,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> RadiusAnswer:
        """All rows within ``radius``, which is in the metric's unit (not squared for "euclidean").

        Returns
        -------
        offsets : int64 array of shape (n_queries + 1,)
            Query i's neighbours are at ``offsets[i]:offsets[i + 1]``.
        distances, ids : arrays of shape (offsets[-1],)
            Nearest first within each query, ties by the lower id.
        """
        if among is not None:
            part, chosen = self._part(among)
            if chosen.size == 0:
                radius = checks.check_radius(radius, self.n_rows)
                return np.zeros(len(queries) + 1, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64)
            offsets, distances, found = part.search_radius(
                queries, radius, n_threads=n_threads, exclude=_within_part(exclude, chosen)
            )
            return offsets, distances, chosen[found]
        queries, places = self._asked(queries, exclude)
        radius = checks.check_radius(radius, self.n_rows)
        if queries.shape[0] == 0:
            return np.zeros(1, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64)
        scan = self._built(n_threads)
        if self.metric != "euclidean":
            offsets, distances, found = scan.search_radius(queries, radius, n_threads, places)
            return offsets.view(np.int64), distances, self._named(found)
        # The limit is on the reported root, so the core gets a square that no rounding can make too small.
        enlarged = -1.0 if radius < 0 else math.nextafter(radius * radius * (1 + 2**-50), math.inf)
        offsets, values, found = scan.search_radius(queries, enlarged, n_threads, places)
        distances = np.sqrt(values)
        inside = distances <= radius
        kept = np.concatenate([[0], np.cumsum(inside)])[offsets]
        return kept.astype(np.int64, copy=False), distances[inside], self._named(found[inside])

    def trace(self, query: Rows, k: int = 1) -> dict[str, Any]:
        """What one query touched (see ``Index.trace``): every row's codes, in the one cell there is.

        ``distances_exact`` counts the rows that survived the screen and were measured from the stored row.
        """
        distances, ids = self.search(query, k)
        exact = round(self._built(1).scan_statistics()["exact_per_query"])
        return checks.trace_of_one_cell(distances, ids, counted=self.n_rows, exact=exact)

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of (see ``Index.describe``)."""
        rows = self.rows
        description = {
            "kind": "flat",
            "metric": self.metric,
            "n_rows": self.n_rows,
            "n_removed": 0,
            "next_id": self._next_id,
            "n_columns": int(rows.shape[1]),
            "dtype": rows.dtype.name,
            "n_cells": 1,
            "row_bytes": int(rows.nbytes),
            "memory_bytes": self.memory_bytes,
        }
        return {**description, "cells": [{"rows": self.n_rows}]} if parts else description

    def _part(self, among: Among) -> tuple[FlatIndex, Ids]:
        """An index over the rows that may answer, and their ids."""
        places = checks.allowed_places(among, self._ids, self.n_rows, self._next_id)
        assert places is not None
        part = FlatIndex(self.metric)
        part._hold(np.ascontiguousarray(self.rows[places]), None, places.size)
        return part, self.ids[places]

    def _asked(self, queries: Rows, exclude: Ids | None) -> tuple[Rows, Ids | None]:
        queries = checks.check_matrix(queries, "The query", self.rows.shape[1])
        checks.check_finite(queries, "The query")
        return queries, checks.positions_of(exclude, self._ids, self.n_rows, queries.shape[0])

    def _built(self, n_threads: int) -> FlatScan:
        """The native scan over the rows held now, built once per change."""
        from .._native import FlatScan

        with self._building:
            if self._scan is None:
                self._scan = FlatScan(self.rows, _SCANS[self.metric], n_threads)  # type: ignore[arg-type]
            return self._scan

    def _reported(self, values: Distances) -> Distances:
        return np.sqrt(values) if self.metric == "euclidean" else values

    def _named(self, places: Ids) -> Ids:
        # The core's integers may be numpy.longlong, which equals int64 and yet prints as another type.
        return places.view(np.int64) if self._ids is None else self._ids[places]

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Rows]]:
        """Settings and arrays, from which ``load`` makes the same index. The screening copy is not kept."""
        settings = {
            "kind": "flat",
            "metric": self.metric,
            "n_columns": int(self.rows.shape[1]),
            "next_id": self._next_id,
        }
        return settings, stored.sections_of(self.rows, self._ids)

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Rows]) -> FlatIndex:
        """The inverse of ``save``; rows may be memory-mapped and read-only, and stay so."""
        index = cls(settings["metric"])
        rows = stored.rows_from(sections, int(settings["n_columns"]))
        index._hold(
            rows, stored.ids_from(sections, rows.shape[0], settings["next_id"]), int(settings["next_id"])
        )
        return index

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scan": None, "_building": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _building=threading.Lock())


def _within_part(exclude: Ids | None, chosen: Ids) -> Ids | None:
    return None if exclude is None else checks.places_of(np.asarray(exclude), chosen, chosen.size)
