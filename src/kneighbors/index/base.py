# SPDX-License-Identifier: Apache-2.0
"""What every index offers: the same verbs, the same order of answers.

Rows come in as a C-contiguous float32 or float64 matrix of shape (n, d); answers go out as float64 distances
and int64 row ids, nearest first, ties by the lower id. Ids count the rows ever given, from 0: ``fit`` starts
the count, ``add`` continues it, and the id of a removed row is never used again.

Asked while another thread adds or removes, an index answers for the rows before or after that change.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Among", "Distances", "Ids", "Index", "RadiusAnswer", "Rows"]

Rows = NDArray[Any]
Distances = NDArray[np.float64]
Ids = NDArray[np.int64]
RadiusAnswer = tuple[NDArray[np.int64], Distances, Ids]
Among = ArrayLike  # which rows may answer: booleans by id, or ids


@runtime_checkable
class Index(Protocol):
    """The verbs that estimators, model files, the server and the page rely on.

    ``copy.copy`` makes an index that answers alike and changes alone; it shares rows and whatever was built,
    and costs next to nothing. Pickles hold rows and ids only.
    """

    metric: str

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""

    @property
    def next_id(self) -> int:
        """The id that the next row added will get: one more than the highest ever given, 0 before ``fit``."""

    @property
    def ids(self) -> Ids:
        """The ids of the rows that can answer, ascending."""

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves."""

    def fit(self, rows: Rows) -> Index:
        """Take the rows; anything held before is dropped."""

    def search(
        self,
        queries: Rows,
        k: int,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> tuple[Distances, Ids]:
        """The k nearest rows of each query: distances and ids of shape (n_queries, k).

        ``exclude`` names one id per query that must not answer (-1: none): leave-one-out.

        ``among`` says which rows may answer, the same for all queries (None: all). Booleans of shape
        (next_id,) speak for the id at their place; integers are ids, in any order, each as often as you like.
        Ids of rows that were removed are passed over; ids that were never given are refused. The answer is
        what an index over the allowed rows alone would give, with their ids.

        More neighbours than rows may answer is a ParameterError: there is never a placeholder id.
        """

    def search_radius(
        self,
        queries: Rows,
        radius: float,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> RadiusAnswer:
        """All rows within ``radius`` (in the metric's unit): offsets (n_queries + 1), distances, ids.

        ``exclude`` and ``among`` as for ``search``; where no row may answer, none does.
        """

    def add(self, rows: Rows) -> Ids:
        """Append rows, of as many columns; returns their ids, which continue the count.

        What ``fit`` learned stays: a metric's scales, the cells' centres. A refusal changes nothing.
        """

    def remove(self, ids: Ids) -> None:
        """Forget rows. An id that is not held, or named twice, is a ParameterError and nothing is removed."""

    def trace(self, query: Rows, k: int = 1) -> dict[str, Any]:
        """What one query, of shape (1, n_columns), touched on the way to its k nearest rows.

        Keys that every index answers with (JSON-able):

        ``k``, ``distances``, ``ids``
            The answer: lists of length k.
        ``cells``, ``cells_visited``, ``n_cells``
            Numbers of the cells that were searched, in order; how many; of how many there are.
        ``nodes``, ``nodes_visited``
            Nodes of a tree, or rows of a graph, that the search went over, in order; how many. Empty and 0
            where there is nothing to walk.
        ``distances_counted``, ``distances_exact``
            Rows compared with the query, be it by their codes alone; rows measured in float64.
        """

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of.

        Keys that every index answers with (JSON-able): ``kind``, ``metric``, ``n_rows``, ``n_removed``
        (removed rows that are still held), ``next_id``, ``n_columns``, ``dtype``, ``n_cells``, ``row_bytes``,
        ``memory_bytes``. Further ones belong to a kind.

        With ``parts``, which may be large, also ``cells``: a list of one dict per cell with its ``rows`` (how
        many; removed ones that are still held may count) and, where it has them, ``center`` (list of
        n_columns numbers) and ``box`` (two such lists, lowest and highest); for a tree ``nodes``, likewise a
        list of dicts; and for a graph ``edges``, an int64 array of shape (n_edges, 2) of ids.
        """

    def save(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings (JSON-able) and named arrays, from which ``load`` makes the same index."""

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, NDArray[Any]]) -> Index:
        """The inverse of ``save``; arrays may be memory-mapped and read-only."""
