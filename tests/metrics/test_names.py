# SPDX-License-Identifier: Apache-2.0
"""Names, arguments and their checks: what scikit-learn accepts is accepted, and means the same."""

import numpy as np
import pytest
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import VALID_METRICS, NearestNeighbors

from kneighbors.errors import DataError, ParameterError, ParameterTypeError
from kneighbors.metrics import NAMES, Metric, resolve

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(40, 3))


def test_every_name_scikit_learn_takes_is_known():
    wanted = set().union(*VALID_METRICS.values())
    assert wanted - set(NAMES) == set()


@pytest.mark.parametrize(
    ("metric", "p", "params"),
    [
        ("minkowski", 1, None),
        ("minkowski", 2, None),
        ("minkowski", np.inf, None),
        ("minkowski", 3, None),
        ("minkowski", 1.5, {"w": [1.0, 2.0, 3.0]}),
        ("minkowski", 2, {"w": [1.0, 2.0, 3.0]}),
        ("euclidean", 2, None),
        ("l2", 2, None),
        ("cityblock", 2, None),
        ("chebyshev", 2, None),
        ("cosine", 2, None),
        ("seuclidean", 2, {"V": [1.0, 2.0, 3.0]}),
    ],
)
def test_effective_name_and_params_are_scikit_learns(metric, p, params):
    theirs = NearestNeighbors(metric=metric, p=p, metric_params=params, algorithm="brute").fit(ROWS)
    ours = resolve(metric, p, params)
    assert ours.effective == ours.name == theirs.effective_metric_
    assert ours.params.keys() == theirs.effective_metric_params_.keys()
    for key, value in theirs.effective_metric_params_.items():
        np.testing.assert_array_equal(ours.params[key], value)


def test_p_in_metric_params_wins_and_warns():
    with pytest.warns(SyntaxWarning, match="Parameter p is found in metric_params"):
        assert resolve("minkowski", 2, {"p": 1}).name == "manhattan"
    assert resolve("minkowski", None, {"p": 3}).arguments == {"p": 3}


def test_no_p_means_two():
    assert resolve("minkowski", None).name == "euclidean"


@pytest.mark.parametrize(
    ("wrong", "closest"),
    [
        ("euclidian", "euclidean"),
        ("Manhatten", "manhattan"),
        ("cosin", "cosine"),
        ("innerproduct", "inner_product"),
    ],
)
def test_an_unknown_name_offers_the_closest(wrong, closest):
    with pytest.raises(ParameterError, match=f"'{wrong}' is not known. Did you mean .*'{closest}'"):
        resolve(wrong)


def test_a_name_like_no_other_lists_them_all():
    with pytest.raises(ParameterError, match="braycurtis, canberra"):
        resolve("#")


@pytest.mark.parametrize("wrong", [None, 3, ["euclidean"], b"euclidean"])
def test_a_metric_of_another_type_is_refused(wrong):
    with pytest.raises(ParameterTypeError, match="a name or a function of two rows is expected"):
        resolve(wrong)


@pytest.mark.parametrize("p", [0, -1, "2", True, float("nan")])
def test_a_power_that_is_none(p):
    with pytest.raises(ParameterError, match="is not a power"):
        resolve("minkowski", p, {"w": [1.0]})


@pytest.mark.parametrize(
    ("metric", "params", "message"),
    [
        ("euclidean", {"v": 1}, "has v; it takes w"),
        ("nan_euclidean", {"w": [1.0]}, "it takes none"),
        ("mahalanobis", {"V": np.eye(3), "VI": np.eye(3)}, "both V and its inverse"),
        ("mahalanobis", {"V": np.ones((3, 3))}, "has no inverse"),
        ("mahalanobis", {"V": np.eye(3)[:2]}, "square matrix"),
        ("mahalanobis", {"VI": np.eye(3)[:2]}, "square matrix"),
        ("seuclidean", {"V": [1.0, 0.0, 1.0]}, "above 0"),
        ("minkowski", {"w": [1.0, -1.0, 1.0]}, "negative"),
        ("minkowski", {"w": ["a", "b", "c"]}, "no array of numbers"),
        ("minkowski", {"w": [1.0, np.nan, 1.0]}, "NaN or infinity"),
        ("pyfunc", {}, "needs metric_params"),
    ],
)
def test_arguments_that_cannot_be_used(metric, params, message):
    with pytest.raises(ParameterError, match=message):
        resolve(metric, None, params)


@pytest.mark.parametrize(
    ("metric", "params"),
    [
        ("minkowski", {"w": [1.0, 2.0]}),
        ("canberra", {"w": [1.0, 2.0]}),
        ("seuclidean", {"V": [1.0, 2.0]}),
        ("mahalanobis", {"VI": np.eye(2)}),
    ],
)
def test_an_argument_of_the_wrong_width_is_refused_at_fit(metric, params):
    with pytest.raises(ParameterError, match="X has 3 columns"):
        resolve(metric, None, params, rows=ROWS)


def test_haversine_needs_two_columns():
    with pytest.raises(DataError, match="two columns; X has 3"):
        resolve("haversine", rows=ROWS)


def test_mahalanobis_estimates_the_covariance_of_the_rows():
    fitted = resolve("mahalanobis", rows=ROWS)
    np.testing.assert_allclose(fitted.arguments["VI"], np.linalg.inv(np.cov(ROWS.T)), rtol=1e-9)


def test_mahalanobis_of_a_far_cloud_does_not_cancel():
    """Two passes, not the mean of squares less the square of the mean."""
    shifted = ROWS + 2.0**30
    np.testing.assert_allclose(
        resolve("mahalanobis", rows=shifted).arguments["VI"], np.linalg.inv(np.cov(ROWS.T)), rtol=1e-5
    )


def test_mahalanobis_of_dependent_columns_is_refused():
    with pytest.raises(ParameterError, match="has no inverse"):
        resolve("mahalanobis", rows=np.column_stack([ROWS, ROWS[:, 0]]))


def test_seuclidean_estimates_variances_and_refuses_a_constant_column():
    np.testing.assert_allclose(resolve("seuclidean", rows=ROWS).arguments["V"], ROWS.var(axis=0, ddof=1))
    with pytest.raises(ParameterError, match="column 1 of X is constant"):
        resolve("seuclidean", rows=np.column_stack([ROWS[:, 0], np.full(40, 0.1)]))


def test_estimates_do_not_depend_on_blocks(monkeypatch):
    whole = resolve("mahalanobis", rows=ROWS).arguments["VI"]
    monkeypatch.setattr("kneighbors.metrics.formulas._BLOCK_BYTES", 100)
    np.testing.assert_allclose(resolve("mahalanobis", rows=ROWS).arguments["VI"], whole, rtol=1e-12)


def test_which_metrics_the_native_scan_has():
    native = {name: resolve(name).native for name in NAMES if name != "pyfunc" and resolve(name).native}
    assert native == {
        "cosine": "cosine",
        "euclidean": "sqeuclidean",
        "inner_product": "inner_product",
        "l2": "sqeuclidean",
        "minkowski": "sqeuclidean",
        "sqeuclidean": "sqeuclidean",
    }


@pytest.mark.parametrize("name", ["euclidean", "cosine", "sqeuclidean"])
def test_weights_leave_the_native_scan(name):
    assert resolve(name, None, {"w": [1.0, 2.0, 3.0]}).native is None


def test_only_nan_euclidean_takes_nan():
    assert [name for name in NAMES if name != "pyfunc" and resolve(name).allows_nan] == ["nan_euclidean"]


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("pyfunc", "precomputed")])
def test_true_metrics_obey_the_triangle_inequality_and_the_others_are_not_called_metrics(name):
    """Random triples never break it where it is claimed; elsewhere one breaks it, or d(x, x) > 0."""
    rng = np.random.default_rng(11)
    points = (
        rng.normal(size=(30, 2)) if name == "haversine" else rng.integers(0, 3, size=(30, 4)).astype(float)
    )
    if name in ("jensenshannon", "nan_euclidean"):
        points = np.abs(points) + 0.5
    if name == "haversine":
        points[:, 0] = np.clip(points[:, 0], -1.5, 1.5)
    metric = resolve(name, rows=points)
    distances = metric.pairwise(points, points)
    broken = (distances[:, None, :] > distances[:, :, None] + distances[None, :, :] + 1e-9).any()
    at_home = np.abs(np.diag(distances)).max() > 1e-6
    if metric.is_true_metric:
        assert not broken and not at_home
    elif name not in ("nan_euclidean", "yule", "cosine", "correlation"):
        assert broken or at_home


def test_minkowski_below_one_is_no_metric():
    assert resolve("minkowski", 3).is_true_metric
    assert not resolve("minkowski", 0.5).is_true_metric


def test_functions_keep_their_keywords_and_say_they_cannot_be_saved():
    def scaled(x, y, factor):
        return factor * abs(x - y).sum()

    metric = resolve(scaled, metric_params={"factor": 3.0})
    assert (metric.name, metric.effective, metric.is_named) == ("scaled", scaled, False)
    np.testing.assert_allclose(
        metric.pairwise(ROWS[:4], ROWS), 3.0 * resolve("manhattan").pairwise(ROWS[:4], ROWS), rtol=1e-12
    )


def test_pyfunc_is_a_function_by_its_tree_name():
    metric = resolve("pyfunc", None, {"func": lambda x, y: float(abs(x - y).max())})
    np.testing.assert_array_equal(
        metric.pairwise(ROWS[:4], ROWS), resolve("chebyshev").pairwise(ROWS[:4], ROWS)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distance_metric_objects_are_taken(dtype):
    metric = resolve(DistanceMetric.get_metric("manhattan", dtype=dtype))
    assert isinstance(metric, Metric)
    expected = resolve("manhattan").pairwise(ROWS[:4], ROWS)
    np.testing.assert_allclose(metric.pairwise(ROWS[:4], ROWS), expected, rtol=1e-5)
