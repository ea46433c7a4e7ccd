# SPDX-License-Identifier: Apache-2.0
"""Metrics in tiles of their own: the judge's answers on every instruction set, batch, number of threads."""

import json
import pickle

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.exceptions import NotFittedError

from kneighbors import _native
from kneighbors.errors import DataError, ParameterError
from kneighbors.index import BlockIndex, Index, MetricIndex, load_index
from kneighbors.metrics import resolve
from tests.reference import exact, measures

RNG = np.random.default_rng(17)
N_ROWS, N_COLUMNS, K = 1300, 21, 9
W = np.where(np.arange(N_COLUMNS) % 5 == 2, 0.0, RNG.random(N_COLUMNS) * 3)
SETS = ("jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath")
POWERS = (0.5, 1.5, 3, 4, 7, 40.5)


def near(n_rows):
    """Far from zero, with ties: what makes a careless screen wrong."""
    return np.round(RNG.normal(size=(n_rows, N_COLUMNS)) * 3, 2) + 50


def with_holes(n_rows):
    rows = near(n_rows)
    rows[RNG.random(rows.shape) < 0.3] = np.nan
    rows[::50] = np.nan
    rows[::50, 0] = 50.0
    return rows


def around_zero(n_rows):
    rows = np.round(RNG.normal(size=(n_rows, N_COLUMNS)), 2)
    rows[RNG.random(rows.shape) < 0.1] = 0.0
    rows[7 % n_rows] = 0.0
    return rows


def categories(n_rows):
    return RNG.integers(0, 5, (n_rows, N_COLUMNS)).astype(np.float64)


def bits(n_rows):
    rows = (RNG.random((n_rows, N_COLUMNS)) < 0.4).astype(np.float64)
    rows[3 % n_rows] = 0.0
    return rows


def places(n_rows):
    return np.round((RNG.random((n_rows, 2)) - 0.5) * [np.pi, 2 * np.pi], 3)


# name, p, weights, what makes rows
CASES = {
    "manhattan": ("manhattan", None, None, near),
    "chebyshev": ("chebyshev", None, None, near),
    **{f"minkowski {p}": ("minkowski", p, None, near) for p in POWERS},
    "minkowski 3, weights": ("minkowski", 3, W, near),
    "minkowski 1.5, weights": ("minkowski", 1.5, W, near),
    "euclidean, weights": ("euclidean", None, W, near),
    "manhattan, weights": ("manhattan", None, W, near),
    "canberra": ("canberra", None, None, around_zero),
    "braycurtis": ("braycurtis", None, None, around_zero),
    "hamming": ("hamming", None, None, categories),
    "hamming of bits": ("hamming", None, None, bits),
    "nan_euclidean": ("nan_euclidean", None, None, with_holes),
    "haversine": ("haversine", None, None, places),
    **{name: (name, None, None, bits) for name in SETS},
}


def metric_of(case):
    name, p, weights, _ = CASES[case]
    params = {} if weights is None else {"w": weights}
    if p is not None:
        params["p"] = p
    return resolve(name, None, params)


def judged(case, queries, rows):
    name, p, weights, _ = CASES[case]
    if weights is not None and name != "minkowski":
        name, p = "minkowski", {"euclidean": 2, "manhattan": 1}[name]
    return name, measures.pairwise(queries, rows, name, p, weights)


@pytest.fixture(scope="module", params=CASES)
def problem(request):
    """Case, rows with copies of others, queries of which some are rows, and every distance."""
    make = CASES[request.param][3]
    rows = make(N_ROWS)
    rows[-60:] = rows[:60]
    queries = np.concatenate([rows[:25], make(16)])
    distances = metric_of(request.param).pairwise(queries, rows)
    name, expected = judged(request.param, queries, rows)
    if name in measures.BIT_FOR_BIT:
        np.testing.assert_array_equal(distances, expected)
    else:
        np.testing.assert_allclose(distances, expected, rtol=2e-13, atol=1e-15)
    return request.param, rows, queries, distances


def assert_answers(answer, expected):
    np.testing.assert_array_equal(answer[1], expected[1])
    np.testing.assert_array_equal(answer[0], expected[0])


def test_x5_every_metric_on_every_instruction_set(problem, instruction_set):
    """X1, X5: the judge's order, bit for bit, whatever the set, the threads and the batch."""
    case, rows, queries, distances = problem
    np.testing.assert_array_equal(metric_of(case).pairwise(queries, rows), distances)
    index = MetricIndex(metric_of(case)).fit(rows)
    assert isinstance(index, Index)
    for k in (1, K, 200):
        expected = exact.nearest(distances, k)
        for n_threads, size in ((1, 41), (2, 41), (4, 1), (1, 7)):
            for start in range(0, 41, size):
                answer = index.search(queries[start : start + size], k, n_threads=n_threads)
                assert_answers(answer, tuple(part[start : start + size] for part in expected))


def test_x4_every_row_at_once_and_one_left_out(problem):
    case, rows, queries, distances = problem
    index = MetricIndex(metric_of(case)).fit(rows)
    assert_answers(index.search(queries, N_ROWS), exact.nearest(distances, N_ROWS))
    own = np.where(np.arange(len(queries)) < 25, np.arange(len(queries)), -1)
    assert_answers(index.search(queries, 12, exclude=own), exact.nearest(distances, 12, own))
    some = np.flatnonzero(RNG.random(N_ROWS) < 0.3)
    values, found = exact.nearest(distances[:, some], 12)
    assert_answers(index.search(queries, 12, among=some), (values, some[found]))


def test_radius(problem):
    case, rows, queries, distances = problem
    index = MetricIndex(metric_of(case)).fit(rows)
    for radius in (0.0, float(np.nanpercentile(distances, 3)), np.inf):
        offsets, values, ids = index.search_radius(queries, radius, n_threads=2)
        for line in range(len(queries)):
            inside = np.flatnonzero(distances[line] <= radius)
            order = inside[np.argsort(distances[line, inside], kind="stable")]
            np.testing.assert_array_equal(ids[offsets[line] : offsets[line + 1]], order)
            np.testing.assert_array_equal(values[offsets[line] : offsets[line + 1]], distances[line, order])


def test_float32_rows_are_exact_in_their_own_precision(problem):
    case, rows, queries, _ = problem
    narrow, asked = rows.astype(np.float32), queries.astype(np.float32)
    distances = metric_of(case).pairwise(asked, narrow)
    np.testing.assert_array_equal(distances, metric_of(case).pairwise(asked, narrow.astype(np.float64)))
    index = MetricIndex(metric_of(case)).fit(narrow)
    assert_answers(index.search(asked, K), exact.nearest(distances, K))
    assert_answers(index.search(asked.astype(np.float64), K), exact.nearest(distances, K))


def test_added_and_removed_rows_and_a_saved_model(problem):
    case, rows, queries, distances = problem
    index = MetricIndex(metric_of(case)).fit(rows[:1000])
    index.search(queries, 3)
    assert index.add(rows[1000:]).tolist() == list(range(1000, N_ROWS))
    assert_answers(index.search(queries, K), exact.nearest(distances, K))
    index.remove(np.arange(0, N_ROWS, 3))
    kept = np.setdiff1d(np.arange(N_ROWS), np.arange(0, N_ROWS, 3))
    values, found = exact.nearest(distances[:, kept], K)
    settings, sections = index.save()
    for array in sections.values():
        array.flags.writeable = False
    loaded = load_index(json.loads(json.dumps(settings, allow_nan=False)), sections)
    assert isinstance(loaded, MetricIndex)
    for one in (index, loaded, pickle.loads(pickle.dumps(index))):
        assert_answers(one.search(queries, K), (values, kept[found]))
        assert one.add(rows[:1]).tolist() == [N_ROWS]


def test_blocks_have_the_same_bits(problem):
    case, rows, queries, _ = problem
    blocks = BlockIndex(metric_of(case)).fit(rows)
    assert_answers(blocks.search(queries, K), MetricIndex(metric_of(case)).fit(rows).search(queries, K))


@pytest.mark.parametrize("screen", ["int8", "float32"])
@pytest.mark.parametrize("scale", [2.0**-700, 1e-30, 1.0, 1e30, 2.0**900])
def test_manhattan_at_any_scale_with_wild_rows(screen, scale):
    rows = RNG.normal(size=(3000, 12))
    rows[::100] *= 1e4
    rows[5] *= 1e30
    rows[:, 3] *= 1e3
    rows, queries = rows * scale, RNG.normal(size=(10, 12)) * scale
    queries[0] *= 1e30
    distances = measures.pairwise(queries, rows, "manhattan")
    scan = _native.MetricScan(rows, "manhattan", screen=screen)
    assert_answers(scan.search(queries, K), exact.nearest(distances, K))


@pytest.mark.parametrize("name", ["manhattan", "chebyshev", "minkowski", "braycurtis", "canberra"])
def test_rows_an_ulp_apart_keep_their_order(name):
    """The screen sees them as one; the float64 distance does not."""
    base = RNG.normal(size=17) + 3
    rows = np.repeat(base[None], 800, axis=0)
    for _ in range(3):
        place = (np.arange(800), RNG.integers(0, 17, 800))
        rows[place] = np.nextafter(rows[place], np.inf * RNG.choice([-1, 1], 800))
    queries = np.concatenate([base[None], rows[:5], base[None] + 1e-9])
    metric = resolve(name, 3)
    distances = metric.pairwise(queries, rows)
    assert_answers(MetricIndex(metric).fit(rows).search(queries, 50), exact.nearest(distances, 50))


def test_r30_zero_vectors_and_empty_sets_have_a_distance():
    zero, one = np.zeros((1, 6)), np.ones((1, 6))
    for name, between in (("braycurtis", 1.0), ("canberra", 6.0), ("jaccard", 1.0), ("dice", 1.0)):
        distances, ids = MetricIndex(name).fit(np.concatenate([one, zero])).search(zero, 2)
        assert distances.tolist() == [[0.0, between]] and ids.tolist() == [[1, 0]]


def test_nan_euclidean_orders_what_is_not_a_number_last():
    rows = np.array([[np.nan, 1.0], [0.0, np.nan], [np.nan, 5.0], [2.0, np.nan], [1.0, 1.0]])
    queries = np.array([[0.5, np.nan], [np.nan, 2.0]])
    index = MetricIndex("nan_euclidean").fit(rows)
    distances, ids = index.search(queries, 5)
    assert ids.tolist() == [[1, 4, 3, 0, 2], [0, 4, 2, 1, 3]]
    assert np.isnan(distances[:, 3:]).all() and not np.isnan(distances[:, :3]).any()
    assert index.search_radius(queries, np.inf)[0].tolist() == [0, 3, 6]


def test_powers_never_overflow():
    """sum(|difference| ** 200) would be infinite; the distance is not."""
    rows = RNG.normal(size=(500, 8)) * 1e5
    distances, _ = MetricIndex(resolve("minkowski", 200)).fit(rows).search(rows[:5], 3)
    assert np.isfinite(distances).all()
    far = MetricIndex(resolve("minkowski", 200)).fit(rows).search(rows[:5], 500)[0][:, -1]
    np.testing.assert_allclose(far, cdist(rows[:5], rows, "chebyshev").max(axis=1), rtol=0.02)


def test_haversine_takes_any_angle():
    """Beyond 2**20 whole turns are taken off with all the digits of pi that it takes."""
    points = places(300)
    turned = points.copy()
    turned[::2, 1] += 2 * np.pi * 3
    expected = measures.pairwise(points[:9], points, "haversine")
    distances, _ = MetricIndex("haversine").fit(turned).search(points[:9], 300)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1), atol=1e-9)
    huge = np.array([[0.3, 1e22], [0.3, -(2.0**60)], [0.0, 0.0]])
    expected = measures.pairwise(np.array([[0.3, 0.0]]), huge, "haversine")  # libm reduces exactly too
    found, _ = MetricIndex("haversine").fit(huge).search(np.array([[0.3, 0.0]]), 3)
    np.testing.assert_allclose(found, np.sort(expected, axis=1), atol=1e-9)


# Rows moved once

COVARIANCE = np.cov(RNG.normal(size=(60, 6)).T)
WHITENED = {
    "mahalanobis": ("mahalanobis", {}),
    "mahalanobis, V": ("mahalanobis", {"V": COVARIANCE}),
    "mahalanobis, VI": ("mahalanobis", {"VI": COVARIANCE}),
    "mahalanobis, singular VI": ("mahalanobis", {"VI": np.diag([1.0, 2.0, 0.0, 3.0, 0.0, 1.0])}),
    "seuclidean": ("seuclidean", {}),
    "seuclidean, V": ("seuclidean", {"V": np.arange(1.0, 7.0)}),
}


@pytest.mark.parametrize("case", WHITENED)
def test_whitened_metrics_agree_with_scipy(case):
    name, params = WHITENED[case]
    rows = RNG.normal(size=(900, 6)) @ RNG.normal(size=(6, 6)) + 100
    rows[450:480] = rows[:30]
    queries = np.concatenate([rows[:20], RNG.normal(size=(10, 6)) + 100])
    index = MetricIndex(resolve(name, None, params)).fit(rows)
    arguments = {k: v for k, v in index.measure.arguments.items() if k in ("V", "VI")}
    expected = cdist(queries, rows, name, **arguments)
    distances, ids = index.search(queries, 25, n_threads=2)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :25], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.take_along_axis(expected, ids, axis=1), distances, rtol=1e-9, atol=1e-12)
    assert (distances[:20, 0] == 0).all()  # a row is at distance exactly 0 from itself and its copy
    assert ids[:20, :2].tolist() == [[i, i + 450] for i in range(20)]
    radius = float(distances[3, 10])
    offsets, _, inside = index.search_radius(queries[3:4], radius)
    assert inside.tolist() == ids[3, : offsets[1]].tolist() and offsets[1] >= 11
    settings, sections = index.save()
    loaded = load_index(json.loads(json.dumps(settings)), sections)
    index.add(rows[:5] + 0.5)
    loaded.add(rows[:5] + 0.5)
    index.remove([2])
    loaded.remove([2])
    assert_answers(loaded.search(queries, 30), index.search(queries, 30))
    assert 900 in index.search(rows[:1] + 0.5, 1)[1]


def test_whitening_is_the_same_under_every_instruction_set(instruction_set):
    rows = np.random.default_rng(5).normal(size=(400, 6))
    index = MetricIndex("mahalanobis").fit(rows)
    before = index.search(rows[:30], 9)
    for other in _native.instruction_sets():
        _native.set_instruction_set(other)
        settings, sections = index.save()
        assert_answers(load_index(settings, sections).search(rows[:30], 9), before)
    _native.set_instruction_set(instruction_set)


def test_an_inverse_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="eigenvalue -1"):
        MetricIndex(resolve("mahalanobis", None, {"VI": np.diag([1.0, -1.0])})).fit(np.eye(2))


def test_a_broken_whitening_is_refused_at_load():
    settings, sections = MetricIndex("seuclidean").fit(RNG.normal(size=(9, 3))).save()
    for wrong in (np.ones(2), np.full(3, np.nan), np.ones(3, np.float32)):
        with pytest.raises(DataError, match="stored whitening"):
            load_index(settings, {**sections, "whitening_factor": wrong})


def test_values_that_overflow_when_moved_are_refused_and_nothing_changes():
    index = MetricIndex(resolve("seuclidean", None, {"V": [1e-300, 1.0]})).fit(RNG.normal(size=(9, 2)))
    with pytest.raises(DataError, match="too large"):
        index.add(np.full((1, 2), 1e300))
    assert index.n_rows == 9
    with pytest.raises(DataError, match="too large"):
        index.search(np.full((1, 2), 1e300), 1)


# Refusals


@pytest.mark.parametrize("name", ["euclidean", "cosine", "correlation", "yule", "precomputed"])
def test_a_metric_without_tiles_is_refused(name):
    with pytest.raises(ParameterError, match="no tiles of its own"):
        MetricIndex(name)


def test_questions_before_fit():
    with pytest.raises(NotFittedError):
        MetricIndex().search(np.zeros((1, 2)), 1)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_r35_values_that_are_no_numbers_are_refused_before_anything_changes(wrong):
    index = MetricIndex("manhattan").fit(near(20))
    rows = near(3)
    rows[1, 2] = wrong
    with pytest.raises(DataError, match="row 1, column 2"):
        index.add(rows)
    with pytest.raises(DataError, match="row 1, column 2"):
        index.search(rows, 1)
    assert index.n_rows == 20


def test_the_core_refuses_what_it_cannot_measure():
    rows = near(30)
    for arguments, message in (
        (("minkowski", 0.0), "finite power above 0"),
        (("minkowski", 3.0, np.ones(4)), "4 weights were given for 21"),
        (("manhattan", 0.0, np.ones(N_COLUMNS)), "takes no weights"),
        (("haversine",), "needs two columns"),
        (("correlation",), "has no tile"),
        (("jaccard", 0.0, None, 1, "float32"), "does not serve"),
        (("chebyshev", 0.0, None, 1, "int8"), "does not serve"),
        (("manhattan", 0.0, None, 0), "n_threads"),
    ):
        with pytest.raises(ValueError, match=message):
            _native.MetricScan(rows, *arguments)
    holed = with_holes(30)
    with pytest.raises(ValueError, match="column"):
        _native.MetricScan(holed, "manhattan")
    scan = _native.MetricScan(rows, "manhattan")
    for wrong, message in (((rows, 31), "were asked of"), ((rows[:, :4].copy(), 1), "columns")):
        with pytest.raises(ValueError, match=message):
            scan.search(*wrong)
    with pytest.raises(ValueError, match="words"):
        scan.search(rows, 1, 1, None, np.zeros(3, np.uint64))
    with pytest.raises(ValueError, match="radius is NaN"):
        scan.search_radius(rows, np.nan)


# What the screen is for


@pytest.mark.parametrize("case", ["manhattan", "chebyshev", "minkowski 3", "canberra", "hamming of bits"])
def test_few_rows_are_measured_exactly(case):
    """A screen that kept everything would still be right, and useless."""
    rows = np.random.default_rng(0).normal(size=(20_000, N_COLUMNS))
    rows = (rows > 0).astype(np.float64) if CASES[case][3] is bits else rows
    index = MetricIndex(metric_of(case)).fit(rows)
    assert index.trace(rows[:1], 10)["distances_exact"] < 1000


def test_one_wild_row_or_column_does_not_spoil_the_screen():
    rows = np.random.default_rng(0).normal(size=(20_000, N_COLUMNS))
    rows[17] *= 1e4
    for metric in ("manhattan", resolve("minkowski", 3)):
        assert MetricIndex(metric).fit(rows).trace(rows[:1], 10)["distances_exact"] < 1000
    rows[:, 3] *= 100
    assert MetricIndex("manhattan").fit(rows).trace(rows[:1], 10)["distances_exact"] < 1000


def test_describe_and_memory():
    index = MetricIndex("manhattan").fit(near(500))
    assert index.describe()["kind"] == "measured" and index.describe(parts=True)["cells"] == [{"rows": 500}]
    stated = index.memory_bytes
    index.search(near(2), 1)
    assert index.memory_bytes == stated < index.rows.nbytes / 2
