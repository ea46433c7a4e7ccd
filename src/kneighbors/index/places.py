# SPDX-License-Identifier: Apache-2.0
"""An index whose ids are places: 0 to n_rows - 1, also after rows were removed.

Labels, weights and row numbers lie side by side with the rows that are left. What the index finds must name
their places there, while the index beneath keeps the ids it gave.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ParameterError
from . import checks
from .base import Among, Distances, Ids, Index, RadiusAnswer, Rows

__all__ = ["PlacesIndex"]


class PlacesIndex:
    """The rows that an index has left, numbered anew without gaps.

    It does not change: rows are added to and removed from the index beneath, or a copy of it, before.

    Parameters
    ----------
    index : Index
        Nobody may change it any more.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.index import FlatIndex
    >>> index = FlatIndex().fit(np.array([[0.0], [1.0], [5.0]]))
    >>> index.remove([0])
    >>> PlacesIndex(index).search(np.array([[4.0]]), 2)
    (array([[1., 3.]]), array([[1, 0]]))
    """

    def __init__(self, index: Index) -> None:
        self.index: Any = index
        self.metric = index.metric
        self._ids = index.ids

    @property
    def rows(self) -> Any:
        """The rows, by place."""
        return self.index.rows

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""
        return int(self._ids.size)

    @property
    def next_id(self) -> int:
        """One more than the last place."""
        return self.n_rows

    @property
    def ids(self) -> Ids:
        """The places: 0 to n_rows - 1."""
        return np.arange(self.n_rows)

    @property
    def held_ids(self) -> Ids:
        """By place, the ids in the index beneath."""
        return self._ids

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves."""
        return int(self.index.memory_bytes) + self._ids.nbytes

    def fit(self, rows: Rows) -> PlacesIndex:
        """Refused: the index beneath is fitted."""
        raise ParameterError("A PlacesIndex numbers the rows of a fitted index: fit that one.")

    def add(self, rows: Rows) -> Ids:
        """Refused: rows are added to the index beneath."""
        raise ParameterError("A PlacesIndex does not change: add rows to a copy of the index beneath.")

    def remove(self, ids: Ids) -> None:
        """Refused: rows are removed from the index beneath."""
        raise ParameterError("A PlacesIndex does not change: remove rows from a copy of the index beneath.")

    def search(
        self,
        queries: Rows,
        k: int,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> tuple[Distances, Ids]:
        """The k nearest rows of each query, by place; see ``Index.search``."""
        distances, ids = self.index.search(
            queries, k, n_threads=n_threads, exclude=self._excluded(exclude), among=self._among(among)
        )
        return distances, np.searchsorted(self._ids, ids)

    def search_radius(
        self,
        queries: Rows,
        radius: float,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> RadiusAnswer:
        """All rows within a radius, by place; see ``Index.search_radius``."""
        offsets, distances, ids = self.index.search_radius(
            queries, radius, n_threads=n_threads, exclude=self._excluded(exclude), among=self._among(among)
        )
        return offsets, distances, np.searchsorted(self._ids, ids)

    def trace(self, query: Rows, k: int = 1) -> dict[str, Any]:
        """What one query touched; its ``ids`` are places."""
        trace = self.index.trace(query, k)
        return {**trace, "ids": np.searchsorted(self._ids, trace["ids"]).tolist()}

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index beneath is made of."""
        description: dict[str, Any] = self.index.describe(parts=parts)
        return description

    def save(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """As an index that was fitted on the rows that are left: places are its ids."""
        settings, sections = self.index.save()
        return {**settings, "next_id": self.n_rows}, {
            name: array for name, array in sections.items() if name != "ids"
        }

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Any]) -> PlacesIndex:
        """Refused: what it saves is loaded as an index of the kind beneath."""
        raise ParameterError("What a PlacesIndex saves is an index of the kind beneath: load that.")

    def _excluded(self, places: Ids | None) -> Ids | None:
        if places is None:
            return None
        inside = (places >= 0) & (places < self.n_rows)
        return np.where(inside, self._ids[np.where(inside, places, 0)], -1)

    def _among(self, among: Among | None) -> Ids | None:
        return None if among is None else self._ids[checks.among_ids(among, self.n_rows)]
