# SPDX-License-Identifier: Apache-2.0
"""The slow judge: float64 distances (L2 by differences), and how much of an answer is right by them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["kth_distances", "overlap", "right_share"]

# Two float64 sums of the same squares in different orders differ by far less than this.
TOLERANCE = 1e-12


def squared_distances(query: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float64]:
    """Squared Euclidean distances from one query to all rows, as sums of squared float64 differences."""
    difference = rows.astype(np.float64, copy=False) - query.astype(np.float64)
    return np.asarray(np.einsum("ij,ij->i", difference, difference))


def distances_of(query: NDArray[Any], rows: NDArray[Any], metric: str) -> NDArray[np.float64]:
    """From one query to all rows: squared Euclidean, minus the inner product, or minus the cosine."""
    if metric == "sqeuclidean":
        return squared_distances(query, rows)
    wide, one = rows.astype(np.float64, copy=False), query.astype(np.float64)
    products = wide @ one
    if metric == "cosine":
        products = products / (np.linalg.norm(wide, axis=1) * np.linalg.norm(one))
    return np.asarray(-products)


def kth_distances(
    queries: NDArray[Any], rows: NDArray[Any], k: int, metric: str = "sqeuclidean"
) -> NDArray[np.float64]:
    """The k smallest distances of each query, ascending, of shape (n_queries, k).

    Every row is measured by differences, without any shortcut that would have to be trusted: about 2 s per
    thousand million numbers.
    """
    nearest = np.full((len(queries), k), np.inf)
    block = max(1, 1_000_000 // rows.shape[1])  # 8 MB of float64: stays in cache while all queries pass
    for start in range(0, len(rows), block):
        part = rows[start : start + block].astype(np.float64)
        for number, query in enumerate(queries):
            both = np.concatenate([nearest[number], distances_of(query, part, metric)])
            nearest[number] = np.partition(both, k - 1)[:k]
    return np.sort(nearest, axis=1)


def right_share(
    ids: NDArray[Any],
    nearest: NDArray[np.float64],
    queries: NDArray[Any],
    rows: NDArray[Any],
    metric: str = "sqeuclidean",
) -> float:
    """Share of the k places of each query that are filled by a row that belongs there.

    A row belongs if its float64 distance is at most the k-th smallest, so any choice among tied rows is
    right; an id named twice counts once, and one that is no row counts as wrong.
    """
    right = 0
    for answer, query, distances in zip(ids, queries, nearest, strict=True):
        distinct = np.unique(answer)
        distinct = distinct[(distinct >= 0) & (distinct < len(rows))]
        if len(distinct):
            measured = distances_of(query, rows[distinct], metric)
            limit = distances[len(answer) - 1]
            right += int(np.count_nonzero(measured <= limit + abs(limit) * TOLERANCE))
    return right / ids.size


def overlap(ids: NDArray[Any], others: NDArray[Any]) -> float:
    """Share of the ids of each row of ``ids`` that the same row of ``others`` names too."""
    shared = sum(len(np.intersect1d(a, b)) for a, b in zip(ids, others, strict=True))
    return shared / ids.size
