# SPDX-License-Identifier: Apache-2.0
"""Rows in a few trees: what the tree indexes share.

A tree, once built, never changes. Added rows make a tree of their own; trees of like size are built into
one, so that every row is built into a tree only some log2(n) times and a search asks only some log2(n) trees
(one, after ``fit``). Removed rows are marked, and left out when their tree is built anew. Nothing that a
running search reads is ever written to: it answers for the rows before or after a change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from . import checks, stored
from .base import Distances, Ids, RadiusAnswer, Rows

__all__ = ["Forest", "Part"]

Build = Callable[[Rows, int], Any]  # rows, threads -> a native tree
Mask = NDArray[np.uint8]


@dataclass(eq=False)
class Part:
    """Rows with their ids, ascending, which of them still answer, and the tree over them all."""

    rows: Rows
    ids: Ids
    alive: Mask | None = None  # None: all
    built: Any = field(default=None, repr=False)

    @property
    def n_alive(self) -> int:
        return int(self.ids.size if self.alive is None else self.alive.sum())

    def tree(self, build: Build, n_threads: int) -> Any:
        """The tree, built when first asked for. Two threads may both build it: they make the same one."""
        if self.built is None:
            self.built = build(self.rows, n_threads)
        return self.built

    def kept(self) -> tuple[Rows, Ids]:
        """Rows and ids of those that still answer."""
        if self.alive is None:
            return self.rows, self.ids
        living = self.alive.astype(bool)
        return self.rows[living], self.ids[living]

    def without(self, places: Ids) -> Part:
        alive = np.ones(self.ids.size, dtype=np.uint8) if self.alive is None else self.alive.copy()
        alive[places] = 0
        if 2 * int(alive.sum()) < self.ids.size:  # most are gone: built anew from the others
            return Part(*Part(self.rows, self.ids, alive).kept())
        return Part(self.rows, self.ids, alive, self.built)

    def among(self, mask: NDArray[np.bool_]) -> Part:
        """The part that these rows make, by id: marked where they are many, taken out where they are few."""
        allowed = mask[self.ids] if self.alive is None else mask[self.ids] & self.alive.astype(bool)
        if 8 * int(allowed.sum()) < self.ids.size:
            return Part(self.rows[allowed], self.ids[allowed])
        return Part(self.rows, self.ids, allowed.view(np.uint8), self.built)


@dataclass(frozen=True)
class Forest:
    """Parts whose ids ascend from one to the next."""

    parts: tuple[Part, ...]

    @property
    def n_alive(self) -> int:
        return sum(part.n_alive for part in self.parts)

    @property
    def ids(self) -> Ids:
        return np.concatenate([part.kept()[1] for part in self.parts])

    @property
    def rows(self) -> Rows:
        if len(self.parts) == 1 and self.parts[0].alive is None:
            return self.parts[0].rows
        return np.concatenate([part.kept()[0] for part in self.parts])

    def check(self, next_id: int) -> None:
        """Refuse parts that contradict themselves or each other, as those of a damaged pickle might."""
        for part in self.parts:
            rows = checks.check_matrix(part.rows, "The stored rows", self.parts[0].rows.shape[1])
            stored.ids_from({"ids": part.ids}, rows.shape[0], next_id)
            alive = part.alive
            if alive is not None and (alive.dtype != np.uint8 or alive.shape != part.ids.shape):
                raise DataError("The stored marks of removed rows do not fit the rows.")
        stored.ids_from({"ids": np.concatenate([part.ids for part in self.parts])}, None, next_id)

    def grown(self, rows: Rows, ids: Ids) -> Forest:
        """With more rows; trees of like size become one."""
        parts = [*self.parts, Part(rows, ids)]
        while len(parts) > 1 and 2 * parts[-1].n_alive >= parts[-2].n_alive:
            last, before = parts.pop().kept(), parts.pop().kept()
            joined = [np.concatenate(both) for both in zip(before, last, strict=True)]
            parts.append(Part(joined[0], joined[1]))
        return Forest(tuple(parts))

    def without(self, ids: Ids) -> Forest:
        """Without these ids, each of which must be alive."""
        parts, missing = [], np.ones(ids.size, dtype=bool)
        for part in self.parts:
            places = checks.places_of(ids, part.ids, part.ids.size)
            if part.alive is not None:
                places[(places >= 0) & (part.alive[places] == 0)] = -1
            missing &= places < 0
            parts.append(part.without(places[places >= 0]) if (places >= 0).any() else part)
        checks.refuse_absent(ids[missing])
        return Forest(tuple(part for part in parts if part.n_alive) or (_emptied(self.parts[0]),))

    def among(self, mask: NDArray[np.bool_]) -> Forest:
        """The rows that a mask by id lets answer."""
        parts = [part.among(mask) for part in self.parts]
        return Forest(tuple(part for part in parts if part.n_alive))

    def search(
        self, build: Build, metric: str, queries: Rows, k: int, exclude: Ids | None, n_threads: int
    ) -> tuple[Distances, Ids]:
        """The k nearest rows of each query; there must be as many."""
        answers = [_nearest(part, build, metric, queries, k, exclude, n_threads) for part in self.parts]
        if len(answers) == 1 and answers[0][0].shape[1] == k:
            return answers[0]
        values = np.concatenate([answer[0] for answer in answers], axis=1)
        ids = np.concatenate([answer[1] for answer in answers], axis=1)
        # Lower ids stand in earlier parts, so a stable order by value is the order by (value, id).
        order = np.argsort(values, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(values, order, 1), np.take_along_axis(ids, order, 1)

    def search_radius(
        self, build: Build, metric: str, queries: Rows, limit: float, exclude: Ids | None, n_threads: int
    ) -> RadiusAnswer:
        """All rows whose value is at most ``limit``, nearest first."""
        found = []
        for part in self.parts:
            own = checks.positions_of(exclude, part.ids, part.ids.size, queries.shape[0])
            tree = part.tree(build, n_threads)
            offsets, values, places = tree.search_radius(queries, limit, metric, n_threads, own, part.alive)
            found.append((offsets.view(np.int64), values, part.ids[places]))
        if len(found) == 1:
            return found[0]
        lines = np.concatenate([np.repeat(np.arange(queries.shape[0]), np.diff(each[0])) for each in found])
        values = np.concatenate([each[1] for each in found])
        ids = np.concatenate([each[2] for each in found])
        order = np.lexsort((ids, values, lines))
        offsets = sum((each[0] for each in found), np.zeros(queries.shape[0] + 1, dtype=np.int64))
        return offsets, values[order], ids[order]


def _nearest(
    part: Part, build: Build, metric: str, queries: Rows, k: int, exclude: Ids | None, n_threads: int
) -> tuple[Distances, Ids]:
    tree = part.tree(build, n_threads)
    own = checks.positions_of(exclude, part.ids, part.ids.size, queries.shape[0])
    width = min(k, part.n_alive)
    if own is not None and width == part.n_alive:
        # Not enough rows for a query that leaves one of them out: all are taken, and that one is put last.
        values, places = tree.search(part.rows, queries, width, metric, n_threads, None, part.alive)
        values = np.where(places == own[:, None], np.inf, values)
        ids = np.where(places == own[:, None], np.iinfo(np.int64).max, part.ids[places])
        order = np.lexsort((ids, values), axis=1)
        return np.take_along_axis(values, order, 1), np.take_along_axis(ids, order, 1)
    values, places = tree.search(part.rows, queries, width, metric, n_threads, own, part.alive)
    return values, part.ids[places]


def _emptied(part: Part) -> Part:
    return Part(part.rows[:0], part.ids[:0])
