# SPDX-License-Identifier: Apache-2.0
"""Every row in one cell: the native scan over dense rows.

The scan screens codes of the rows with a proven bound and re-ranks from the stored rows in float64 (see
``docs/architecture.md``), so the answer is the exact one in the order (float64 value, row id).
"""

from __future__ import annotations

import math
import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from . import checks, stored
from .base import Among, Distances, Ids, RadiusAnswer, Rows
from .held import Held, mapping_of
from .locks import ChangeLock, copied

if TYPE_CHECKING:
    from .._native import FlatScan

__all__ = ["FlatIndex"]

_SCANS = {
    "euclidean": "sqeuclidean",
    "sqeuclidean": "sqeuclidean",
    "inner_product": "inner_product",
    "cosine": "cosine",
}

# A row that is measured makes this much of a mapped file resident, since Linux maps 16 pages around the one
# asked for; beyond so many bytes the pages are let go.
_FAULT_BYTES = 1 << 16
_MOST_BYTES_READ = 32 << 20


class FlatIndex:
    """Exact search over all rows, by the native scan.

    Rows are kept by reference in the dtype they came in (float32 or float64); each is exact in its own
    precision. A read-only mapping of a file stays one: fit reads it once, and a search only the rows that it
    measures; the codes, about a quarter of float32 rows, are in memory.

    Rows may be added and removed while others search. Adding costs in proportion to what is added, removing
    to what is removed; rows are moved together, and their codes made anew, when more than a quarter was
    removed. Distances are float64: Euclidean (not squared), squared, -(q . x), or 1 - cos. Equal distances
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
        self._held: Held | None = None
        self._changing, self._building = ChangeLock(), ChangeLock()
        self._bytes_read = 0  # of mapped rows, since their pages were last let go

    # What is held

    @property
    def rows(self) -> Rows:
        """The rows that can answer, of shape (n_rows, n_columns), in ascending order of their ids.

        After an addition or a removal this is a new matrix each time.
        """
        return self._now().rows

    @property
    def ids(self) -> Ids:
        """The ids of the rows, ascending."""
        return np.arange(0) if self._held is None else self._held.ids

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
        """Bytes held beyond the rows themselves, once the first search has built the screening copy."""
        from .._native import flat_memory_bytes

        held = self._held
        if held is None or held.n_rows == 0:
            return 0
        if held.screen.scan is not None:
            return held.spare_bytes + held.screen.scan.memory_bytes
        return held.spare_bytes + flat_memory_bytes(held.n_places, held.n_columns)

    def _now(self) -> Held:
        held = self._held
        checks.require_fitted(self, held is not None)
        assert held is not None
        return held

    # Changing it

    def fit(self, rows: Rows) -> FlatIndex:
        """Take the rows; anything held before is dropped.

        Parameters
        ----------
        rows : array of shape (n_rows, n_columns), float32 or float64
            Kept by reference when C-contiguous: do not write into it afterwards. A read-only mapping
            (``numpy.load(path, mmap_mode="r")``) is encoded at once, in one pass over the file.

        Raises
        ------
        DataError
            No rows, no columns, NaN or infinity.
        """
        rows = checks.check_matrix(rows, "X")
        if rows.shape[0] == 0:
            raise DataError(f"X has no rows: shape {rows.shape}. At least one is needed.")
        held = Held.of(rows, None, rows.shape[0])
        if mapping_of(rows) is None:
            checks.check_finite(rows, "X")
        else:
            self._build_mapped(held)
        with self._changing:
            self._held = held
        return self

    def add(self, rows: Rows) -> Ids:
        """Append rows; returns their ids, which continue the count. A float64 index widens float32 rows."""
        with self._changing:
            held = self._now()
            rows = checks.check_matrix(rows, "X", held.n_columns)
            if rows.dtype == np.float64 and held.first.dtype == np.float32:
                raise DataError(
                    "The index holds float32 rows and X is float64: convert X, or fit on float64 rows."
                )
            checks.check_finite(rows, "X")
            if rows.shape[0]:
                self._held = held.plus(rows)
            return np.arange(held.next_id, held.next_id + rows.shape[0])

    def remove(self, ids: Ids) -> None:
        """Forget rows; their ids are never used again, and the other rows keep theirs.

        An id that is not held, or named twice, is a ParameterError, and nothing is removed.
        """
        with self._changing:
            held = self._now()
            wanted = checks.removed_ids(ids)
            places = held.places_of(wanted)
            checks.refuse_absent(wanted[places < 0])
            if places.size:
                self._held = held.minus(places)

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
        held = self._now()
        queries, places, allowed, n_allowed = self._asked(held, queries, exclude, among)
        k = checks.check_n_neighbors(
            k,
            held.n_rows,
            queries.shape[0],
            excludes=places is not None,
            n_allowed=None if among is None else n_allowed,
        )
        if queries.shape[0] == 0:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        scan = self._scan_of(held, n_threads)
        values, found = scan.search(queries, k, n_threads, places, allowed)
        self._let_go(held, scan, queries.shape[0])
        return self._reported(values), held.named(found)

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
        held = self._now()
        queries, places, allowed, _ = self._asked(held, queries, exclude, among)
        radius = checks.check_radius(radius, held.n_rows)
        if queries.shape[0] == 0:
            return np.zeros(1, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64)
        scan = self._scan_of(held, n_threads)
        if self.metric != "euclidean":
            offsets, distances, found = scan.search_radius(queries, radius, n_threads, places, allowed)
            self._let_go(held, scan, queries.shape[0])
            return offsets.view(np.int64), distances, held.named(found)
        # The limit is on the reported root, so the core gets a square that no rounding can make too small.
        enlarged = -1.0 if radius < 0 else math.nextafter(radius * radius * (1 + 2**-50), math.inf)
        offsets, values, found = scan.search_radius(queries, enlarged, n_threads, places, allowed)
        self._let_go(held, scan, queries.shape[0])
        distances = np.sqrt(values)
        inside = distances <= radius
        kept = np.concatenate([[0], np.cumsum(inside)])[offsets]
        return kept.astype(np.int64, copy=False), distances[inside], held.named(found[inside])

    def trace(self, query: Rows, k: int = 1) -> dict[str, Any]:
        """What one query touched (see ``Index.trace``): every row's codes, in the one cell there is.

        ``distances_exact`` counts the rows that survived the screen and were measured from the stored row.
        """
        distances, ids = self.search(query, k)
        held = self._now()
        exact = round(self._scan_of(held, 1).scan_statistics()["exact_per_query"])
        return checks.trace_of_one_cell(distances, ids, counted=held.n_places, exact=exact)

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of (see ``Index.describe``), and whether its rows are mapped from a file."""
        held = self._now()
        description = {
            "kind": "flat",
            "metric": self.metric,
            "n_rows": held.n_rows,
            "n_removed": held.n_places - held.n_rows,
            "next_id": held.next_id,
            "n_columns": held.n_columns,
            "dtype": held.first.dtype.name,
            "is_mapped": mapping_of(held.first) is not None,
            "n_cells": 1,
            "row_bytes": held.row_bytes,
            "memory_bytes": self.memory_bytes,
        }
        return {**description, "cells": [{"rows": held.n_rows}]} if parts else description

    def _asked(
        self, held: Held, queries: Rows, exclude: Ids | None, among: Among | None
    ) -> tuple[Rows, Ids | None, NDArray[np.uint64] | None, int]:
        """Checked queries, the place each must not get, a bit per place that may answer, how many may."""
        queries = checks.check_matrix(queries, "The query", held.n_columns)
        checks.check_finite(queries, "The query")
        allowed, n_allowed = held.allowed(among)
        places = None
        if exclude is not None:
            places = held.places_of(checks.check_excluded(exclude, queries.shape[0]))
            places = held.kept(places, allowed)
            places = places if (places >= 0).any() else None
        return queries, places, allowed, n_allowed

    def _scan_of(self, held: Held, n_threads: int) -> FlatScan:
        """The native scan over these rows, built once, or grown from the one before."""
        from .._native import FlatScan

        scan = held.screen.scan
        if scan is not None:
            return scan
        with self._building:
            screen = held.screen
            if screen.scan is None:
                if screen.source is not None:
                    assert held.added is not None
                    screen.scan = screen.source.grown(held.added, n_threads)
                else:
                    is_mapped = mapping_of(held.first) is not None
                    name: Any = _SCANS[self.metric]
                    screen.scan = FlatScan(held.first, name, n_threads, None, held.added, is_mapped)
                screen.source = None
                _let_go_of_pages(held)
            return screen.scan

    def _build_mapped(self, held: Held) -> None:
        """Encode mapped rows as they are checked, so that the file is read once."""
        from .._native import get_num_threads

        try:
            self._scan_of(held, get_num_threads())
        except ValueError:
            checks.check_finite(held.first, "X")
            raise

    def _let_go(self, held: Held, scan: FlatScan, n_queries: int) -> None:
        """Give back the pages of mapped rows now and then: what was read is not kept resident for ever."""
        if mapping_of(held.first) is None:
            return
        self._bytes_read += round(scan.scan_statistics()["exact_per_query"] * n_queries) * _FAULT_BYTES
        if self._bytes_read > _MOST_BYTES_READ:
            self._bytes_read = 0
            _let_go_of_pages(held)

    def _reported(self, values: Distances) -> Distances:
        return np.sqrt(values) if self.metric == "euclidean" else values

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Rows]]:
        """Settings and arrays, from which ``load`` makes the same index. The screening copy is not kept."""
        held = self._now()
        settings = {
            "kind": "flat",
            "metric": self.metric,
            "n_columns": held.n_columns,
            "next_id": held.next_id,
        }
        return settings, stored.sections_of(held.rows, held.stored_ids)

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Rows]) -> FlatIndex:
        """The inverse of ``save``; rows may be memory-mapped and read-only, and stay so."""
        index = cls(settings["metric"])
        rows = stored.rows_from(sections, int(settings["n_columns"]))
        ids = stored.ids_from(sections, rows.shape[0], settings["next_id"])
        index._held = Held.of(rows, ids, int(settings["next_id"]))
        return index

    def __copy__(self) -> FlatIndex:
        twin: FlatIndex = copied(self)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        held = self._held
        return {
            **self.__dict__,
            "_held": None if held is None else held.alone(),
            "_changing": ChangeLock(),
            "_building": ChangeLock(),
        }


def _let_go_of_pages(held: Held) -> None:
    mapping = mapping_of(held.first)
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)
