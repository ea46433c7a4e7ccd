# SPDX-License-Identifier: Apache-2.0
"""A k-d tree: rows of few columns in small boxes; a query opens only those that can hold a neighbour."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DataError, ParameterError
from . import checks, stored
from .base import Among, Distances, Ids, RadiusAnswer, Rows
from .forest import Forest, Part
from .locks import ChangeLock, copied

__all__ = ["KDTreeIndex"]

_FORMULAS = {
    "euclidean": "sqeuclidean",
    "sqeuclidean": "sqeuclidean",
    "manhattan": "manhattan",
    "chebyshev": "chebyshev",
}
_MOST_BOXES = 4096  # that a description lists


class KDTreeIndex:
    """Exact search in a k-d tree whose nodes hold eight boxes and whose leaves hold sixteen rows.

    Rows are split at the middle of their widest column, again and again (Bentley, "Multidimensional binary
    search trees used for associative searching", 1975; the split of the widest column is that of Friedman,
    Bentley and Finkel, 1977). A box is passed over only when its bound, as computed, exceeds the distance of
    the k-th neighbour, as computed; every step of both rounds the same way, so answers are the exact ones,
    equal to those of every other exact index bit for bit.

    A tree pays where columns are few, up to about ten, or where the rows lie on few: in many columns every
    box is near every query, and a scan is faster.

    Parameters
    ----------
    metric : {"euclidean", "sqeuclidean", "manhattan", "chebyshev"}, default="euclidean"

    Examples
    --------
    >>> import numpy as np
    >>> index = KDTreeIndex().fit(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> distances, ids = index.search(np.array([[0.0, 0.0]]), 2)
    >>> distances, ids
    (array([[0., 1.]]), array([[0, 2]]))
    """

    metrics = tuple(_FORMULAS)  # that it can be built for

    def __init__(self, metric: str = "euclidean") -> None:
        if metric not in _FORMULAS:
            raise ParameterError(
                f"KDTreeIndex knows the metrics {', '.join(_FORMULAS)}, not {metric!r}; algorithm='brute' "
                "has the others."
            )
        self.metric = metric
        # One tuple, replaced as a whole: a search in another thread sees all of a change or nothing of it.
        self._held: tuple[Forest, int] | None = None
        self._changing = ChangeLock()

    # What is held

    @property
    def rows(self) -> Rows:
        """The rows, of shape (n_rows, n_columns), in ascending order of their ids."""
        return self._forest().rows

    @property
    def ids(self) -> Ids:
        """The ids of the rows, ascending."""
        return np.empty(0, dtype=np.int64) if self._held is None else self._held[0].ids

    @property
    def next_id(self) -> int:
        """The id that the next row added will get."""
        return 0 if self._held is None else self._held[1]

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""
        return 0 if self._held is None else self._held[0].n_alive

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves, once the first search has built the trees."""
        if self._held is None:
            return 0
        parts = self._held[0].parts
        total = 0
        for part in parts:
            n_rows, n_columns = part.rows.shape
            total += 0 if part.alive is None else int(part.alive.nbytes)
            total += self.bytes_for(n_rows, n_columns, part.rows.itemsize)
        return total

    @staticmethod
    def bytes_for(n_rows: int, n_columns: int, itemsize: int) -> int:
        """Bytes that the tree over so many rows holds beyond them, and their ids."""
        n_leaves = -(-n_rows // _LEAF_ROWS)
        boxes = _count_nodes(n_leaves) * (_WIDTH * (2 * n_columns * itemsize + 4) + 4) if n_rows else 0
        return boxes + n_leaves * _LEAF_ROWS * (n_columns * itemsize + 8) + 8 * n_rows

    # Changing it

    def fit(self, rows: Rows) -> KDTreeIndex:
        """Take the rows, kept by reference where C-contiguous; anything held before is dropped.

        Raises
        ------
        DataError
            No rows, no columns, NaN or infinity.
        """
        rows = checks.check_matrix(rows, "X")
        if rows.shape[0] == 0:
            raise DataError(f"X has no rows: shape {rows.shape}. At least one is needed.")
        checks.check_finite(rows, "X")
        self._held = Forest((Part(rows, np.arange(rows.shape[0])),)), rows.shape[0]
        return self

    def add(self, rows: Rows) -> Ids:
        """Append rows; returns their ids, which continue the count. A float64 index widens float32 rows."""
        held = self._forest().parts[0].rows
        rows = checks.check_matrix(rows, "X", held.shape[1])
        if rows.dtype == np.float64 and held.dtype == np.float32:
            raise DataError(
                "The index holds float32 rows and X is float64: convert X, or fit on float64 rows."
            )
        checks.check_finite(rows, "X")
        with self._changing:
            next_id = self.next_id
            new = np.arange(next_id, next_id + rows.shape[0])
            if rows.shape[0]:
                self._held = self._forest().grown(rows.astype(held.dtype), new), next_id + rows.shape[0]
        return new

    def remove(self, ids: Ids) -> None:
        """Forget rows; their ids are never used again, and the other rows keep theirs."""
        self._forest()
        wanted = checks.removed_ids(ids)
        with self._changing:
            if wanted.size:
                self._held = self._forest().without(wanted), self.next_id

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
        """The k nearest rows of each query: distances and ids of shape (n_queries, k)."""
        forest, queries, exclude, n_rows = self._asked(queries, exclude, among)
        n_allowed = None if among is None else forest.n_alive
        excludes = exclude is not None and bool(np.isin(exclude, forest.ids).any())
        k = checks.check_n_neighbors(k, n_rows, queries.shape[0], excludes=excludes, n_allowed=n_allowed)
        if queries.shape[0] == 0:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        values, ids = forest.search(_build, _FORMULAS[self.metric], queries, k, exclude, n_threads)
        return (np.sqrt(values) if self.metric == "euclidean" else values), ids

    def search_radius(
        self,
        queries: Rows,
        radius: float,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> RadiusAnswer:
        """All rows within ``radius`` (not squared for "euclidean"): offsets, distances, ids."""
        forest, queries, exclude, n_rows = self._asked(queries, exclude, among)
        radius = checks.check_radius(radius, n_rows)
        if queries.shape[0] == 0 or forest.n_alive == 0:
            return np.zeros(len(queries) + 1, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64)
        formula = _FORMULAS[self.metric]
        if self.metric != "euclidean":
            return forest.search_radius(_build, formula, queries, radius, exclude, n_threads)
        # The limit is on the reported root, so the core gets a square that no rounding can make too small.
        enlarged = -1.0 if radius < 0 else math.nextafter(radius * radius * (1 + 2**-50), math.inf)
        offsets, values, ids = forest.search_radius(_build, formula, queries, enlarged, exclude, n_threads)
        distances = np.sqrt(values)
        inside = distances <= radius
        kept = np.concatenate([[0], np.cumsum(inside)])[offsets]
        return kept.astype(np.int64, copy=False), distances[inside], ids[inside]

    def _asked(
        self, queries: Rows, exclude: Ids | None, among: Among | None
    ) -> tuple[Forest, Rows, Ids | None, int]:
        """The rows that may answer, checked queries and exclusions, and how many rows there are in all."""
        self._forest()
        assert self._held is not None
        forest, next_id = self._held  # of one moment
        queries = checks.check_matrix(queries, "The query", forest.parts[0].rows.shape[1])
        checks.check_finite(queries, "The query")
        if checks.positions_of(exclude, None, next_id, queries.shape[0]) is None:
            exclude = None
        n_rows = forest.n_alive
        if among is not None:
            forest = forest.among(checks.among_mask(among, next_id))
        return forest, queries, exclude, n_rows

    def _forest(self) -> Forest:
        checks.require_fitted(self, self._held is not None)
        assert self._held is not None
        return self._held[0]

    # Showing it

    def trace(self, query: Rows, k: int = 1) -> dict[str, Any]:
        """What one query touched (see ``Index.trace``): nodes are numbered from 0, cells are the leaves.

        Every row of a visited leaf is measured in float64. With several trees (after ``add``), the numbers
        of a later tree continue those of the one before.
        """
        distances, ids = self.search(query, k)
        nodes: list[int] = []
        cells: list[int] = []
        first_node = first_cell = 0
        for part in self._forest().parts:
            tree = part.tree(_build, 1)
            visited = tree.trace(query, min(k, part.n_alive), _FORMULAS[self.metric], part.alive)
            nodes += [first_node + node for node in visited if node >= 0]
            cells += [first_cell + ~node for node in visited if node < 0]
            first_node, first_cell = first_node + tree.n_nodes, first_cell + tree.n_leaves
        counted = min(len(cells) * _LEAF_ROWS, sum(part.ids.size for part in self._forest().parts))
        return {
            "k": int(ids.shape[1]),
            "distances": distances[0].tolist(),
            "ids": ids[0].tolist(),
            "cells": cells,
            "cells_visited": len(cells),
            "n_cells": first_cell,
            "nodes": nodes,
            "nodes_visited": len(nodes),
            "distances_counted": counted,
            "distances_exact": counted,
        }

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of (see ``Index.describe``).

        Further keys: ``n_nodes``, ``n_trees``, and with ``parts``, beside the leaves in ``cells``, ``nodes``:
        a list of dicts with a node's ``box``, ``depth`` and ``rows``. Of very large trees the upper boxes.
        """
        forest = self._forest()
        rows = forest.parts[0].rows
        n_leaves = [-(-part.ids.size // _LEAF_ROWS) for part in forest.parts if part.ids.size]
        n_held = sum(part.ids.size for part in forest.parts)
        description = {
            "kind": "kd_tree",
            "metric": self.metric,
            "n_rows": forest.n_alive,
            "n_removed": n_held - forest.n_alive,
            "next_id": self.next_id,
            "n_columns": int(rows.shape[1]),
            "dtype": rows.dtype.name,
            "n_cells": sum(n_leaves),
            "n_nodes": sum(map(_count_nodes, n_leaves)),
            "n_trees": len(n_leaves),
            "row_bytes": int(n_held * rows.shape[1] * rows.dtype.itemsize),
            "memory_bytes": self.memory_bytes,
        }
        if not parts:
            return description
        cells: list[dict[str, Any]] = []
        nodes: list[dict[str, Any]] = []
        for tree in [part.tree(_build, 1) for part in forest.parts if part.ids.size]:
            facts, lows, highs = tree.boxes(64, _MOST_BOXES)
            for (node, depth, count), low, high in zip(facts.tolist(), lows, highs, strict=True):
                box = [low.tolist(), high.tolist()]
                if node < 0:
                    cells.append({"rows": count, "box": box, "depth": depth})
                else:
                    nodes.append({"rows": count, "box": box, "depth": depth})
        return {**description, "cells": cells, "nodes": nodes}

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Rows]]:
        """Settings and arrays, from which ``load`` makes the same index. The trees are not kept."""
        rows, ids = self.rows, self.ids
        settings = {
            "kind": "kd_tree",
            "metric": self.metric,
            "n_columns": int(rows.shape[1]),
            "next_id": self.next_id,
        }
        return settings, stored.sections_of(rows, None if ids.size == self.next_id else ids)

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Rows]) -> KDTreeIndex:
        """The inverse of ``save``; rows may be memory-mapped. The first search builds the tree."""
        index = cls(settings["metric"])
        rows = stored.rows_from(sections, int(settings["n_columns"]))
        next_id = int(settings["next_id"])
        ids = stored.ids_from(sections, rows.shape[0], settings["next_id"])
        index._held = Forest((Part(rows, np.arange(next_id) if ids is None else ids),)), next_id
        return index

    def __copy__(self) -> KDTreeIndex:
        twin: KDTreeIndex = copied(self)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        if self._held is None:
            return dict(self.__dict__)
        forest, next_id = self._held  # trees are built again where they are needed
        parts = tuple(Part(part.rows, part.ids, part.alive) for part in forest.parts)
        return {**self.__dict__, "_held": (Forest(parts), next_id)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["_held"] is not None:
            forest, next_id = state["_held"]
            forest.check(next_id)
        self.__dict__.update(state)


_LEAF_ROWS, _WIDTH = 16, 8  # native/tree/tree_kernels.hpp


def _count_nodes(n_leaves: int) -> int:
    """Nodes above so many leaves, as ``native/tree/tree_shape.hpp`` arranges them."""
    child = 1
    while child * _WIDTH < n_leaves:
        child *= _WIDTH
    if child == 1:
        return 1
    full, rest = divmod(n_leaves, child)
    return 1 + full * _count_nodes(child) + (_count_nodes(rest) if rest else 0)


def _build(rows: Rows, n_threads: int) -> Any:
    from .._native import BoxTree

    return BoxTree(rows, n_threads)
