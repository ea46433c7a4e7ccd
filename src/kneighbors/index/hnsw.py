# SPDX-License-Identifier: Apache-2.0
"""A navigable graph over the rows: approximate neighbours, at a recall that is measured when it is built."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, ParameterError
from . import checks, stored
from .base import Among, Distances, Ids, RadiusAnswer, Rows
from .flat import FlatIndex
from .held import Held
from .locks import ChangeLock

if TYPE_CHECKING:
    from .._native import Graph

__all__ = ["HNSWIndex"]

_METRICS = {
    "euclidean": "sqeuclidean",
    "sqeuclidean": "sqeuclidean",
    "inner_product": "inner_product",
    "cosine": "cosine",
}
_ARRAYS = ("codes", "links", "places", "starts", "dead", "layers", "layer_sizes", "center")
_NUMBERS = ("exponent", "largest_norm")

# What is measured with: rows that join last, and so are questions the graph has not seen.
_HELD_OUT, _ASKED = 256, 10
_EFFORTS = (12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_PLAIN_EFFORT = 64  # where rows are too few to measure with
_FEWEST_MEASURED = 4096


class HNSWIndex:
    """Approximate search by walks over a graph that links each row to a few well-chosen others.

    Links are pruned as in DiskANN (Subramanya et al., 2019), walks enter through layers of fewer rows as in
    HNSW (Malkov and Yashunin, 2018). A walk compares seven-bit codes; what it finds is measured from the
    stored rows, so distances are exact and only a neighbour may be missed. The graph is the same for any
    number of threads.

    Parameters
    ----------
    metric : {"euclidean", "sqeuclidean", "inner_product", "cosine"}, default="euclidean"
    recall : float in (0, 1), default=0.95
        The share of the true ten nearest rows that answers should hold. The effort that reaches it is found
        when the graph is built, with 256 rows as questions before they join; ``measured_recall`` tells what
        it gave.
    effort : int or None, default=None
        How many rows a walk keeps in view; more finds more and takes longer. None: as ``recall`` asks.
    degree : int, default=32
        Links of a row, at most.
    build_effort : int, default=80
        The effort of the walks that find a new row's links.

    Examples
    --------
    >>> import numpy as np
    >>> index = HNSWIndex().fit(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> distances, ids = index.search(np.array([[0.0, 0.0]]), 2)
    >>> distances, ids
    (array([[0., 1.]]), array([[0, 2]]))
    """

    def __init__(
        self,
        metric: str = "euclidean",
        *,
        recall: float = 0.95,
        effort: int | None = None,
        degree: int = 32,
        build_effort: int = 80,
    ) -> None:
        if metric not in _METRICS:
            raise ParameterError(
                f"HNSWIndex knows the metrics {', '.join(_METRICS)}, not {metric!r}; algorithm='brute' has "
                "the others."
            )
        if isinstance(recall, bool) or not 0 < recall < 1:
            raise ParameterError(
                f"recall={recall!r}: a share between 0 and 1 is expected; for 1 use an exact algorithm."
            )
        for name, value, low, high in (
            ("effort", effort, 1, 1 << 20),
            ("degree", degree, 4, 512),
            ("build_effort", build_effort, 8, 4096),
        ):
            if value is None and name == "effort":
                continue
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, np.integer))
                or not low <= value <= high
            ):
                raise ParameterError(f"{name}={value!r}: a whole number from {low} to {high} is expected.")
        self.metric = metric
        self.recall, self.effort, self.degree, self.build_effort = recall, effort, degree, build_effort
        self.measured_recall: float | None = None
        self._tuned: int | None = None
        # What is held, and the graph over all its places (None until a search builds it); replaced together.
        self._state: tuple[Held, Graph | None] | None = None
        self._changing = ChangeLock()

    # What is held

    @property
    def rows(self) -> Rows:
        """The rows that can answer, of shape (n_rows, n_columns), in ascending order of their ids."""
        return self._now().rows

    @property
    def ids(self) -> Ids:
        """The ids of the rows, ascending."""
        return np.arange(0) if self._state is None else self._state[0].ids

    @property
    def next_id(self) -> int:
        """The id that the next row added will get."""
        return 0 if self._state is None else self._state[0].next_id

    @property
    def n_rows(self) -> int:
        """Rows that can answer."""
        return 0 if self._state is None else self._state[0].n_rows

    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves, once the first search has built the graph."""
        if self._state is None:
            return 0
        held, graph = self._state
        return held.spare_bytes + (0 if graph is None else graph.memory_bytes)

    def _both(self) -> tuple[Held, Graph | None]:
        checks.require_fitted(self, self._state is not None)
        assert self._state is not None
        return self._state

    def _now(self) -> Held:
        return self._both()[0]

    # Changing it

    def fit(self, rows: Rows) -> HNSWIndex:
        """Take the rows, kept by reference where C-contiguous; the first search builds the graph.

        Raises
        ------
        DataError
            No rows, no columns, NaN or infinity.
        """
        rows = checks.check_matrix(rows, "X")
        if rows.shape[0] == 0:
            raise DataError(f"X has no rows: shape {rows.shape}. At least one is needed.")
        checks.check_finite(rows, "X")
        with self._changing:
            self._state = Held.of(rows, None, rows.shape[0]), None
            self._tuned = self.measured_recall = None
        return self

    def add(self, rows: Rows) -> Ids:
        """Append rows; returns their ids, which continue the count. A float64 index widens float32 rows.

        Each call also looks over all links once: add rows in batches.
        """
        with self._changing:
            held, graph = self._both()
            rows = checks.check_matrix(rows, "X", held.n_columns)
            if rows.dtype == np.float64 and held.first.dtype == np.float32:
                raise DataError(
                    "The index holds float32 rows and X is float64: convert X, or fit on float64 rows."
                )
            checks.check_finite(rows, "X")
            new = np.arange(held.next_id, held.next_id + rows.shape[0])
            if rows.shape[0]:
                more = held.plus(rows)
                if graph is not None:
                    graph.add(more.first, np.arange(held.n_places, more.n_places), 1, more.added)
                self._state = more, graph
            return new

    def remove(self, ids: Ids) -> None:
        """Forget rows; what linked to them is linked to what they linked to. Ids are never used again."""
        with self._changing:
            held, graph = self._both()
            wanted = checks.removed_ids(ids)
            places = held.places_of(wanted)
            checks.refuse_absent(wanted[places < 0])
            if places.size:
                less = held.minus(places)
                if less.n_places < held.n_places:
                    graph = None  # rows were moved together
                elif graph is not None:
                    graph.remove(places)
                self._state = less, graph

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
        """Nearly always the k nearest rows of each query; their distances are exact (see ``Index.search``).

        Where ``among`` lets few rows answer, those are measured one and all, and the answer is exact.
        """
        graph, held = self._built(n_threads)
        queries = checks.check_matrix(queries, "The query", held.n_columns)
        checks.check_finite(queries, "The query")
        allowed, n_allowed = held.allowed(among)
        places = None
        if exclude is not None:
            places = held.kept(held.places_of(checks.check_excluded(exclude, queries.shape[0])), allowed)
            places = places if (places >= 0).any() else None
        k = checks.check_n_neighbors(
            k,
            held.n_rows,
            queries.shape[0],
            excludes=places is not None,
            n_allowed=None if among is None else n_allowed,
        )
        if queries.shape[0] == 0:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        width = max(self._effort(), k)
        if among is not None:
            width = width * held.n_places // max(1, n_allowed)
            if width > n_allowed:  # walking past the others would cost more than measuring these
                return self._exact(held).search(queries, k, n_threads=n_threads, exclude=exclude, among=among)
        values, found, _ = graph.search(held.first, queries, k, width, n_threads, places, allowed, held.added)
        return (np.sqrt(values) if self.metric == "euclidean" else values), held.named(found)

    def search_radius(
        self,
        queries: Rows,
        radius: float,
        *,
        n_threads: int = 1,
        exclude: Ids | None = None,
        among: Among | None = None,
    ) -> RadiusAnswer:
        """All rows within ``radius``, exact: a graph cannot tell that it has met them all, a scan can."""
        return self._exact(self._now()).search_radius(
            queries, radius, n_threads=n_threads, exclude=exclude, among=among
        )

    def _exact(self, held: Held) -> FlatIndex:
        index = FlatIndex(self.metric)
        index._held = held  # and with it the codes, once they are made
        return index

    def _effort(self) -> int:
        return self.effort or self._tuned or _PLAIN_EFFORT

    def _built(self, n_threads: int) -> tuple[Graph, Held]:
        """The graph and what it is over, built by the first who asks."""
        held, graph = self._both()
        if graph is not None:
            return graph, held
        with self._changing:
            held, graph = self._both()
            if graph is None:
                graph = self._build(held, n_threads)
                self._state = held, graph
            return graph, held

    def _new_graph(self, n_columns: int) -> Graph:
        from .._native import Graph

        metric: Any = _METRICS[self.metric]
        return Graph(metric, n_columns, self.degree, self.build_effort)

    def _build(self, held: Held, n_threads: int) -> Graph:
        graph = self._new_graph(held.n_columns)
        places = np.arange(held.n_places)
        if held.alive is not None:
            places = np.flatnonzero(held.kept(places, held.alive) >= 0).astype(np.int64)
        if self.effort is not None or self._tuned is not None or places.size < _FEWEST_MEASURED:
            graph.add(held.first, places, n_threads, held.added)
            return graph
        last = np.arange(_HELD_OUT) * places.size // _HELD_OUT
        others = np.delete(places, last)
        graph.add(held.first, others, n_threads, held.added)
        self._tune(graph, held, places[last], others, n_threads)
        graph.add(held.first, places[last], n_threads, held.added)
        return graph

    def _tune(self, graph: Graph, held: Held, asking: Ids, others: Ids, n_threads: int) -> None:
        """The least effort that reaches the recall, asked by rows that are not in the graph yet."""
        queries = np.stack([_row(held, int(place)) for place in asking])
        truth = self._exact(held).search(queries, _ASKED, n_threads=n_threads, among=held.named(others))[1]
        recall = 0.0
        for effort in _EFFORTS:
            found = held.named(
                graph.search(held.first, queries, _ASKED, effort, n_threads, None, None, held.added)[1]
            )
            recall = float((found[:, :, None] == truth[:, None, :]).any(axis=2).mean())
            if recall >= self.recall:
                break
        else:
            warnings.warn(
                f"The graph reached a recall of {recall:.3f} with effort {effort}, less than {self.recall}: "
                "give a larger degree or build_effort, or an exact algorithm.",
                stacklevel=5,
            )
        self._tuned, self.measured_recall = effort, recall

    # Showing it

    def trace(self, query: Rows, k: int = 1) -> dict[str, Any]:
        """What one query touched (see ``Index.trace``); ``nodes`` are the ids of the rows walked over."""
        distances, ids = self.search(query, k)
        graph, held = self._built(1)
        width = max(self._effort(), k)
        counts = graph.search(held.first, query, k, width, 1, None, held.alive, held.added)[2]
        walked = np.asarray(graph.trace(query, width), dtype=np.int64)
        path = held.named(walked[walked < held.n_places])  # others joined meanwhile
        return {
            "k": int(ids.shape[1]),
            "distances": distances[0].tolist(),
            "ids": ids[0].tolist(),
            "cells": [0],
            "cells_visited": 1,
            "n_cells": 1,
            "nodes": path.tolist(),
            "nodes_visited": int(path.size),
            "distances_counted": max(counts["estimated"], counts["exact"]),
            "distances_exact": counts["exact"],
        }

    def describe(self, *, parts: bool = False) -> dict[str, Any]:
        """What the index is made of (see ``Index.describe``).

        Without ``parts`` nothing is built for it. Further keys: ``degree``, ``effort``, ``recall`` (asked
        for), ``measured_recall`` (None until the graph is built, and where rows were too few to measure
        with), and with ``parts`` ``edges``.
        """
        held = self._now()
        description = {
            "kind": "hnsw",
            "metric": self.metric,
            "n_rows": held.n_rows,
            "n_removed": held.n_places - held.n_rows,
            "next_id": held.next_id,
            "n_columns": held.n_columns,
            "dtype": held.first.dtype.name,
            "n_cells": 1,
            "degree": self.degree,
            "effort": self._effort(),
            "recall": self.recall,
            "measured_recall": self.measured_recall,
            "row_bytes": held.row_bytes,
            "memory_bytes": self.memory_bytes,
        }
        if not parts:
            return description
        graph, held = self._built(1)
        state = graph.state()
        ends = state["links"].reshape(-1, self.degree)
        begins = np.repeat(np.arange(ends.shape[0]), self.degree).reshape(ends.shape)
        linked = (ends >= 0) & (state["dead"][begins] == 0)
        pairs = np.stack([begins[linked], ends[linked]], axis=1)
        return {
            **description,
            "cells": [{"rows": held.n_rows}],
            "edges": held.named(state["places"][pairs].ravel()).reshape(-1, 2),
        }

    # Keeping it

    def save(self) -> tuple[dict[str, Any], dict[str, Rows]]:
        """Settings and arrays, from which ``load`` makes the same index, graph and all.

        Where rows were removed, the graph is built anew over those that are left.
        """
        with self._changing:
            held = self._now()
            if held.n_places != held.n_rows or held.added is not None:
                self._state = held.together(), None
        graph, held = self._built(1)
        state = graph.state()
        settings = {
            "kind": "hnsw",
            "metric": self.metric,
            "n_columns": held.n_columns,
            "next_id": held.next_id,
            "recall": self.recall,
            "effort": self.effort,
            "tuned": self._tuned,
            "measured_recall": self.measured_recall,
            "degree": self.degree,
            "build_effort": self.build_effort,
            **{name: state[name] for name in _NUMBERS},
        }
        sections = {f"graph_{name}": state[name] for name in _ARRAYS}
        return settings, {**stored.sections_of(held.rows, held.stored_ids), **sections}

    @classmethod
    def load(cls, settings: dict[str, Any], sections: dict[str, Rows]) -> HNSWIndex:
        """The inverse of ``save``; rows may be memory-mapped and stay so, the graph is copied and checked."""
        options = {name: settings[name] for name in ("recall", "effort", "degree", "build_effort")}
        index = cls(settings["metric"], **options)
        tuned, measured = settings["tuned"], settings["measured_recall"]
        if not (tuned is None or (type(tuned) is int and 1 <= tuned <= 1 << 20)) or not (
            measured is None or (type(measured) is float and 0 <= measured <= 1)
        ):
            raise DataError("The stored graph's tuning is broken: an effort and a recall are expected.")
        index._tuned, index.measured_recall = tuned, measured
        n_columns = int(settings["n_columns"])
        rows = stored.rows_from(sections, n_columns)
        ids = stored.ids_from(sections, rows.shape[0], settings["next_id"])
        held = Held.of(rows, ids, int(settings["next_id"]))
        if np.asarray(sections["graph_places"]).shape != (rows.shape[0],):
            raise DataError(
                f"The stored graph is over another number of rows than the {rows.shape[0]} there are."
            )
        graph = index._new_graph(n_columns)
        state: dict[str, Any] = {name: np.ascontiguousarray(sections[f"graph_{name}"]) for name in _ARRAYS}
        try:
            graph.restore(**state, **{name: settings[name] for name in _NUMBERS})
        except (TypeError, ValueError) as error:
            raise DataError(f"The stored graph is broken: {error}.") from None
        index._state = held, graph
        return index

    def __copy__(self) -> HNSWIndex:
        """Rows are shared; the graph is copied, since it changes in place."""
        twin = type(self).__new__(type(self))
        with self._changing:
            twin.__dict__.update(self.__dict__, _changing=ChangeLock())
            if self._state is not None:
                held, graph = self._state
                twin._state = held, None if graph is None else self._restored(held, graph.state())
        return twin

    def __getstate__(self) -> dict[str, Any]:
        with self._changing:
            if self._state is None:
                return dict(self.__dict__)
            held, graph = self._state
            if held.added is not None or held.alive is not None:
                graph = None  # places will change: built again where it is needed
            kept = None if graph is None else graph.state()
            return {**self.__dict__, "_state": (held.alone(), kept), "_changing": ChangeLock()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._state is not None:
            held, kept = state["_state"]
            self._state = held, None if kept is None else self._restored(held, kept)

    def _restored(self, held: Held, kept: dict[str, Any]) -> Graph:
        graph = self._new_graph(held.n_columns)
        graph.restore(**kept)
        return graph


def _row(held: Held, place: int) -> Rows:
    n_first = held.first.shape[0]
    if place < n_first:
        row: Rows = held.first[place]
        return row
    assert held.added is not None
    added: Rows = held.added[place - n_first]
    return added
