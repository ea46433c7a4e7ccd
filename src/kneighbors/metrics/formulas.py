# SPDX-License-Identifier: Apache-2.0
"""The formulas, by whomever they are computed, and what is estimated from the rows.

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
    "inverse",
    "means",
    "reduced_angles",
    "scipy_distances",
    "tile_distances",
    "variances",
    "widened",
]

Distances = NDArray[np.float64]

BOOLEAN = frozenset({"dice", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule"})
ZERO_BY_ZERO = {"dice": 0.0, "sokalsneath": 0.0, "braycurtis": 0.0, "cosine": 1.0, "correlation": 1.0}
_BLOCK_BYTES = 8 << 20
_LARGEST_ANGLE = 2.0**20  # what the core's sine takes
_PI_BITS = 1200


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


def tile_distances(
    tile: tuple[str, float, Distances | None], queries: NDArray[Any], rows: NDArray[Any], n_threads: int
) -> Distances:
    """The native core's distances, in the documented summation order (docs/algorithms/metric-scan.md)."""
    from .._native import measure_rows

    name, power, weights = tile
    queries, rows = widened(queries), widened(rows)
    if name == "haversine":
        queries, rows = reduced_angles(queries), reduced_angles(rows)
    return measure_rows(queries, rows, name, power, weights, n_threads)


def reduced_angles(points: NDArray[Any]) -> NDArray[Any]:
    """Angles beyond 2**20 less whole turns, correctly rounded; the array itself where there are none.

    Turns are taken off with as many digits of pi as the largest float64 needs.
    """
    large = np.abs(points) > _LARGEST_ANGLE
    if not large.any():
        return points
    reduced = points.astype(np.float64)
    turn = 2 * _pi_scaled(_PI_BITS)
    for row, column in np.argwhere(large):
        numerator, denominator = float(reduced[row, column]).as_integer_ratio()
        scaled = (numerator << _PI_BITS) // denominator  # exact: a float64 this large is a multiple of 2**-32
        rest = (scaled + turn // 2) % turn - turn // 2
        reduced[row, column] = rest / (1 << _PI_BITS)  # Python rounds the quotient of integers correctly
    return reduced


def _pi_scaled(bits: int) -> int:
    """pi 2**bits, rounded down or one less: Machin's formula in integers."""
    guard = 32

    def arctangent_of_inverse(n: int) -> int:
        term = (1 << (bits + guard)) // n
        total, sign, k = term, -1, 3
        while term:
            term //= n * n
            total += sign * (term // k)
            sign, k = -sign, k + 2
        return total

    return (16 * arctangent_of_inverse(5) - 4 * arctangent_of_inverse(239)) >> guard


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


def means(rows: Any) -> Distances:
    """Mean of each column; exactly its value for a constant column."""
    # Offsets from the first row are averaged, not the values: a constant column has exactly its own mean.
    blocks = _blocks(rows)
    first = next(_blocks(rows))[0].copy()
    total = np.zeros(rows.shape[1])
    for block in blocks:
        total += (block - first).sum(axis=0)
    mean: Distances = first + total / rows.shape[0]
    return mean


def _centred_blocks(rows: Any) -> Iterator[Distances]:
    """The rows less their mean, a float64 block at a time: two passes, so that nothing cancels."""
    mean = means(rows)
    for block in _blocks(rows):
        yield block - mean


def _blocks(rows: Any) -> Iterator[Distances]:
    """The rows, dense and float64, a block at a time."""
    step = max(1, _BLOCK_BYTES // (8 * max(1, rows.shape[1])))

    for start in range(0, rows.shape[0], step):
        part = rows[start : start + step]
        yield widened(part.toarray() if hasattr(part, "toarray") else part)
