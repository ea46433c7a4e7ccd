# SPDX-License-Identifier: Apache-2.0
"""What every index offers: the same verbs, the same order of answers.

Rows come in as a C-contiguous float32 or float64 matrix of shape (n, d); answers go out as float64 distances
and int64 row ids, nearest first, ties by the lower id.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Distances", "Ids", "Index", "RadiusAnswer", "Rows"]

Rows = NDArray[Any]
Distances = NDArray[np.float64]
Ids = NDArray[np.int64]
RadiusAnswer = tuple[NDArray[np.int64], Distances, Ids]


@runtime_checkable
class Index(Protocol):
    """The verbs that estimators, model files, the server and the page rely on."""

    metric: str

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves."""

    def fit(self, rows: Rows) -> Index:
        """Take the rows; anything held before is dropped."""

    def search(
        self, queries: Rows, k: int, *, n_threads: int = 1, exclude: Ids | None = None
    ) -> tuple[Distances, Ids]:
        """The k nearest rows of each query: distances and ids of shape (n_queries, k).

        ``exclude`` names one id per query that must not answer (-1: none): leave-one-out.
        """

    def search_radius(
        self, queries: Rows, radius: float, *, n_threads: int = 1, exclude: Ids | None = None
    ) -> RadiusAnswer:
        """All rows within ``radius`` (in the metric's unit): offsets (n_queries + 1), distances, ids."""

    def add(self, rows: Rows) -> Ids:
        """Append rows; returns their ids, which continue the count."""

    def remove(self, ids: Ids) -> None:
        """Forget rows; their ids are never used again."""

    def trace(self, query: Rows) -> dict[str, Any]:
        """What one query touched: cells or nodes visited, distances counted."""

    def describe(self) -> dict[str, Any]:
        """What the index is made of: parts, edges, bytes."""

    def save(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings (JSON-able) and named arrays, from which ``load`` makes the same index."""

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, NDArray[Any]]) -> Index:
        """The inverse of ``save``; arrays may be memory-mapped and read-only."""
