# SPDX-License-Identifier: Apache-2.0
"""The same answers as scikit-learn on the same data: metrics, algorithms, weights, sparse, precomputed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn import neighbors as theirs
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import DistanceMetric, pairwise_distances

import kneighbors as ours
from tests.estimators.comparing import assert_lower_ids_first, assert_same_neighbours

generator = np.random.default_rng(7)
ROWS = generator.uniform(size=(120, 6))
QUERIES = generator.uniform(size=(25, 6))
CLASSES = generator.integers(0, 4, size=120)
TARGETS = generator.normal(size=120)
WEIGHTS = generator.uniform(0.2, 2, size=6)
COVARIANCE_INVERSE = np.linalg.inv(np.cov(ROWS.T))

METRICS: list[tuple[str, dict[str, Any]]] = [
    ("euclidean", {}),
    ("l2", {}),
    ("sqeuclidean", {}),
    ("manhattan", {}),
    ("cityblock", {}),
    ("l1", {}),
    ("chebyshev", {}),
    ("minkowski", {"p": 3}),
    ("minkowski", {"p": 1}),
    ("minkowski", {"p": np.inf}),
    ("minkowski", {"p": 1.5, "metric_params": {"w": WEIGHTS}}),
    ("cosine", {}),
    ("correlation", {}),
    ("canberra", {}),
    ("braycurtis", {}),
    ("hamming", {}),
    ("seuclidean", {"metric_params": {"V": WEIGHTS}}),
    ("mahalanobis", {"metric_params": {"VI": COVARIANCE_INVERSE}}),
    ("nan_euclidean", {}),
]


def prepared(metric: str, array: Any) -> Any:
    if metric == "hamming":
        return np.floor(array * 3)
    if metric == "nan_euclidean":
        array = array.copy()
        array[::7, 1] = np.nan
    return array


@pytest.mark.parametrize(("metric", "more"), METRICS, ids=lambda value: str(value)[:30])
def test_neighbours_by_every_metric(metric: str, more: dict[str, Any]) -> None:
    rows, queries = prepared(metric, ROWS), prepared(metric, QUERIES)
    mine = ours.NearestNeighbors(n_neighbors=9, metric=metric, **more).fit(rows)
    reference = theirs.NearestNeighbors(n_neighbors=9, metric=metric, algorithm="brute", **more).fit(rows)
    assert_same_neighbours(mine.kneighbors(queries), reference.kneighbors(queries))
    assert_same_neighbours(mine.kneighbors(None), reference.kneighbors(None))
    assert_lower_ids_first(*mine.kneighbors(queries))
    assert mine.effective_metric_ == reference.effective_metric_
    assert mine.effective_metric_params_.keys() == reference.effective_metric_params_.keys()


@pytest.mark.parametrize("metric", ["jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath", "yule"])
def test_neighbours_of_boolean_rows(metric: str) -> None:
    rows, queries = ROWS > 0.5, QUERIES > 0.5
    rows[:, 0] = queries[:, 0] = True  # scipy has no answer between two empty sets
    mine = ours.NearestNeighbors(n_neighbors=4, metric=metric).fit(rows)
    full = pairwise_distances(queries, rows, metric=metric)
    np.testing.assert_allclose(mine.kneighbors(queries)[0], np.sort(full, axis=1)[:, :4], atol=1e-12)
    assert_lower_ids_first(*mine.kneighbors(queries))


def test_haversine() -> None:
    places = np.deg2rad(generator.uniform([-80, -170], [80, 170], size=(60, 2)))
    mine = ours.NearestNeighbors(n_neighbors=5, metric="haversine").fit(places)
    reference = theirs.NearestNeighbors(n_neighbors=5, metric="haversine", algorithm="ball_tree").fit(places)
    assert_same_neighbours(mine.kneighbors(places[:9] + 0.01), reference.kneighbors(places[:9] + 0.01))


@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree", "ball_tree"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_algorithm_gives_one_answer(algorithm: str, dtype: Any) -> None:
    rows, queries = ROWS.astype(dtype), QUERIES.astype(dtype)
    mine = ours.NearestNeighbors(n_neighbors=7, algorithm=algorithm, leaf_size=11).fit(rows)
    reference = theirs.NearestNeighbors(n_neighbors=7, algorithm=algorithm).fit(rows.astype(np.float64))
    assert_same_neighbours(mine.kneighbors(queries), reference.kneighbors(queries.astype(np.float64)))
    assert mine.kneighbors(queries)[0].dtype == np.float64
    assert mine._fit_method == ("kd_tree" if algorithm == "auto" else algorithm)  # rows of few columns


def inverse_square(distances: Any) -> Any:
    with np.errstate(divide="ignore"):
        return 1.0 / distances**2


@pytest.mark.parametrize("weights", ["uniform", None, "distance", inverse_square])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_votes_and_means(weights: Any, metric: str) -> None:
    settings = {"n_neighbors": 7, "weights": weights, "metric": metric}
    mine = ours.KNeighborsClassifier(**settings).fit(ROWS, CLASSES)
    reference = theirs.KNeighborsClassifier(**settings, algorithm="brute").fit(ROWS, CLASSES)
    np.testing.assert_allclose(mine.predict_proba(QUERIES), reference.predict_proba(QUERIES), rtol=1e-6)
    np.testing.assert_array_equal(mine.predict(QUERIES), reference.predict(QUERIES))
    np.testing.assert_array_equal(mine.classes_, reference.classes_)
    mine = ours.KNeighborsRegressor(**settings).fit(ROWS, TARGETS)
    reference = theirs.KNeighborsRegressor(**settings, algorithm="brute").fit(ROWS, TARGETS)
    np.testing.assert_allclose(mine.predict(QUERIES), reference.predict(QUERIES), rtol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize(
    "container", ["csr_matrix", "csr_array", "csc_matrix", "coo_array", "lil_matrix", "dok_array"]
)
def test_sparse_rows_and_queries(container: str, weights: str) -> None:
    make = getattr(scipy.sparse, container)
    rows = np.where(ROWS < 0.4, ROWS, 0.0)
    queries = np.where(QUERIES < 0.4, QUERIES, 0.0)
    dense = ours.KNeighborsClassifier(5, weights=weights).fit(rows, CLASSES)
    sparse = ours.KNeighborsClassifier(5, weights=weights).fit(make(rows), CLASSES)
    for asked in (queries, make(queries)):
        np.testing.assert_array_equal(sparse.predict(asked), dense.predict(queries))
        np.testing.assert_array_equal(dense.predict_proba(asked), sparse.predict_proba(queries))
        for one, other in zip(sparse.kneighbors(asked), dense.kneighbors(queries), strict=True):
            np.testing.assert_array_equal(one, other)
    assert sparse._fit_method == "brute"


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_sparse_as_scikit_learn(metric: str) -> None:
    rows, queries = scipy.sparse.csr_matrix(np.where(ROWS < 0.5, ROWS, 0)), scipy.sparse.csr_matrix(QUERIES)
    mine = ours.NearestNeighbors(n_neighbors=6, metric=metric).fit(rows)
    reference = theirs.NearestNeighbors(n_neighbors=6, metric=metric).fit(rows)
    assert_same_neighbours(mine.kneighbors(queries), reference.kneighbors(queries))


def test_sparse_rows_take_no_tree_and_say_so() -> None:
    rows = scipy.sparse.csr_matrix(ROWS)
    with pytest.warns(UserWarning, match="cannot use tree with sparse input: using brute force"):
        model = ours.NearestNeighbors(algorithm="kd_tree").fit(rows)
    assert model._fit_method == "brute"


def test_precomputed_distances() -> None:
    within, across = pairwise_distances(ROWS), pairwise_distances(QUERIES, ROWS)
    measured = ours.NearestNeighbors(n_neighbors=4).fit(ROWS)
    given = ours.NearestNeighbors(n_neighbors=4, metric="precomputed").fit(within)
    assert_same_neighbours(given.kneighbors(across), measured.kneighbors(QUERIES))
    assert_same_neighbours(given.kneighbors(None), measured.kneighbors(None))
    for weights in ("uniform", "distance"):
        reference = theirs.KNeighborsClassifier(weights=weights, metric="precomputed").fit(within, CLASSES)
        mine = ours.KNeighborsClassifier(weights=weights, metric="precomputed").fit(within, CLASSES)
        np.testing.assert_array_equal(mine.predict(across), reference.predict(across))
        np.testing.assert_array_equal(mine.predict(None), reference.predict(None))
    with pytest.raises(ValueError, match="X has 6 features, but NearestNeighbors is expecting 120"):
        given.kneighbors(ROWS)
    with pytest.raises(ValueError, match=r"must be square. Input is a 25x120 matrix"):
        ours.NearestNeighbors(metric="precomputed").fit(across)
    with pytest.raises(ValueError, match="Negative values in data"):
        ours.NearestNeighbors(metric="precomputed").fit(-within)


@pytest.mark.parametrize("form", ["csr", "lil", "coo", "csc"])
def test_precomputed_sparse_graph(form: str) -> None:
    """A graph of k + 1 neighbours answers k, like the rows it was made from; what is not stored is far."""
    maker = ours.NearestNeighbors(n_neighbors=5).fit(ROWS)
    within = maker.kneighbors_graph(ROWS, mode="distance").asformat(form)
    across = maker.kneighbors_graph(QUERIES, mode="distance").asformat(form)
    given = ours.NearestNeighbors(n_neighbors=4, metric="precomputed").fit(within)
    assert_same_neighbours(given.kneighbors(across), maker.kneighbors(QUERIES, 4))
    assert_same_neighbours(given.kneighbors(None), maker.kneighbors(None, 4))
    regressor = ours.KNeighborsRegressor(n_neighbors=4, metric="precomputed").fit(within, TARGETS)
    expected = ours.KNeighborsRegressor(n_neighbors=4).fit(ROWS, TARGETS).predict(QUERIES)
    np.testing.assert_allclose(regressor.predict(across), expected)
    with pytest.raises(ValueError, match=r"6 neighbors per samples are required, .* have only 5"):
        given.kneighbors(across, 6)
    for wrong in ("dok", "dia", "bsr"):
        with pytest.raises(TypeError, match="explicit zeros"):
            given.kneighbors(across.asformat("csr").asformat(wrong))


def test_callable_metrics_dense_and_sparse() -> None:
    def absolute(one: Any, other: Any, factor: float = 1.0) -> float:
        return float(factor * np.abs(one - other).sum())

    rows, queries = ROWS[:40], QUERIES[:5]
    mine = ours.NearestNeighbors(n_neighbors=3, metric=absolute, metric_params={"factor": 2.0}).fit(rows)
    expected = ours.NearestNeighbors(n_neighbors=3, metric="manhattan").fit(rows).kneighbors(queries)
    distances, ids = mine.kneighbors(queries)
    np.testing.assert_allclose(distances, 2 * expected[0])
    np.testing.assert_array_equal(ids, expected[1])
    assert mine.effective_metric_ is absolute and mine.effective_metric_params_ == {"factor": 2.0}

    def of_sparse_rows(one: Any, other: Any) -> float:
        assert scipy.sparse.issparse(one) and one.shape == (1, 6)
        return float(abs(one - other).sum())

    sparse = ours.NearestNeighbors(n_neighbors=3, metric=of_sparse_rows).fit(scipy.sparse.csr_matrix(rows))
    np.testing.assert_array_equal(sparse.kneighbors(scipy.sparse.csr_matrix(queries))[1], expected[1])
    with pytest.raises(ValueError, match="kd_tree does not support callable metric"):
        ours.NearestNeighbors(algorithm="kd_tree", metric=absolute).fit(rows)


def test_distance_metric_objects() -> None:
    metric = DistanceMetric.get_metric("manhattan")
    mine = ours.KNeighborsRegressor(3, metric=metric).fit(ROWS, TARGETS)
    expected = ours.KNeighborsRegressor(3, metric="manhattan").fit(ROWS, TARGETS).predict(QUERIES)
    np.testing.assert_allclose(mine.predict(QUERIES), expected)


@pytest.mark.parametrize("algorithm", ["auto", "brute"])
def test_powers_below_one_warn_and_trees_refuse_them(algorithm: str) -> None:
    with pytest.warns(UserWarning, match="Minkowski metrics are not distance metrics"):
        mine = ours.NearestNeighbors(n_neighbors=3, p=0.5, algorithm=algorithm).fit(ROWS)
    full = (np.abs(QUERIES[:, None] - ROWS[None]) ** 0.5).sum(axis=2) ** 2
    np.testing.assert_allclose(mine.kneighbors(QUERIES)[0], np.sort(full, axis=1)[:, :3])
    for tree in ("kd_tree", "ball_tree"):
        with pytest.raises(ValueError, match="does not support 0 < p < 1"):
            ours.NearestNeighbors(p=0.5, algorithm=tree).fit(ROWS)


def test_p_in_metric_params_wins_with_a_warning() -> None:
    with pytest.warns(SyntaxWarning, match="p is found in metric_params"):
        model = ours.KNeighborsClassifier(p=2, metric_params={"p": 1}).fit(ROWS, CLASSES)
    assert model.effective_metric_ == "manhattan" and model.effective_metric_params_ == {}


def test_a_metric_that_a_tree_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="Metric 'cosine' not valid"):
        ours.NearestNeighbors(algorithm="kd_tree", metric="cosine").fit(ROWS)
    with pytest.raises(ValueError, match=r"metric='eucldean' is not known. Did you mean 'euclidean'"):
        ours.NearestNeighbors(metric="eucldean").fit(ROWS)
    with pytest.raises(ValueError, match="'w'"):
        ours.NearestNeighbors(algorithm="kd_tree", p=3, metric_params={"w": WEIGHTS}).fit(ROWS)


@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree", "ball_tree"])
def test_bundled_data(algorithm: str) -> None:
    iris, digits, diabetes = load_iris(), load_digits(), load_diabetes()
    for data in (iris, digits):
        rows, labels = data.data[:300], data.target[:300]
        mine = ours.KNeighborsClassifier(1, algorithm=algorithm).fit(rows, labels)
        assert mine.score(rows, labels) == theirs.KNeighborsClassifier(1).fit(rows, labels).score(
            rows, labels
        )
        mine = ours.KNeighborsClassifier(9, algorithm=algorithm, weights="distance").fit(
            rows[::2], labels[::2]
        )
        reference = theirs.KNeighborsClassifier(9, weights="distance").fit(rows[::2], labels[::2])
        assert (mine.predict(rows[1::2]) == reference.predict(rows[1::2])).mean() > 0.99  # ties
    rows, targets = diabetes.data, diabetes.target
    mine = ours.KNeighborsRegressor(8, algorithm=algorithm).fit(rows[::2], targets[::2])
    reference = theirs.KNeighborsRegressor(8, algorithm=algorithm).fit(rows[::2], targets[::2])
    np.testing.assert_allclose(mine.predict(rows[1::2]), reference.predict(rows[1::2]))


def test_rows_inside_trees_and_fitted_estimators_are_taken() -> None:
    expected = ours.NearestNeighbors(n_neighbors=1).fit(ROWS).kneighbors(QUERIES)
    for holder in (
        theirs.KDTree(ROWS),
        theirs.BallTree(ROWS),
        theirs.NearestNeighbors().fit(ROWS),
        ours.NearestNeighbors().fit(ROWS),
    ):
        model = ours.KNeighborsClassifier(1).fit(holder, CLASSES)
        for one, other in zip(model.kneighbors(QUERIES), expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_any_number_of_threads_gives_one_answer() -> None:
    answers = [
        ours.NearestNeighbors(n_neighbors=5, n_jobs=n_jobs, metric=metric).fit(ROWS).kneighbors(QUERIES)
        for metric in ("euclidean", "manhattan")
        for n_jobs in (None, 1, 2, 8, -1, -2)
    ]
    for group in (answers[:6], answers[6:]):
        for distances, ids in group[1:]:
            np.testing.assert_array_equal(distances, group[0][0])
            np.testing.assert_array_equal(ids, group[0][1])
