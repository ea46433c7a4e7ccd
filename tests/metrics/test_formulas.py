# SPDX-License-Identifier: Apache-2.0
"""Every formula against scipy's and scikit-learn's own functions, and against the reference sums."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import DistanceMetric, pairwise_distances
from sklearn.metrics.pairwise import nan_euclidean_distances

from kneighbors.metrics import NAMES, resolve
from tests.reference import exact

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(60, 5))
QUERIES = RNG.normal(size=(9, 5))
BINARY = (RNG.random((60, 9)) < 0.5).astype(np.float64)
BINARY_QUERIES = (RNG.random((8, 9)) < 0.5).astype(np.float64)
BOOLEAN = ("dice", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule")
W = np.array([1.0, 0.5, 2.0, 0.0, 3.0])
COVARIANCE = np.cov(ROWS.T)


@pytest.mark.parametrize(
    ("name", "p", "params", "scipy_name", "scipy_params"),
    [
        ("manhattan", 2, {}, "cityblock", {}),
        ("l1", 2, {}, "cityblock", {}),
        ("chebyshev", 2, {}, "chebyshev", {}),
        ("infinity", 2, {}, "chebyshev", {}),
        ("minkowski", 3, {}, "minkowski", {"p": 3}),
        ("minkowski", 0.5, {}, "minkowski", {"p": 0.5}),
        ("minkowski", 3, {"w": W}, "minkowski", {"p": 3, "w": W}),
        ("minkowski", np.inf, {"w": W}, "minkowski", {"p": np.inf, "w": W}),
        ("p", None, {"p": 4}, "minkowski", {"p": 4}),
        ("canberra", 2, {}, "canberra", {}),
        ("braycurtis", 2, {}, "braycurtis", {}),
        ("correlation", 2, {}, "correlation", {}),
        ("hamming", 2, {}, "hamming", {}),
        ("euclidean", 2, {"w": W}, "euclidean", {"w": W}),
        ("sqeuclidean", 2, {"w": W}, "sqeuclidean", {"w": W}),
        ("seuclidean", 2, {"V": W + 1}, "seuclidean", {"V": W + 1}),
        ("mahalanobis", 2, {"VI": COVARIANCE}, "mahalanobis", {"VI": COVARIANCE}),
        ("mahalanobis", 2, {"V": COVARIANCE}, "mahalanobis", {"VI": np.linalg.inv(COVARIANCE)}),
    ],
)
def test_equals_scipy(name, p, params, scipy_name, scipy_params):
    ours = resolve(name, p, params, rows=ROWS).pairwise(QUERIES, ROWS)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, cdist(QUERIES, ROWS, scipy_name, **scipy_params), rtol=1e-14)


@pytest.mark.parametrize("name", [*BOOLEAN, "sokalmichener"])
def test_boolean_metrics_see_only_zero_or_not(name):
    metric = resolve(name)
    assert metric.takes_booleans
    ours = metric.pairwise(BINARY_QUERIES * 7.5, BINARY * -3.0)
    np.testing.assert_array_equal(ours, metric.pairwise(BINARY_QUERIES, BINARY))
    if name != "yule":
        theirs = DistanceMetric.get_metric(name).pairwise(BINARY_QUERIES, BINARY)
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    else:
        np.testing.assert_array_equal(ours, cdist(BINARY_QUERIES != 0, BINARY != 0, "yule"))


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "inner_product", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_native_metrics_are_the_reference_sums_bit_for_bit(metric, dtype):
    ours = resolve(metric).pairwise(QUERIES.astype(dtype), ROWS.astype(dtype))
    expected = exact.pairwise(QUERIES.astype(dtype), ROWS.astype(dtype), metric)
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
def test_native_metrics_agree_with_scipy_too(metric):
    np.testing.assert_allclose(
        resolve(metric).pairwise(QUERIES, ROWS), cdist(QUERIES, ROWS, metric), rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in ("pyfunc", "precomputed", "inner_product", "jensenshannon")]
)
def test_agrees_with_scikit_learns_pairwise_distances(name):
    rows, queries = (BINARY, BINARY_QUERIES) if name in (*BOOLEAN, "sokalmichener") else (ROWS, QUERIES)
    if name == "haversine":
        rows, queries = rows[:, :2], queries[:, :2]
    params = {"seuclidean": {"V": W + 1}, "mahalanobis": {"VI": np.linalg.inv(COVARIANCE)}}.get(name, {})
    ours = resolve(name, 2, params, rows=rows).pairwise(queries, rows)
    if name in ("infinity", "p", "sokalmichener"):  # names of scikit-learn's trees only
        theirs = DistanceMetric.get_metric(name).pairwise(queries, rows)
    elif name in BOOLEAN:
        theirs = pairwise_distances(queries != 0, rows != 0, metric=name)
    else:
        theirs = pairwise_distances(queries, rows, metric=name, **params)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_nan_euclidean_equals_scikit_learn_and_does_not_cancel():
    rows, queries = ROWS.copy(), QUERIES.copy()
    rows[RNG.random(rows.shape) < 0.3] = np.nan
    queries[RNG.random(queries.shape) < 0.2] = np.nan
    metric = resolve("nan_euclidean")
    np.testing.assert_allclose(
        metric.pairwise(queries, rows), nan_euclidean_distances(queries, rows), rtol=1e-9
    )
    far = 2.0**26
    integers = np.round(rows * 8), np.round(queries * 8)
    np.testing.assert_array_equal(
        metric.pairwise(integers[1] + far, integers[0] + far), metric.pairwise(integers[1], integers[0])
    )


def test_nan_euclidean_without_nan_is_euclidean():
    np.testing.assert_allclose(
        resolve("nan_euclidean").pairwise(QUERIES, ROWS), cdist(QUERIES, ROWS), rtol=1e-14
    )


def test_nan_euclidean_without_a_common_coordinate_is_nan():
    assert np.isnan(resolve("nan_euclidean").pairwise([[np.nan, 1.0]], [[1.0, np.nan]])[0, 0])


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("dice", [0, 0], [0, 0], 0.0),
        ("sokalsneath", [0, 0], [0, 0], 0.0),
        ("jaccard", [0, 0], [0, 0], 0.0),
        ("braycurtis", [0, 0], [0, 0], 0.0),
        ("canberra", [0, 0], [0, 0], 0.0),
        ("cosine", [0, 0], [0, 0], 1.0),
        ("cosine", [0, 0], [3, 4], 1.0),
        ("correlation", [2, 2], [3, 4], 1.0),
    ],
)
def test_zero_by_zero_has_one_documented_answer(name, left, right, expected):
    """R30: a zero vector has a distance, not NaN, 0 or 1e21."""
    assert resolve(name).pairwise([np.float64(left)], [np.float64(right)])[0, 0] == expected


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("pyfunc", "precomputed")])
def test_blocks_never_change_a_value(name):
    rows, queries = (BINARY, BINARY_QUERIES) if name in BOOLEAN else (ROWS, QUERIES)
    if name == "haversine":
        rows, queries = rows[:, :2], queries[:, :2]
    if name == "jensenshannon":
        rows, queries = np.abs(rows), np.abs(queries)
    metric = resolve(name, rows=rows)
    whole = metric.pairwise(queries, rows)
    for step in (1, 3, 7):
        parts = [metric.pairwise(queries, rows[i : i + step]) for i in range(0, len(rows), step)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
        parts = [metric.pairwise(queries[i : i + step], rows) for i in range(0, len(queries), step)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("name", ["manhattan", "jaccard", "mahalanobis", "euclidean"])
def test_float32_is_widened_not_rounded(name):
    rows, queries = ROWS.astype(np.float32), QUERIES.astype(np.float32)
    metric = resolve(name, rows=rows)
    np.testing.assert_array_equal(
        metric.pairwise(queries, rows), metric.pairwise(queries.astype(np.float64), rows.astype(np.float64))
    )
