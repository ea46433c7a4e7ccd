# SPDX-License-Identifier: Apache-2.0
"""X1 and X2: the native scan gives the reference's ids and distances, bit for bit, whatever the data."""

import numpy as np
import pytest

from kneighbors._native import pairwise_rows
from kneighbors.index import FlatIndex
from tests.reference import exact, rationals

METRICS = ("sqeuclidean", "euclidean", "inner_product", "cosine")
DTYPES = (np.float32, np.float64)
WIDTHS = (*range(1, 34), 63, 64, 65, 127, 128, 129, 384, 768, 1536, 2048)
N_ROWS, N_QUERIES, K = 1201, 50, 60
PAIRS = len(WIDTHS) * len(DTYPES) * len(METRICS) * N_QUERIES * K


def expected_of(queries, rows, k, metrics=METRICS):
    """The judge's answers, by metric; the squared sums are shared with the root."""
    answers = {}
    for metric in metrics:
        if metric == "euclidean" and "sqeuclidean" in answers:
            squares, ids = answers["sqeuclidean"]
            answers[metric] = np.sqrt(squares), ids
        else:
            answers[metric] = exact.neighbors(queries, rows, k, metric)
    return answers


def assert_exact(queries, rows, k, metrics=METRICS, n_threads=2):
    for metric, (distances, ids) in expected_of(queries, rows, k, metrics).items():
        found, places = FlatIndex(metric).fit(rows).search(queries, k, n_threads=n_threads)
        np.testing.assert_array_equal(places, ids, err_msg=metric)
        np.testing.assert_array_equal(found, distances, err_msg=metric)


def test_x1_compares_at_least_a_million_pairs():
    assert PAIRS >= 1_000_000


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_columns", WIDTHS)
def test_x1_every_width(n_columns, dtype):
    """Clustered rows, so that the screen has to work; some queries are rows themselves."""
    rng = np.random.default_rng(n_columns)
    centres = rng.normal(size=(12, n_columns)) * 3
    rows = (centres[rng.integers(0, 12, N_ROWS)] + rng.normal(size=(N_ROWS, n_columns))).astype(dtype)
    queries = (centres[rng.integers(0, 12, N_QUERIES)] + rng.normal(size=(N_QUERIES, n_columns))).astype(
        dtype
    )
    queries[::5] = rows[:: N_ROWS // 9][:10]
    assert_exact(queries, rows, K)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_columns", [1, 3, 16, 17, 33, 128, 129])
def test_x1_the_distance_to_itself_is_exactly_zero_and_none_is_negative(n_columns, dtype):
    rng = np.random.default_rng(n_columns)
    rows = (rng.normal(size=(300, n_columns)) + 100).astype(dtype)
    for metric in ("sqeuclidean", "euclidean", "cosine"):
        distances, ids = FlatIndex(metric).fit(rows).search(rows, 300)
        own = distances[ids == np.arange(300)[:, None]]
        assert own.shape == (300,)
        assert (own == 0.0).all()
        assert (distances >= 0.0).all()


@pytest.mark.parametrize("rows_dtype", DTYPES)
@pytest.mark.parametrize("queries_dtype", DTYPES)
def test_x1_queries_need_not_have_the_dtype_of_the_rows(rows_dtype, queries_dtype):
    rng = np.random.default_rng(8)
    rows, queries = (
        rng.normal(size=(500, 21)).astype(rows_dtype),
        rng.normal(size=(30, 21)).astype(queries_dtype),
    )
    assert_exact(queries, rows, 40)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 66, 127, 129, 1000])
def test_x1_every_row_count_around_a_panel(n_rows, dtype):
    rng = np.random.default_rng(n_rows)
    rows, queries = (rng.normal(size=(count, 10)).astype(dtype) for count in (n_rows, 7))
    for k in {1, min(3, n_rows), n_rows}:
        assert_exact(queries, rows, k)


@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product", "cosine"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_columns", [1, 5, 8, 16, 19])
def test_x1_against_exact_rationals(metric, dtype, n_columns):
    """The second judge shares no arithmetic with the first."""
    rng = np.random.default_rng(n_columns)
    rows, queries = (rng.normal(size=(count, n_columns)).astype(dtype) for count in (120, 4))
    distances, ids = FlatIndex(metric).fit(rows).search(queries, 30)
    assert rationals.violations(queries, rows, distances, ids, metric) == []


@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product", "cosine"])
def test_x1_pairwise_rows_sums_in_the_documented_order(metric):
    rng = np.random.default_rng(2)
    for n_columns in (1, 7, 8, 9, 40, 129):
        rows, queries = rng.normal(size=(90, n_columns)), rng.normal(size=(11, n_columns))
        np.testing.assert_array_equal(
            pairwise_rows(queries, rows, metric, 2), exact.pairwise(queries, rows, metric)
        )


# X2: data made to hurt. Each case says rows and queries for a dtype; ids and distances must be the judge's.


def shifted(offset):
    def make(rng, dtype):
        rows = rng.normal(size=(700, 24)) + offset
        return rows.astype(dtype), (rng.normal(size=(40, 24)) + offset).astype(dtype)

    return make


def scaled(scale):
    def make(rng, dtype):
        rows = rng.normal(size=(700, 24)) * scale
        return rows.astype(dtype), (rng.normal(size=(40, 24)) * scale).astype(dtype)

    return make


def denormal(rng, dtype):
    """Multiples of the smallest positive number; squares underflow and tie in float64."""
    smallest = np.finfo(dtype).smallest_subnormal
    integers = rng.integers(-1000, 1000, size=(740, 24))
    values = np.ldexp(integers.astype(np.float64), int(np.frexp(np.float64(smallest))[1]) - 1).astype(dtype)
    return values[:700], values[700:]


def near_ties(rng, dtype):
    """Rows that differ from one point by a few units in the last place of one coordinate."""
    base = rng.normal(size=24).astype(dtype)
    rows = np.tile(base, (700, 1))
    for row in rows:
        column = rng.integers(24)
        for _ in range(rng.integers(0, 4)):
            row[column] = np.nextafter(row[column], dtype(rng.choice([-9, 9])))
    return rows, np.concatenate([rows[:20], np.tile(base + dtype(1), (20, 1))])


def duplicates(rng, dtype):
    return np.tile(rng.normal(size=24).astype(dtype), (700, 1)), rng.normal(size=(40, 24)).astype(dtype)


def huge_coordinate(rng, dtype):
    rows, queries = shifted(0)(rng, dtype)
    huge = dtype(1e30 if dtype is np.float32 else 1e150)
    rows[:, 5] *= huge
    queries[:, 5] *= huge
    queries[::2, 5] = 0
    return rows, queries


def huge_common_coordinate(rng, dtype):
    rows, queries = shifted(0)(rng, dtype)
    rows[:, 5] = queries[:, 5] = dtype(3e38)
    return rows, queries


def one_row_larger(factor):
    def make(rng, dtype):
        rows, queries = shifted(0)(rng, dtype)
        rows[77] *= dtype(factor)
        queries[3] = rows[77]
        return rows, queries

    return make


def heavy_tails(rng, dtype):
    return (
        rng.standard_t(1, size=(700, 24)).astype(dtype),
        rng.standard_t(1, size=(40, 24)).astype(dtype),
    )


def zeros_among(rng, dtype):
    rows, queries = shifted(0)(rng, dtype)
    rows[::7], queries[::5] = 0, 0
    return rows, queries


def tight_clusters(rng, dtype):
    centres = rng.normal(size=(7, 24)) * 100
    rows = centres[rng.integers(0, 7, 700)] + rng.normal(size=(700, 24)) * 1e-6
    return rows.astype(dtype), (centres[rng.integers(0, 7, 40)] + 1e-6).astype(dtype)


def grid(rng, dtype):
    """Small integers: most distances tie."""
    return rng.integers(0, 2, size=(700, 24)).astype(dtype), rng.integers(0, 2, size=(40, 24)).astype(dtype)


CASES = {
    **{f"offset_{offset:g}": shifted(offset) for offset in (0, 10, 100, 1e3, 1e4, 1e6, -1e6)},
    **{f"scale_{scale:g}": scaled(scale) for scale in (1e-38, 1e-30, 1e-20, 1e-10, 1e10, 1e19, 1e20, 1e30)},
    "denormal": denormal,
    "near_ties": near_ties,
    "duplicates": duplicates,
    "huge_coordinate": huge_coordinate,
    "huge_common_coordinate": huge_common_coordinate,
    "one_row_x_1e4": one_row_larger(1e4),
    "one_row_x_1e30": one_row_larger(1e30),
    "heavy_tails": heavy_tails,
    "zeros_among": zeros_among,
    "tight_clusters": tight_clusters,
    "grid": grid,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_x2_adversarial_data(case, dtype):
    rows, queries = CASES[case](np.random.default_rng(1), dtype)
    assert np.isfinite(rows).all() and np.isfinite(queries).all()
    assert_exact(queries, rows, 30)
    assert_exact(queries[:1], rows, 1)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150, 1e154, 1e300])
def test_x2_float64_beyond_the_range_of_its_own_squares(scale):
    """Squares may underflow to zero or overflow to infinity: such distances tie, and the lower id wins."""
    rows, queries = scaled(scale)(np.random.default_rng(1), np.float64)
    metrics = METRICS if scale < 1e153 else ("sqeuclidean", "euclidean", "cosine")  # inf - inf has no order
    assert_exact(queries, rows, 30, metrics)


@pytest.mark.parametrize("case", ["offset_1e+06", "near_ties", "denormal", "scale_1e+30", "one_row_x_1e30"])
@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product", "cosine"])
def test_x2_against_exact_rationals(case, metric):
    rows, queries = CASES[case](np.random.default_rng(1), np.float32)
    rows, queries = rows[:120], queries[[0, 3, -1]]
    distances, ids = FlatIndex(metric).fit(rows).search(queries, 30)
    assert rationals.violations(queries, rows, distances, ids, metric) == []


@pytest.mark.parametrize("offset", [100, 1000])
def test_x2_the_offset_that_breaks_a_norms_trick(offset):
    """d = 384 and 400 queries: where faiss's matrix product keeps 0.97 and 0.09 of the true neighbours."""
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(2000, 384)) + offset).astype(np.float32)
    distances, ids = FlatIndex("sqeuclidean").fit(rows).search(rows[:400], 10, n_threads=2)
    expected, places = exact.neighbors(rows[:400:10], rows, 10, "sqeuclidean")
    np.testing.assert_array_equal(ids[::10], places)
    np.testing.assert_array_equal(distances[::10], expected)
    assert (ids[:, 0] == np.arange(400)).all() and (distances[:, 0] == 0).all()
