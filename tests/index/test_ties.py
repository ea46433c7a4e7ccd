# SPDX-License-Identifier: Apache-2.0
"""X4 and R33: equal distances go to the lower row id, and the top k is a prefix of the top k + 1."""

import numpy as np
import pytest

from kneighbors.index import BlockIndex, FlatIndex
from tests.reference import exact

METRICS = ("sqeuclidean", "euclidean", "inner_product", "cosine")
N_SETS = 10_000


def tie_heavy_sets(count):
    """Rows and queries on a tiny grid: nearly every distance ties."""
    rng = np.random.default_rng(44)
    for number in range(count):
        n_rows, n_columns = int(rng.integers(2, 40)), int(rng.integers(1, 4))
        dtype = np.float32 if number % 2 else np.float64
        points = rng.integers(-1, 2, size=(n_rows + 2, n_columns)).astype(dtype)
        yield number, points[2:], points[:2], int(rng.integers(1, n_rows))


def test_x4_the_lower_id_wins_and_the_top_k_is_a_prefix_of_the_top_k_plus_one():
    for number, rows, queries, k in tie_heavy_sets(N_SETS):
        metric = METRICS[number % 4]
        index = FlatIndex(metric).fit(rows)
        n_threads = (1, 2, 4, 8)[number // 4 % 4]
        distances, ids = index.search(queries, k, n_threads=n_threads)
        more_distances, more_ids = index.search(queries, k + 1, n_threads=n_threads)
        values = exact.pairwise(queries, rows, "sqeuclidean" if metric == "euclidean" else metric)
        expected = np.argsort(values, axis=1, kind="stable")
        assert (ids == expected[:, :k]).all(), (number, metric, k)
        assert (more_ids == expected[:, : k + 1]).all(), (number, metric, k)
        assert (more_distances[:, :k] == distances).all()


def test_x4_blocks_of_any_size_break_ties_alike():
    for number, rows, queries, k in tie_heavy_sets(600):
        metric = ("manhattan", "chebyshev", "hamming", "canberra", "nan_euclidean")[number % 5]
        index = BlockIndex(metric).fit(rows)
        index.block_bytes = 8 * (1 + number % 50)
        distances, ids = index.search(queries, k, n_threads=1 + number % 3)
        values = index.measure.pairwise(queries, rows)
        expected = np.argsort(values, axis=1, kind="stable")[:, :k]
        assert (ids == expected).all(), (number, metric, k)
        assert (distances == np.take_along_axis(values, expected, axis=1)).all()


@pytest.mark.parametrize("k", [1, 2, 3, 8, 100, 999, 1000])
@pytest.mark.parametrize("metric", METRICS)
def test_r33_a_thousand_equal_rows_answer_in_the_order_of_their_ids(metric, k):
    rows = np.tile(np.array([[3.0, 4.0, 5.0]]), (1000, 1))
    for n_threads in (1, 8):
        for n_queries in (1, 25):
            queries = np.tile([[1.0, 2.0, 3.0]], (n_queries, 1))
            _, ids = FlatIndex(metric).fit(rows).search(queries, k, n_threads=n_threads)
            assert (ids == np.arange(k)).all()


def test_x4_euclidean_is_ordered_by_the_squares_whose_roots_may_tie():
    """Two squares that differ by one unit in the last place have one root: the smaller square still leads."""
    rows = np.array([[np.sqrt(2.0), 0.0], [1.0, 1.0]])
    query = np.zeros((1, 2))
    squares = exact.pairwise(query, rows, "sqeuclidean")[0]
    assert squares[0] > squares[1] and np.sqrt(squares[0]) == np.sqrt(squares[1])
    distances, ids = FlatIndex("euclidean").fit(rows).search(query, 2)
    assert ids.tolist() == [[1, 0]]
    assert distances[0, 0] == distances[0, 1]
