# SPDX-License-Identifier: Apache-2.0
"""What a flat index holds at one time: rows, ids, which rows were removed, and the screen over them.

A change makes a new ``Held`` and never touches the old one, so that whoever searches meanwhile has a whole
answer. Yet little is copied: rows given to fit stay where they are, added rows go to a buffer with room to
spare, removed rows are marked, and a mark costs a bit.

A *place* is where a row lies: rows given to fit come first, then those added, removed ones included. Ids
ascend with places and are the same until rows are moved together.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import checks
from .base import Among, Ids, Rows
from .locks import ChangeLock

if TYPE_CHECKING:
    from .._native import FlatScan

__all__ = ["Held", "Room", "Screen", "count_bits", "mapping_of"]

Words = NDArray[np.uint64]  # bit place % 64 of word place / 64

_MOST_REMOVED = 4  # rows are moved together when more than one in so many was removed


class Screen:
    """The scan over some rows once a search has built it, and the scan it may grow from."""

    __slots__ = ("scan", "source")

    def __init__(self, source: FlatScan | None = None) -> None:
        self.scan: FlatScan | None = None
        self.source = source


class Room:
    """An array that is used from the front. What lies behind belongs to whoever asks first, so that copies of
    an index may share it.
    """

    __slots__ = ("_claiming", "_used", "array")

    def __init__(self, array: NDArray[Any], used: int) -> None:
        self.array = array
        self._used = used
        self._claiming = ChangeLock()

    def claim(self, used: int, needed: int) -> bool:
        """Whether the places from ``used`` to ``needed`` are there, and now the caller's."""
        with self._claiming:
            if used != self._used or needed > self.array.shape[0]:
                return False
            self._used = needed
            return True

    def extended(self, used: int, values: NDArray[Any]) -> Room:
        """The first ``used`` and these values behind them: here, or in a copy with half as much room more."""
        needed = used + int(values.shape[0])
        room = self
        if not self.claim(used, needed):
            array = np.empty((max(needed, used + used // 2), *self.array.shape[1:]), dtype=self.array.dtype)
            array[:used] = self.array[:used]
            room = Room(array, needed)
        room.array[used:needed] = values
        return room


@dataclass(frozen=True)
class Held:
    """Rows in two parts, their ids, their marks.

    Attributes
    ----------
    first : array of shape (n_first, n_columns)
        The rows given to fit, or moved together since. May be a mapping of a file.
    buffer : Room or None
        Its first ``n_added`` rows were added.
    n_added : int
    id_buffer : Room of int64 or None
        Ids by place, in its first ``n_places``; None while ids are places.
    alive : uint64 array or None
        A bit per place, set where the row is there; None while no row was removed.
    n_rows : int
        Rows that can answer.
    next_id : int
    screen : Screen
    """

    first: Rows
    buffer: Room | None = None
    n_added: int = 0
    id_buffer: Room | None = None
    alive: Words | None = None
    n_rows: int = 0
    next_id: int = 0
    screen: Screen = field(default_factory=Screen)

    @classmethod
    def of(cls, rows: Rows, ids: Ids | None, next_id: int) -> Held:
        """These rows and no more."""
        n_rows = int(rows.shape[0])
        return cls(rows, id_buffer=None if ids is None else Room(ids, n_rows), n_rows=n_rows, next_id=next_id)

    # What is there

    @property
    def n_places(self) -> int:
        return int(self.first.shape[0]) + self.n_added

    @property
    def n_columns(self) -> int:
        return int(self.first.shape[1])

    @property
    def added(self) -> Rows | None:
        """The rows that were added, as the scan takes them."""
        return None if self.buffer is None else self.buffer.array[: self.n_added]

    @property
    def rows(self) -> Rows:
        """The rows that can answer as one matrix, ascending by id: made anew unless they lie as one."""
        if self.alive is None:
            return self.first if self.added is None else np.concatenate([self.first, self.added])
        kept = self._is_alive()
        n_first = self.first.shape[0]
        parts = [self.first[kept[:n_first]]]
        if self.added is not None:
            parts.append(self.added[kept[n_first:]])
        return np.concatenate(parts)

    @property
    def ids(self) -> Ids:
        """The ids of the rows that can answer, ascending."""
        by_place = self._ids_by_place()
        if self.alive is not None:
            kept = np.flatnonzero(self._is_alive()).astype(np.int64, copy=False)
            return kept if by_place is None else by_place[kept]
        return np.arange(self.n_places) if by_place is None else by_place

    @property
    def stored_ids(self) -> Ids | None:
        """The ids as they are saved: None where they are 0 to n_rows - 1 and the next one is n_rows."""
        return None if self.id_buffer is None and self.n_rows == self.next_id else self.ids

    @property
    def row_bytes(self) -> int:
        return self.n_places * self.n_columns * self.first.itemsize

    @property
    def spare_bytes(self) -> int:
        """Bytes beyond rows and codes: ids, marks, room for more rows."""
        spare = 0 if self.alive is None else int(self.alive.nbytes)
        spare += 0 if self.id_buffer is None else int(self.id_buffer.array.nbytes)
        return spare + (0 if self.buffer is None else int(self.buffer.array[self.n_added :].nbytes))

    def named(self, places: Ids) -> Ids:
        """The ids of rows at these places."""
        by_place = self._ids_by_place()
        # The core's integers may be numpy.longlong, which equals int64 and yet prints as another type.
        return places.view(np.int64) if by_place is None else by_place[places]

    def places_of(self, ids: Ids) -> Ids:
        """Places of ids, -1 where there is no such row or it was removed."""
        places = checks.places_of(ids, self._ids_by_place(), self.n_places)
        return self.kept(places, self.alive)

    @staticmethod
    def kept(places: Ids, words: Words | None) -> Ids:
        """The places, -1 where their bit is not set."""
        if words is None:
            return places
        bits = words[np.maximum(places, 0) >> 6] >> (places & 63).astype(np.uint64) & np.uint64(1)
        return np.where(bits.astype(np.bool_), places, -1)

    def allowed(self, among: Among | None) -> tuple[Words | None, int]:
        """A bit per place that may answer, None for all; and how many there are."""
        if among is None:
            return self.alive, self.n_rows
        chosen = np.asarray(among)
        if chosen.dtype == np.bool_:
            mask, by_place = checks.among_mask(chosen, self.next_id), self._ids_by_place()
            words = _packed(mask if by_place is None else mask[by_place])
            words = words if self.alive is None else words & self.alive
        else:
            places = self.places_of(checks.among_ids(among, self.next_id))
            places = places[places >= 0]
            words = np.zeros(_n_words(self.n_places), dtype=np.uint64)
            np.bitwise_or.at(words, places >> 6, np.uint64(1) << (places & 63).astype(np.uint64))
        return words, count_bits(words)

    # Changes

    def plus(self, rows: Rows) -> Held:
        """These rows too. Costs in proportion to them: a full buffer becomes half as large again."""
        n_new = int(rows.shape[0])
        n_places = self.n_places + n_new
        buffer = self.buffer or Room(np.empty((0, self.n_columns), dtype=self.first.dtype), 0)
        id_buffer = self.id_buffer
        if id_buffer is not None:
            new_ids = np.arange(self.next_id, self.next_id + n_new)
            id_buffer = id_buffer.extended(self.n_places, new_ids)
        alive = self.alive
        if alive is not None:
            wider = np.zeros(_n_words(n_places), dtype=np.uint64)
            wider[: alive.size] = alive
            alive = wider | _packed(np.arange(n_places) >= self.n_places)
        return replace(
            self,
            buffer=buffer.extended(self.n_added, rows),
            n_added=self.n_added + n_new,
            id_buffer=id_buffer,
            alive=alive,
            n_rows=self.n_rows + n_new,
            next_id=self.next_id + n_new,
            screen=Screen(self.screen.scan or self.screen.source),
        )

    def minus(self, places: Ids) -> Held:
        """Without the rows at these places, all of which are there.

        Rows are moved together when more than a quarter of the places is of removed rows; rows mapped from a
        file never are, since that would read the file into memory.
        """
        alive = _packed(np.ones(self.n_places, dtype=np.bool_)) if self.alive is None else self.alive.copy()
        np.bitwise_and.at(alive, places >> 6, ~(np.uint64(1) << (places & 63).astype(np.uint64)))
        less = replace(self, alive=alive, n_rows=self.n_rows - int(places.size))
        crowded = (less.n_places - less.n_rows) * _MOST_REMOVED > less.n_places
        return less.together() if crowded and mapping_of(self.first) is None else less

    def together(self) -> Held:
        """The same rows as one matrix without gaps, and no screen yet."""
        return Held.of(self.rows, self.stored_ids, self.next_id)

    def alone(self) -> Held:
        """The same rows as they are pickled: one matrix, and no screen."""
        if self.buffer is None and self.alive is None:
            return Held.of(self.first, self._ids_by_place(), self.next_id)
        return self.together()

    def _ids_by_place(self) -> Ids | None:
        return None if self.id_buffer is None else self.id_buffer.array[: self.n_places]

    def _is_alive(self) -> NDArray[np.bool_]:
        assert self.alive is not None
        bits = np.unpackbits(self.alive.view(np.uint8), bitorder="little", count=self.n_places)
        return bits.view(np.bool_)


def count_bits(words: Words) -> int:
    """Bits that are set."""
    if hasattr(np, "bitwise_count"):
        return int(np.bitwise_count(words).sum())
    return int(np.unpackbits(words.view(np.uint8)).sum())  # NumPy 1


def mapping_of(rows: Rows) -> mmap.mmap | None:
    """The read-only mapping of a file that these rows lie in, or None.

    Of such rows pages may be let go at any time: they are what the file holds.
    """
    owner: Any = rows
    while owner is not None:
        if isinstance(owner, mmap.mmap):
            with memoryview(owner) as view:
                return owner if view.readonly else None
        owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
    return None


def _n_words(n_places: int) -> int:
    return -(-n_places // 64)


def _packed(mask: NDArray[np.bool_]) -> Words:
    bytes_ = np.zeros(8 * _n_words(mask.size), dtype=np.uint8)
    packed = np.packbits(mask, bitorder="little")
    bytes_[: packed.size] = packed
    return bytes_.view(np.uint64)
