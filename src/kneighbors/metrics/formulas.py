# SPDX-License-Identifier: Apache-2.0
"""The formulas that scipy does not have, and what is estimated from the rows.

Each value depends on its query and its row alone, in a fixed order of operations: blocks never change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

__all__ = [
    "covariance",
    "distance_metric_distances",
    "function_distances",
    "haversine_distances",
    "inverse",
    "nan_euclidean_distances",
    "scipy_distances",
    "variances",
    "widened",
]

Distances = NDArray[np.float64]

BOOLEAN = frozenset({"dice", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule"})
ZERO_BY_ZERO = {"dice": 0.0, "sokalsneath": 0.0, "braycurtis": 0.0, "cosine": 1.0, "correlation": 1.0}
_BLOCK_BYTES = 8 << 20


def widened(rows: Any) -> Distances:
    """C-contiguous float64; the array itself where it is that already."""
    return np.ascontiguousarray(rows, dtype=np.float64)


def scipy_distances(
    formula: str, arguments: Mapping[str, Any], queries: NDArray[Any], rows: NDArray[Any]
) -> Distances:
    """scipy's formula; metrics of sets see which entries are not zero."""
    from scipy.spatial.distance import cdist

    kind = np.bool_ if formula in BOOLEAN else np.float64
    values: Distances = cdist(
        np.ascontiguousarray(queries, dtype=kind),
        np.ascontiguousarray(rows, dtype=kind),
        metric=formula,
        **arguments,
    )
    if formula in ZERO_BY_ZERO:
        np.copyto(values, ZERO_BY_ZERO[formula], where=np.isnan(values))
    return values


def function_distances(
    function: Callable[..., float], arguments: Mapping[str, Any], queries: Any, rows: Any
) -> Distances:
    """A user's function, pair by pair: it sees one-dimensional rows, or one-row matrices of sparse data."""

    def row_of(array: Any, place: int) -> Any:
        return array[[place], :] if hasattr(array, "toarray") else array[place]

    values = np.empty((queries.shape[0], rows.shape[0]))
    row_list = [row_of(rows, j) for j in range(rows.shape[0])]
    for i in range(queries.shape[0]):
        query = row_of(queries, i)
        for j, row in enumerate(row_list):
            values[i, j] = function(query, row, **arguments)
    return values


def distance_metric_distances(metric: Any, queries: NDArray[Any], rows: NDArray[Any]) -> Distances:
    """A ``sklearn.metrics.DistanceMetric`` of either precision."""
    kind = np.float32 if type(metric).__name__.endswith("32") else np.float64
    values = metric.pairwise(np.ascontiguousarray(queries, kind), np.ascontiguousarray(rows, kind))
    return widened(values)


def haversine_distances(queries: NDArray[Any], rows: NDArray[Any]) -> Distances:
    """Angle between points given as (latitude, longitude), all in radians."""
    from sklearn.metrics.pairwise import haversine_distances as angles

    return widened(angles(widened(queries), widened(rows)))


def nan_euclidean_distances(queries: NDArray[Any], rows: NDArray[Any]) -> Distances:
    """Euclidean over the coordinates known on both sides, scaled up to all of them (Dixon, 1979).

    Differences are squared, never expanded into norms, so nothing cancels (scikit-learn's issue 9354).
    """
    queries, rows = widened(queries), widened(rows)
    squares = np.zeros((queries.shape[0], rows.shape[0]))
    known = np.zeros(squares.shape, dtype=np.int64)
    for column in range(rows.shape[1]):
        difference = queries[:, column, None] - rows[None, :, column]
        present = ~np.isnan(difference)
        known += present
        np.square(difference, out=difference)
        np.add(squares, difference, out=squares, where=present)
    with np.errstate(divide="ignore", invalid="ignore"):
        distances: Distances = np.sqrt(squares * (rows.shape[1] / known))
    return distances


def inverse(matrix: Distances, what: str) -> Distances:
    """The inverse of a covariance, or a ParameterError that says why there is none."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ParameterError(f"{what} must be a square matrix; its shape is {matrix.shape}.")
    if not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix, hermitian=True) < matrix.shape[0]:
        raise ParameterError(
            f"{what} ({matrix.shape[0]} x {matrix.shape[0]}) has no inverse: columns depend on each other, "
            "or there are too few rows. Give metric_params={'VI': matrix}, or reduce the columns first."
        )
    return np.ascontiguousarray(np.linalg.inv(matrix))


def covariance(rows: Any) -> Distances:
    """Covariance of the columns, n - 1 in the denominator."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for block in _centred_blocks(rows):
        total += block.T @ block
    total /= max(1, rows.shape[0] - 1)
    return total


def variances(rows: Any) -> Distances:
    """Variance of each column, n - 1 in the denominator; exactly 0 for a constant column."""
    total = np.zeros(rows.shape[1])
    for block in _centred_blocks(rows):
        total += np.square(block).sum(axis=0)
    total /= max(1, rows.shape[0] - 1)
    return total


def _centred_blocks(rows: Any) -> Iterator[Distances]:
    """The rows less their mean, a float64 block at a time: two passes, so that nothing cancels."""
    step = max(1, _BLOCK_BYTES // (8 * max(1, rows.shape[1])))

    def block(start: int) -> Distances:
        part = rows[start : start + step]
        return widened(part.toarray() if hasattr(part, "toarray") else part)

    # Offsets from the first row are averaged, not the values: a constant column has exactly its own mean.
    first = block(0)[0].copy()
    total = np.zeros(rows.shape[1])
    for start in range(0, rows.shape[0], step):
        total += (block(start) - first).sum(axis=0)
    mean = first + total / rows.shape[0]
    for start in range(0, rows.shape[0], step):
        yield block(start) - mean
