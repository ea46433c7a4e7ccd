# SPDX-License-Identifier: Apache-2.0
"""Search: queries take the way the rows took, and the index finds their neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import vote
from ..errors import ParameterError
from ..index import checks
from ..model import Model

__all__ = [
    "ROUNDING",
    "asked",
    "batches_within",
    "check_k",
    "neighbors",
    "neighbors_within",
    "places_among",
    "search",
    "weighted_search",
]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

ROUNDING = 2.0**-40  # sums of weights such as 0.1 miss their exact value by a little
_FOUND_AT_ONCE = 1 << 21  # neighbours within a radius, 16 MiB of distances and as much of places
_ASKED_AT_ONCE = 4096


def neighbors(
    model: Model, queries: Any | None, k: int, *, among: Any = None, n_threads: int = 1
) -> tuple[Floats, Ids]:
    """The k nearest kept rows of each query, weights aside: distances and ids of shape (n_queries, k).

    ``queries`` None is leave-one-out: each kept row asks, and its own id does not answer. ``among`` says
    which rows may answer: booleans, one for each row ever given, or ids; None: all.
    """
    check_k(model, queries, k, model.n_kept)
    rows, own = asked(model, queries, n_threads)
    distances, places = model.index.search(
        rows, k, n_threads=n_threads, exclude=own, among=places_among(model, among)
    )
    return distances, model.ids(places)


def neighbors_within(
    model: Model, queries: Any | None, radius: float, *, among: Any = None, n_threads: int = 1
) -> tuple[NDArray[np.int64], Floats, Ids]:
    """All kept rows within ``radius`` of each query: offsets (n_queries + 1), distances and ids, nearest
    first.
    """
    rows, own = asked(model, queries, n_threads)
    offsets, distances, places = model.index.search_radius(
        rows, radius, n_threads=n_threads, exclude=own, among=places_among(model, among)
    )
    return offsets, distances, model.ids(places)


def places_among(model: Model, among: Any) -> Any:
    """``among`` in terms of places: rows that were not kept, or were removed, are passed over."""
    if among is None or model.row_ids is None:
        return among
    places = checks.places_of(checks.among_ids(among, model.n_rows_seen), model.row_ids, model.n_kept)
    return places[places >= 0]


def check_k(model: Model, queries: Any | None, k: int, limit: float, own: float = 1.0) -> None:
    """Refuse a k that cannot be reached: the query does, fit never does. ``own`` is what leave-one-out
    leaves out.
    """
    leave_one_out = queries is None
    if k * (1.0 - ROUNDING) > limit - own * leave_one_out:
        n_queries = model.n_kept if queries is None else queries.shape[0]
        sign = "<" if leave_one_out else "<="
        raise ParameterError(
            f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {k}, n_samples_fit = "
            f"{limit:.15g}, n_samples = {n_queries}. Ask for fewer neighbours, or fit more rows."
        )


def asked(model: Model, queries: Any | None, n_threads: int = 1) -> tuple[Any, Ids | None]:
    """The rows that ask, scaled and reduced, and in leave-one-out the place of each among the kept rows,
    which it must not get as an answer.
    """
    if queries is None:
        return model.rows, np.arange(model.n_kept, dtype=np.int64)
    if model.metric.formula == "precomputed":
        return (queries if model.row_ids is None else queries[:, model.row_ids]), None
    if hasattr(queries, "toarray") and not model.is_sparse:
        queries = queries.toarray()  # sparse rows take dense and sparse queries, dense rows dense ones
    return model.prepare(queries, n_threads), None


def search(model: Model, rows: Any, own: Ids | None, k: int, n_threads: int) -> tuple[Floats, Ids]:
    """Distances and places among the kept rows, of shape (n_queries, k), for what ``asked`` gives."""
    return model.index.search(rows, k, n_threads=n_threads, exclude=own)


def batches_within(
    model: Model, queries: Any | None, radius: float, n_threads: int, *, own: bool = False
) -> Iterator[tuple[int, NDArray[np.int64], Floats, Ids]]:
    """As ``neighbors_within``, some queries at a time: first query, offsets, distances, places.

    A batch is as large as its answer may be, judged by the batch before. With ``own``, leave-one-out does
    not leave out the row that asks.
    """
    rows, places_asking = asked(model, queries, n_threads)
    n_queries, start, size = int(rows.shape[0]), 0, max(1, min(64, _FOUND_AT_ONCE // model.n_kept))
    while start < n_queries:
        stop = min(n_queries, start + size)
        offsets, distances, places = model.index.search_radius(
            rows[start:stop],
            radius,
            n_threads=n_threads,
            exclude=None if places_asking is None or own else places_asking[start:stop],
        )
        yield start, offsets, distances, places
        each = max(1, int(offsets[-1]) // (stop - start))
        size = max(1, min(_ASKED_AT_ONCE, 4 * size, _FOUND_AT_ONCE // each))
        start = stop


def weighted_search(
    model: Model, rows: Any, own: Ids | None, k: int, n_threads: int, n_least: int = 0
) -> tuple[Floats, Ids, Floats]:
    """Distances, places and weights of rows that make up a weight of k, at least ``n_least`` of them, for
    what ``asked`` gives.

    In leave-one-out a row asks as one of its copies: it may answer itself with its weight less 1.
    """
    assert model.sample_weight is not None
    typical = float(np.mean(np.minimum(model.sample_weight, k)))
    width = min(model.n_kept, max(int(np.ceil(k / typical)) + 2, n_least))
    while True:
        distances, places = model.index.search(rows, width, n_threads=n_threads)
        available = model.sample_weight[places]
        if own is not None:
            available = vote.without_own(available, places == own[:, None])
        if vote.take_shares(available, k)[1].all() or width == model.n_kept:
            return distances, places, available
        width = min(model.n_kept, 2 * width)
