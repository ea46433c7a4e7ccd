# SPDX-License-Identifier: Apache-2.0
"""Dense rows by a metric that is no dot product: the native scan with tiles of the metric's own.

The scan screens float32 rows, bits or byte codes with a proven bound and measures what survives from the
stored rows in float64 (see ``docs/algorithms/metric-scan.md``). "seuclidean" and "mahalanobis" are Euclidean
over rows that are moved once, and go through the scan of ``FlatIndex``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from ..metrics import Metric, Whitening, reduced_angles, resolve
from . import checks, stored
from .base import Among, Distances, Ids, RadiusAnswer, Rows
from .held import Held
from .locks import ChangeLock, copied

__all__ = ["MetricIndex"]

_ARRAY_ARGUMENTS = ("V", "VI", "w")

Words = NDArray[np.uint64]


class MetricIndex:
    """Exact search over dense rows by a metric that the native core measures in tiles of its own.

    Rows are kept by reference in the dtype they came in. Distances are float64 in the documented order of
    summation, the same on every machine; equal distances go to the lower id; NaN ("nan_euclidean", between
    rows that share no known column) comes last. "mahalanobis" and "seuclidean" report the distance of rows
    moved once (``kneighbors.metrics.Whitening``), which are held in float64 beside the rows.

    Rows may be added and removed while others search. The next search after an addition builds the screening
    copy anew.

    Parameters
    ----------
    metric : Metric or str
        What ``kneighbors.metrics.resolve`` returns, or a name for it; one with a ``tile``, or that
        ``whitens``. ``BlockIndex`` has the others.

    Attributes
    ----------
    metric : str
        The metric's name.
    measure : Metric
        The metric, with what ``fit`` estimated.

    Examples
    --------
    >>> import numpy as np
    >>> index = MetricIndex("manhattan").fit(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> index.search(np.array([[3.0, 3.0]]), 2)
    (array([[1., 5.]]), array([[1, 2]]))
    """

    def __init__(self, metric: Metric | str = "manhattan") -> None:
        self._given = resolve(metric) if isinstance(metric, str) else metric
        if self._given.tile is None and not self._given.whitens:
            raise ParameterError(
                f"metric={self._given.name!r} (with these metric_params) has no tiles of its own; "
                "FlatIndex and BlockIndex have the others."
            )
        self.measure = self._given
        self.metric = self._given.name
        self._held: Held | None = None
        self._whitening: Whitening | None = None
        self._changing, self._building = ChangeLock(), ChangeLock()

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
        held = self._held
        if held is None or held.n_rows == 0:
            return 0
        scan: Any = held.screen.scan
        if scan is not None:
            return held.spare_bytes + int(scan.memory_bytes)
        return held.spare_bytes + self.bytes_for(self.measure, held.n_places, held.n_columns)

    @staticmethod
    def bytes_for(metric: Metric, n_rows: int, n_columns: int) -> int:
        """Bytes that a search by this metric will hold beyond the rows, as far as their shape tells."""
        from .._native import flat_memory_bytes, metric_memory_bytes

        if metric.tile is None:
            return flat_memory_bytes(n_rows, n_columns) + 8 * n_rows * n_columns
        return metric_memory_bytes(n_rows, n_columns, metric.tile[0])

    def _now(self) -> Held:
        held = self._held
        checks.require_fitted(self, held is not None)
        assert held is not None
        return held

    # Changing it

    def fit(self, rows: Rows) -> MetricIndex:
        """Take the rows; anything held before is dropped.

        Parameters
        ----------
        rows : array of shape (n_rows, n_columns), float32 or float64
            Kept by reference when C-contiguous: do not write into it afterwards.

        Raises
        ------
        DataError
            No rows, no columns, infinity, or NaN for any metric but "nan_euclidean".
        ParameterError
            The metric's arguments do not fit the columns, or a covariance has no inverse.
        """
        rows = self._checked(rows, "X")
        if rows.shape[0] == 0:
            raise DataError(f"X has no rows: shape {rows.shape}. At least one is needed.")
        measure = self._given.fitted(rows)
        whitening = measure.whitening(rows) if measure.whitens else None
        with self._changing:
            self.measure, self._whitening = measure, whitening
            self._held = Held.of(rows, None, rows.shape[0])
        return self

    def add(self, rows: Rows) -> Ids:
        """Append rows; returns their ids, which continue the count. What fit estimated stays."""
        with self._changing:
            held = self._now()
            rows = self._checked(rows, "X", held.n_columns)
            if rows.dtype == np.float64 and held.first.dtype == np.float32:
                raise DataError(
                    "The index holds float32 rows and X is float64: convert X, or fit on float64 rows."
                )
            if self._whitening is not None:
                self._whitening.transform(rows)  # refuses what would overflow before anything changes
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
        """The k nearest rows of each query: distances and ids of shape (n_queries, k), nearest first.

        ``exclude`` names one id per query that must not answer (-1: none); ``among`` (a mask by id, or ids)
        those that may. More neighbours than rows that may answer is a ParameterError.
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
        values, found = scan.search(self._prepared(queries, n_threads), k, n_threads, places, allowed)
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
        """All rows within ``radius`` (in the metric's unit): offsets (n_queries + 1), distances, ids."""
        held = self._now()
        queries, places, allowed, _ = self._asked(held, queries, exclude, among)
        radius = checks.check_radius(radius, held.n_rows)
        if queries.shape[0] == 0:
            return np.zeros(1, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64)
        scan, prepared = self._scan_of(held, n_threads), self._prepared(queries, n_threads)
        if self._whitening is None:
            offsets, distances, found = scan.search_radius(prepared, radius, n_threads, places, allowed)
            return offsets.view(np.int64), distances, held.named(found)
        # The limit is on the reported root, so the core gets a square that no rounding can make too small.
        enlarged = -1.0 if radius < 0 else math.nextafter(radius * radius * (1 + 2**-50), math.inf)
        offsets, values, found = scan.search_radius(prepared, enlarged, n_threads, places, allowed)
        distances = np.sqrt(values)
        inside = distances <= radius
        kept = np.concatenate([[0], np.cumsum(inside)])[offsets]
        return kept.astype(np.int64, copy=False), distances[inside], held.named(found[inside])

    def trace(self, query: Rows, k: int = 1) -> dict[str, Any]:
        """What one query touched (see ``Index.trace``): every row's codes, in the one cell there is."""
        distances, ids = self.search(query, k)
        held = self._now()
        exact = round(self._scan_of(held, 1).scan_statistics()["exact_per_query"])
        return checks.trace_of_one_cell(distances, ids, counted=held.n_places, exact=exact)

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of (see ``Index.describe``)."""
        held = self._now()
        description = {
            "kind": "measured",
            "metric": self.metric,
            "n_rows": held.n_rows,
            "n_removed": held.n_places - held.n_rows,
            "next_id": held.next_id,
            "n_columns": held.n_columns,
            "dtype": held.first.dtype.name,
            "n_cells": 1,
            "row_bytes": held.row_bytes,
            "memory_bytes": self.memory_bytes,
        }
        return {**description, "cells": [{"rows": held.n_rows}]} if parts else description

    def _checked(self, rows: Rows, what: str, n_columns: int | None = None) -> Rows:
        rows = checks.check_matrix(rows, what, n_columns)
        checks.check_finite(rows, what, allow_nan=self._given.allows_nan)
        return rows

    def _asked(
        self, held: Held, queries: Rows, exclude: Ids | None, among: Among | None
    ) -> tuple[Rows, Ids | None, Words | None, int]:
        """Checked queries, the place each must not get, a bit per place that may answer, how many may."""
        queries = self._checked(queries, "The query", held.n_columns)
        allowed, n_allowed = held.allowed(among)
        places = None
        if exclude is not None:
            places = held.places_of(checks.check_excluded(exclude, queries.shape[0]))
            places = held.kept(places, allowed)
            places = places if (places >= 0).any() else None
        return queries, places, allowed, n_allowed

    def _prepared(self, rows: Rows, n_threads: int) -> Rows:
        """Rows or queries as the scan takes them."""
        if self._whitening is not None:
            return self._whitening.transform(rows, n_threads)
        return reduced_angles(rows) if self._given.formula == "haversine" else rows

    def _scan_of(self, held: Held, n_threads: int) -> Any:
        """The native scan over these rows, built once."""
        if held.screen.scan is not None:
            return held.screen.scan
        with self._building:
            if held.screen.scan is None:
                first = self._prepared(held.first, n_threads)
                added = None if held.added is None else self._prepared(held.added, n_threads)
                if added is not None and added.dtype != first.dtype:  # large angles of one part were reduced
                    first, added = first.astype(np.float64), added.astype(np.float64)
                scan = self._scan_maker()(first, n_threads, added)
                held.screen.scan, held.screen.source = scan, None
            return held.screen.scan

    def _scan_maker(self) -> Callable[[Rows, int, Rows | None], Any]:
        from .._native import FlatScan, MetricScan

        if self._whitening is not None:
            return lambda first, n_threads, added: _WhitenedScan(
                FlatScan(first, "sqeuclidean", n_threads, None, added), first, added
            )
        assert self.measure.tile is not None
        name, power, weights = self.measure.tile
        return lambda first, n_threads, added: MetricScan(first, name, power, weights, n_threads, None, added)

    def _reported(self, values: Distances) -> Distances:
        return values if self._whitening is None else np.sqrt(values)

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings and arrays, from which ``load`` makes the same index. The screening copy is not kept."""
        held = self._now()
        settings: dict[str, Any] = {
            "kind": "measured",
            "metric": self.metric,
            "n_columns": held.n_columns,
            "next_id": held.next_id,
        }
        sections: dict[str, Any] = stored.sections_of(held.rows, held.stored_ids)
        for key, value in self.measure.arguments.items():
            if key in _ARRAY_ARGUMENTS:
                sections[f"metric_{key}"] = value
            else:
                settings[f"metric_{key}"] = float(value)
        if self._whitening is not None:
            sections["whitening_center"] = self._whitening.center
            sections["whitening_factor"] = self._whitening.factor
        return settings, sections

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Any]) -> MetricIndex:
        """The inverse of ``save``; arrays may be memory-mapped and read-only, and stay so."""
        params: dict[str, Any] = {
            key: np.asarray(sections[f"metric_{key}"])
            for key in _ARRAY_ARGUMENTS
            if f"metric_{key}" in sections
        }
        if "metric_p" in settings:
            params["p"] = float(settings["metric_p"])
        index = cls(resolve(settings["metric"], None, params))
        rows = stored.rows_from(sections, int(settings["n_columns"]))
        index.measure = index._given.fitted(rows)
        if index.measure.whitens:
            index._whitening = Whitening.checked(
                sections["whitening_center"], sections["whitening_factor"], rows.shape[1]
            )
        ids = stored.ids_from(sections, rows.shape[0], settings["next_id"])
        index._held = Held.of(rows, ids, int(settings["next_id"]))
        return index

    def __copy__(self) -> MetricIndex:
        twin: MetricIndex = copied(self)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        held = self._held
        return {
            **self.__dict__,
            "_held": None if held is None else held.alone(),
            "_changing": ChangeLock(),
            "_building": ChangeLock(),
        }


class _WhitenedScan:
    """A scan over moved rows, which it keeps alive, and what both take."""

    def __init__(self, scan: Any, first: Distances, added: Distances | None) -> None:
        self.search, self.search_radius, self.scan_statistics = (
            scan.search,
            scan.search_radius,
            scan.scan_statistics,
        )
        self.memory_bytes = int(scan.memory_bytes) + first.nbytes + (0 if added is None else added.nbytes)
