# SPDX-License-Identifier: Apache-2.0
"""Bugs other libraries had, held here as tests named after the row that lists them."""

import numpy as np
import pytest

from kneighbors.errors import DataError, DataTypeError, KneighborsError, ParameterError
from kneighbors.index import BlockIndex, FlatIndex
from tests.reference import exact

METRICS = ("sqeuclidean", "euclidean", "inner_product", "cosine")
DTYPES = (np.float32, np.float64)
RNG = np.random.default_rng(99)
ROWS = RNG.normal(size=(400, 20))
QUERIES = RNG.normal(size=(30, 20))
EVERY_BATCH = (1, 2, 7, 19, 20, 21, 22, 64, 1000)


def assert_exact(index, rows, queries, k, metric, **arguments):
    distances, ids = index.search(queries, k, **arguments)
    expected, places = exact.neighbors(queries, rows, k, metric)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_array_equal(distances, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("constant", [16.0, 1024.0, 2.0**20])
@pytest.mark.parametrize("n_queries", [1, 30])
def test_r21_adding_a_constant_changes_no_neighbour(dtype, constant, n_queries):
    """Values are eighths, so that adding the constant is exact in either precision."""
    rows, queries = (np.round(array * 8).astype(dtype) / 8 for array in (ROWS, QUERIES[:n_queries]))
    if dtype is np.float32:
        rows, queries = np.round(rows), np.round(queries)
    before = FlatIndex("sqeuclidean").fit(rows).search(queries, 50)
    shift = dtype(constant)
    after = FlatIndex("sqeuclidean").fit(rows + shift).search(queries + shift, 50)
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(after[0], before[0])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("width", [1, 3, 12, 44, 108])
def test_r22_zero_columns_change_no_neighbour(metric, width):
    before = FlatIndex(metric).fit(ROWS).search(QUERIES, 50)
    rows, queries = (np.pad(array, ((0, 0), (0, width))) for array in (ROWS, QUERIES))
    after = FlatIndex(metric).fit(rows).search(queries, 50)
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(after[0], before[0])


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cosine"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_r23_no_distance_is_negative_at_any_batch_size(metric, dtype):
    """Rows far from the origin and close to each other, where norms less a product go below zero."""
    rows = (1000 + ROWS * 1e-3).astype(dtype)
    index = FlatIndex(metric).fit(rows)
    whole = index.search(rows, 30)
    assert (whole[0] >= 0).all()
    for size in EVERY_BATCH[:-1]:
        distances, ids = index.search(rows[:size], 30)
        np.testing.assert_array_equal(ids, whole[1][:size])
        np.testing.assert_array_equal(distances, whole[0][:size])


@pytest.mark.parametrize("offset", [0, 1e2, 1e4, 1e6])
def test_r24_float32_rows_are_not_measured_by_a_float32_norms_trick(offset):
    rows = (ROWS + offset).astype(np.float32)
    assert_exact(FlatIndex("euclidean").fit(rows), rows, rows[:30], 40, "euclidean")
    distances, ids = FlatIndex("euclidean").fit(rows).search(rows, 2)
    different = (rows != rows[ids[:, 1]]).any(axis=1)
    assert (distances[:, 0] == 0).all()
    assert (distances[different, 1] > 0).all()


def test_r25_squared_and_root_are_what_their_names_say():
    """On numbers other than 0 and 1, where a root too many or too few does not show."""
    rows, query = np.array([[3.0, 4.0], [6.0, 8.0], [0.3, 0.4]]), np.zeros((1, 2))
    assert FlatIndex("euclidean").fit(rows).search(query, 3)[0].tolist() == [[0.5, 5.0, 10.0]]
    assert FlatIndex("sqeuclidean").fit(rows).search(query, 3)[0].tolist() == [[0.25, 25.0, 100.0]]
    assert FlatIndex("euclidean").fit(rows).search_radius(query, 5.0)[2].tolist() == [2, 0]
    assert FlatIndex("sqeuclidean").fit(rows).search_radius(query, 5.0)[2].tolist() == [2]
    assert BlockIndex("euclidean").fit(rows).search(query, 3)[0].tolist() == [[0.5, 5.0, 10.0]]
    assert BlockIndex("sqeuclidean").fit(rows).search(query, 3)[0].tolist() == [[0.25, 25.0, 100.0]]
    assert BlockIndex("euclidean").fit(rows).search_radius(query, 5.0)[2].tolist() == [2, 0]
    assert FlatIndex("inner_product").fit(rows).search(rows[:1], 3)[0].tolist() == [[-50.0, -25.0, -2.5]]


@pytest.mark.parametrize("kind", [FlatIndex, BlockIndex])
@pytest.mark.parametrize("n_queries", (0, *EVERY_BATCH))
def test_r26_an_index_without_rows_refuses_every_batch(kind, n_queries):
    index = kind("euclidean").fit(ROWS)
    index.remove(np.arange(400))
    with pytest.raises(ParameterError, match="holds no rows"):
        index.search(np.zeros((n_queries, 20)), 1)
    with pytest.raises(ParameterError, match="holds no rows"):
        index.search_radius(np.zeros((n_queries, 20)), 1.0)
    with pytest.raises(DataError, match="has no rows"):
        kind("euclidean").fit(ROWS[:0])
    assert index.add(ROWS[:3]).tolist() == [400, 401, 402]  # and it can be filled again
    assert index.search(ROWS[:1], 1)[1].tolist() == [[400]]


@pytest.mark.parametrize("metric", METRICS)
def test_r27_float16_is_never_narrowed_to_and_the_ends_of_float32_keep_their_neighbours(metric):
    with pytest.raises(DataTypeError, match="float16"):
        FlatIndex(metric).fit(ROWS.astype(np.float16))
    rows = (ROWS * 1e37).astype(np.float32)
    queries = (QUERIES * 1e37).astype(np.float32)
    assert np.isfinite(rows).all()
    assert_exact(FlatIndex(metric).fit(rows), rows, queries, 50, metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_r28_add_after_first_search(metric, dtype):
    """Whatever was worked out for the first search does not outlive a change."""
    rows, queries = ROWS.astype(dtype), QUERIES.astype(dtype)
    index = FlatIndex(metric).fit(rows[:100])
    index.search(queries, 5)
    index.add(rows[100:101])
    assert_exact(index, rows[:101], queries, 101, metric)
    index.add(rows[101:] * 1000)
    grown = np.concatenate([rows[:101], rows[101:] * 1000])
    assert_exact(index, grown, queries, 60, metric)
    index.remove(np.arange(300))
    distances, places = exact.neighbors(queries, grown[300:], 40, metric)
    found, ids = index.search(queries, 40)
    np.testing.assert_array_equal(ids, places + 300)
    np.testing.assert_array_equal(found, distances)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 10, 399, 400])
def test_r29_ids_are_unique_in_every_answer(metric, k):
    rows = np.concatenate([ROWS[:200], ROWS[:200]])
    index = FlatIndex(metric).fit(rows)
    for n_queries in (1, 20, 30):
        _, ids = index.search(rows[:n_queries], k, n_threads=2)
        assert (np.diff(np.sort(ids, axis=1), axis=1) > 0).all()
        offsets, _, found = index.search_radius(rows[:n_queries], np.inf)
        assert (np.diff(offsets) == 400).all()
        assert all(len(set(found[i : i + 400])) == 400 for i in offsets[:-1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_r30_a_zero_vector_is_at_cosine_distance_one(dtype):
    rows = np.array([[0, 0], [1, 0], [-1, 0], [0, 0], [0, 2]], dtype=dtype)
    queries = np.array([[3, 0], [0, 0]], dtype=dtype)
    distances, ids = FlatIndex("cosine").fit(rows).search(queries, 5)
    assert ids.tolist() == [[1, 0, 3, 4, 2], [0, 1, 2, 3, 4]]
    assert distances.tolist() == [[0, 1, 1, 1, 2], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize("metric", METRICS)
def test_r31_no_sentinel_leaves_the_core(metric):
    """Not at the ends of the number range, where a distance may be infinite, nor anywhere else."""
    for scale in (1e-300, 1.0, 1e140, 1e300):
        if metric == "inner_product" and scale > 1e150:
            continue  # the difference of two infinities has no order
        _, ids = FlatIndex(metric).fit(ROWS * scale).search(QUERIES * scale, 400)
        np.testing.assert_array_equal(np.sort(ids, axis=1), np.tile(np.arange(400), (30, 1)))


@pytest.mark.parametrize("kind", [FlatIndex, BlockIndex])
def test_r32_more_neighbours_than_rows(kind):
    index = kind("euclidean").fit(ROWS[:10])
    own = np.arange(10)
    assert index.search(QUERIES, 10)[1].shape == (30, 10)
    assert index.search(ROWS[:10], 9, exclude=own)[1].shape == (10, 9)
    for n_queries in EVERY_BATCH[:6]:
        with pytest.raises(ParameterError, match=r"n_neighbors = 11, n_samples_fit = 10.*10 rows may answer"):
            index.search(QUERIES[:n_queries], 11)
    with pytest.raises(ParameterError, match=r"Expected n_neighbors < n_samples_fit.*9 rows may answer"):
        index.search(ROWS[:10], 10, exclude=own)
    index.remove([2, 3])
    assert index.search(QUERIES, 8)[1].shape == (30, 8)
    with pytest.raises(ParameterError, match="n_neighbors = 9, n_samples_fit = 8"):
        index.search(QUERIES, 9)
    with pytest.raises(ParameterError, match="n_neighbors = 100, n_samples_fit = 8"):
        index.search(QUERIES[:0], 100)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 2, 5, 50, 399])
def test_r33_the_top_k_does_not_depend_on_k(metric, k):
    rows, queries = np.round(ROWS), np.round(QUERIES)
    index = FlatIndex(metric).fit(rows)
    everything = index.search(queries, 400)
    distances, ids = index.search(queries, k)
    np.testing.assert_array_equal(ids, everything[1][:, :k])
    np.testing.assert_array_equal(distances, everything[0][:, :k])


@pytest.mark.parametrize("kind", [FlatIndex, BlockIndex])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_r35_a_value_that_is_not_finite_is_refused_before_anything_changes(kind, wrong):
    broken = ROWS.copy()
    broken[17, 3] = broken[200, 0] = wrong
    index = kind("euclidean").fit(ROWS)
    before = index.search(QUERIES, 5)
    for attempt in (index.fit, index.add, lambda array: index.search(array, 5)):
        with pytest.raises(DataError, match=r"row 17, column 3 \(2 such values\)") as caught:
            attempt(broken)
        assert (caught.value.row, caught.value.column) == (17, 3)
    after = index.search(QUERIES, 5)
    assert index.n_rows == 400
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(after[0], before[0])


def test_the_largest_finite_values_are_finite():
    rows = np.array([[3.4e38, -3.4e38], [3.4e38, 3.4e38], [0, 0]], dtype=np.float32)
    assert FlatIndex("euclidean").fit(rows).search(rows, 3)[1].tolist() == [[0, 2, 1], [1, 2, 0], [2, 0, 1]]
    assert issubclass(DataError, KneighborsError)
