# SPDX-License-Identifier: Apache-2.0
"""The slow, obvious judge of exact search: every distance in the documented summation order, then a sort.

Summation order: values are widened to float64. Eight lanes; lane l adds, in increasing j, the terms of the
elements j with j % 8 == l, starting from +0.0 (each term is rounded before it is added). Then
t[i] = lane[i] + lane[i + 4], u[i] = t[i] + t[i + 2], and the sum is u[0] + u[1].

=============  ========================================================================================
sqeuclidean    the sum of (q_j - x_j) ** 2
euclidean      ordered as sqeuclidean; the square root of the sum is reported
manhattan      the sum of |q_j - x_j|
chebyshev      the largest |q_j - x_j|
inner_product  minus the sum of q_j * x_j
cosine         each vector is scaled by the power of two that brings its largest entry into [0.5, 1); then
               1 - clip(q.x / sqrt(q.q * x.x), -1, 1); 1 if either vector is all zeros
=============  ========================================================================================
"""

from __future__ import annotations

import numpy as np

LANES = 8


def pairwise(queries, rows, metric):
    """All distances, float64 (n_queries, n_rows); squared for "sqeuclidean", root for "euclidean"."""
    queries, rows = (np.asarray(array).astype(np.float64) for array in (queries, rows))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if metric == "euclidean":
            return np.sqrt(pairwise(queries, rows, "sqeuclidean"))
        if metric == "sqeuclidean":
            return _sums(queries, rows, lambda q, x: np.square(q - x))
        if metric == "manhattan":
            return _sums(queries, rows, lambda q, x: np.abs(q - x))
        if metric == "chebyshev":
            return np.abs(queries[:, None, :] - rows[None, :, :]).max(axis=2)
        if metric == "inner_product":
            return -_sums(queries, rows, np.multiply)
        if metric == "cosine":
            queries, rows = _scaled(queries), _scaled(rows)
            dots = _sums(queries, rows, np.multiply)
            squares = _own_sums(queries)[:, None] * _own_sums(rows)[None, :]
            with np.errstate(divide="ignore"):
                cosines = dots / np.sqrt(squares)
            zero = ~queries.any(axis=1)[:, None] | ~rows.any(axis=1)[None, :]
            return np.where(zero, 1.0, 1.0 - np.clip(cosines, -1.0, 1.0))
    raise ValueError(metric)


def neighbors(queries, rows, k, metric, exclude=None):
    """Distances and ids of the k nearest rows, each (n_queries, k), by a full sort on (value, row id)."""
    order_metric = "sqeuclidean" if metric == "euclidean" else metric
    values = pairwise(queries, rows, order_metric)
    distances, ids = nearest(values, k, exclude)
    return (np.sqrt(distances) if metric == "euclidean" else distances), ids


def nearest(values, k, exclude=None):
    """The k smallest values of each line and their places, by a full sort on (value, place)."""
    lines, places = np.indices(values.shape)
    absent = np.zeros(values.shape, dtype=bool)
    if exclude is not None:
        absent = places == np.asarray(exclude)[:, None]
    order = np.lexsort((places.ravel(), values.ravel(), absent.ravel(), lines.ravel()))
    ids = places.ravel()[order].reshape(values.shape)[:, :k]
    return np.take_along_axis(values, ids, axis=1), ids


def _sums(queries, rows, term):
    """Sums of term(q, x) over the columns, in the documented order, for every query and row."""
    n_columns = queries.shape[1]
    groups = -(-n_columns // LANES)
    # Zero padding adds +0.0 to lanes that started from +0.0: it changes nothing, as the order says.
    padding = ((0, 0), (0, groups * LANES - n_columns))
    query_lanes = np.pad(queries, padding).reshape(len(queries), groups, LANES)
    row_lanes = np.ascontiguousarray(np.pad(rows, padding).T).reshape(groups, LANES, len(rows))
    sums = np.empty((len(queries), len(rows)))
    for i, query in enumerate(query_lanes):
        lanes = np.zeros((LANES, len(rows)))
        for group in range(groups):
            lanes += term(query[group][:, None], row_lanes[group])
        sums[i] = _tree(lanes)
    return sums


def _own_sums(rows):
    """The sum of each row's squares, in the documented order."""
    groups = -(-rows.shape[1] // LANES)
    padded = np.pad(rows, ((0, 0), (0, groups * LANES - rows.shape[1])))
    lanes = np.zeros((LANES, len(rows)))
    for group in range(groups):
        lanes += np.square(padded[:, group * LANES : (group + 1) * LANES].T)
    return _tree(lanes)


def _tree(lanes):
    four = lanes[:4] + lanes[4:]
    two = four[:2] + four[2:]
    return two[0] + two[1]


def _scaled(rows):
    """Each row times the power of two that brings its largest entry into [0.5, 1); zero rows as they are."""
    _, exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))
    return np.ldexp(rows, -exponents[:, None])
