# SPDX-License-Identifier: Apache-2.0
"""The slow, obvious judge of metrics that are no dot product: definitions of docs/algorithms/metric-scan.md.

Sums run in the documented order (``exact._sums``), so that the metrics made of additions, products and single
divisions come out bit for bit. Those that need a power, a root of one, or a sine are judged to a tolerance.
"""

from __future__ import annotations

import numpy as np

from tests.reference import exact

BIT_FOR_BIT = (
    "manhattan",
    "chebyshev",
    "hamming",
    "canberra",
    "braycurtis",
    "nan_euclidean",
    "jaccard",
    "dice",
    "rogerstanimoto",
    "russellrao",
    "sokalsneath",
)


def pairwise(queries, rows, name, p=0.0, weights=None):
    """All distances, float64 (n_queries, n_rows), in the metric's unit."""
    queries, rows = (np.asarray(array).astype(np.float64) for array in (queries, rows))
    with np.errstate(all="ignore"):
        return _MEASURES[name](queries, rows, p, weights)


def _apart(queries, rows, p, weights):
    return exact._sums(queries, rows, lambda q, x: np.abs(q - x))


def _largest(queries, rows, p, weights):
    return np.abs(queries[:, None] - rows[None]).max(axis=2)


def _minkowski(queries, rows, p, weights):
    differences = np.abs(queries[:, None] - rows[None])
    weights = np.ones(rows.shape[1]) if weights is None else np.asarray(weights)
    differences = np.where(weights > 0, differences, 0.0)
    largest = differences.max(axis=2, keepdims=True)
    scaled = np.divide(differences, largest, where=largest > 0, out=np.zeros_like(differences))
    return largest[:, :, 0] * (weights * scaled**p).sum(axis=2) ** (1 / p)


def _hamming(queries, rows, p, weights):
    return (queries[:, None] != rows[None]).sum(axis=2) / rows.shape[1]


def _canberra(queries, rows, p, weights):
    def term(q, x):
        size = np.abs(q) + np.abs(x)
        return np.where(size > 0, np.abs(q - x) / size, 0.0)

    return exact._sums(queries, rows, term)


def _bray_curtis(queries, rows, p, weights):
    apart = _apart(queries, rows, p, weights)
    together = exact._sums(queries, rows, lambda q, x: np.abs(q + x))
    return np.where(apart == 0, 0.0, apart / together)


def _nan_euclidean(queries, rows, p, weights):
    squares = exact._sums(queries, rows, lambda q, x: np.nan_to_num(np.square(q - x), nan=0.0, posinf=np.inf))
    known = (~np.isnan(queries))[:, None] & (~np.isnan(rows))[None]
    return np.sqrt(squares * (rows.shape[1] / known.sum(axis=2)))


def _haversine(queries, rows, p, weights):
    north = np.sin((queries[:, None, 0] - rows[None, :, 0]) / 2) ** 2
    east = np.sin((queries[:, None, 1] - rows[None, :, 1]) / 2) ** 2
    square = north + np.cos(queries[:, None, 0]) * np.cos(rows[None, :, 0]) * east
    return 2 * np.arcsin(np.sqrt(np.clip(square, 0, 1)))


def _of_sets(distance):
    def measure(queries, rows, p, weights):
        queries, rows = (queries != 0)[:, None], (rows != 0)[None]
        common, differing = (queries & rows).sum(axis=2), (queries ^ rows).sum(axis=2)
        numerator, denominator = distance(common, differing, rows.shape[2])
        return np.where(denominator > 0, numerator / denominator, 0.0)

    return measure


_MEASURES = {
    "manhattan": _apart,
    "chebyshev": _largest,
    "minkowski": _minkowski,
    "hamming": _hamming,
    "canberra": _canberra,
    "braycurtis": _bray_curtis,
    "nan_euclidean": _nan_euclidean,
    "haversine": _haversine,
    "jaccard": _of_sets(lambda common, differing, n: (differing, common + differing)),
    "dice": _of_sets(lambda common, differing, n: (differing, 2 * common + differing)),
    "rogerstanimoto": _of_sets(lambda common, differing, n: (2 * differing, n + differing)),
    "russellrao": _of_sets(lambda common, differing, n: (n - common, np.full_like(common, n))),
    "sokalsneath": _of_sets(lambda common, differing, n: (2 * differing, common + 2 * differing)),
}
