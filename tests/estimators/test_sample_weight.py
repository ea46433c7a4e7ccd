# SPDX-License-Identifier: Apache-2.0
"""``sample_weight``: k counts weight, so a row of weight 2 is two rows, exactly and everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn import set_config
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kneighbors as ours
from kneighbors import KNeighborsClassifier, KNeighborsRegressor
from kneighbors.errors import ModelFileError, ParameterError
from tests.reference import vote as judge


def data(seed: int, n_rows: int = 40) -> tuple[Any, Any, Any, Any, Any]:
    """Rows on a coarse grid, so that ties and duplicates abound, with whole weights of which some are 0."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, 4, size=(n_rows, 2)).astype(float)
    queries = generator.integers(0, 8, size=(15, 2)) / 2
    return (
        rows,
        generator.integers(0, 3, n_rows),
        generator.normal(size=n_rows),
        generator.integers(0, 4, n_rows),
        queries,
    )


@pytest.mark.parametrize("weights", ["uniform", "distance", lambda distances: np.exp(-distances)])
@pytest.mark.parametrize("k", [1, 4, 17])
@pytest.mark.parametrize("seed", range(3))
def test_whole_weights_are_copies_bit_for_bit(seed: int, k: int, weights: Any) -> None:
    rows, classes, targets, counts, queries = data(seed)
    copied = np.repeat(np.arange(len(rows)), counts)
    for kind, labels in ((KNeighborsClassifier, classes), (KNeighborsRegressor, targets)):
        weighted = kind(k, weights=weights).fit(rows, labels, sample_weight=counts)
        copies = kind(k, weights=weights).fit(rows[copied], labels[copied])
        np.testing.assert_array_equal(weighted.predict(queries), copies.predict(queries))
        if kind is KNeighborsClassifier:
            np.testing.assert_array_equal(weighted.predict_proba(queries), copies.predict_proba(queries))


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("seed", range(3))
def test_leave_one_out_leaves_one_copy_out(seed: int, weights: str) -> None:
    """Distinct rows, so that which copy asks is the only question: it leaves out itself, its twins answer."""
    generator = np.random.default_rng(seed)
    rows, targets = generator.normal(size=(20, 3)), generator.normal(size=20)
    counts = generator.integers(0, 4, 20)
    copied = np.repeat(np.arange(20), counts)
    first_copy = np.flatnonzero(np.diff(copied, prepend=-1))
    for kind, labels in (
        (KNeighborsClassifier, np.digitize(targets, [-1, 0, 1])),
        (KNeighborsRegressor, targets),
    ):
        weighted = kind(5, weights=weights).fit(rows, labels, sample_weight=counts)
        copies = kind(5, weights=weights).fit(rows[copied], labels[copied])
        np.testing.assert_array_equal(weighted.predict(None), copies.predict(None)[first_copy])
        np.testing.assert_array_equal(weighted.sample_indices_, np.flatnonzero(counts))


def test_leave_one_out_against_the_slow_judge() -> None:
    generator = np.random.default_rng(5)
    rows, targets, counts = (
        generator.normal(size=(15, 2)),
        generator.normal(size=15),
        generator.integers(1, 4, 15),
    )
    model = KNeighborsRegressor(6).fit(rows, targets, sample_weight=counts)
    distances = pairwise_distances(rows)
    for row, predicted in enumerate(model.predict(None)):
        order = np.argsort(distances[row], kind="stable")
        chosen = judge.copies(order.tolist(), counts[order].tolist(), 6, own=row)
        assert predicted == judge.mean(targets[chosen].tolist(), [1.0] * 6)


def test_fractions_split_the_last_neighbour() -> None:
    rows, targets = np.arange(6.0)[:, None], np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
    model = KNeighborsRegressor(1).fit(rows, targets, sample_weight=[0.5, 0.25, 2.0, 1.0, 1.0, 1.0])
    assert model.predict([[0.0]])[0] == (0.5 * 0 + 0.25 * 10 + 0.25 * 20)
    classifier = KNeighborsClassifier(2).fit(
        rows, list("aabbbb"), sample_weight=[0.5, 0.25, 2.0, 1.0, 1.0, 1.0]
    )
    np.testing.assert_allclose(classifier.predict_proba([[0.0]]), [[0.375, 0.625]])


def test_a_row_that_is_not_taken_has_no_say_through_its_distance() -> None:
    """In leave-one-out the row itself, at distance 0 and with nothing left, must not silence the others."""
    rows, targets = np.array([[0.0], [1.0], [3.0]]), np.array([100.0, 1.0, 2.0])
    model = KNeighborsRegressor(1, weights="distance").fit(rows, targets, sample_weight=[0.5, 0.5, 0.75])
    # The first row asks: 0.5 of the row at distance 1 and 0.5 of the row at distance 3.
    np.testing.assert_allclose(model.predict(None)[0], (0.5 * 1 / 1 + 0.5 * 2 / 3) / (0.5 / 1 + 0.5 / 3))


def test_tiny_weights_ask_for_many_rows() -> None:
    generator = np.random.default_rng(0)
    rows, targets = generator.normal(size=(300, 2)), generator.normal(size=300)
    weights = np.where(rows[:, 0] > 0, 0.01, 1.0)
    model = KNeighborsRegressor(1, n_jobs=1).fit(rows, targets, sample_weight=weights)
    query = np.array([[2.0, 0.0], [-2.0, 0.0]])
    for row, predicted in zip(query, model.predict(query), strict=True):
        order = np.argsort(np.square(rows - row).sum(axis=1), kind="stable")
        shares = judge.shares(weights[order].tolist(), 1.0)
        assert predicted == pytest.approx(judge.mean(targets[order].tolist(), shares), rel=1e-12)


def test_weight_zero_is_not_there() -> None:
    model = KNeighborsClassifier(1).fit([[0.0], [1.0], [2.0]], ["a", "b", "c"], sample_weight=[1, 0, 1])
    assert model.classes_.tolist() == ["a", "c"]
    assert model.predict([[1.1]]).tolist() == ["c"]
    assert model.kneighbors([[1.1]], 2, return_distance=False).tolist() == [[2, 0]], "ids are rows of X"
    assert model.n_samples_fit_ == 3 and model.kneighbors_graph([[1.1]], 2).shape == (1, 3)
    with pytest.raises(ValueError, match="n_samples_fit = 2"):
        model.kneighbors([[1.1]], 3)


def test_ones_are_no_weights() -> None:
    rows, classes, _, _, queries = data(1)
    plain = KNeighborsClassifier(4).fit(rows, classes)
    ones = KNeighborsClassifier(4).fit(rows, classes, sample_weight=np.ones(len(rows)))
    assert ones._model.sample_weight is None and ones._model.row_ids is None
    np.testing.assert_array_equal(plain.predict(queries), ones.predict(queries))
    np.testing.assert_array_equal(
        KNeighborsClassifier(4).fit(rows, classes, 1.0).predict(queries), ones.predict(queries)
    )


def test_precomputed_and_sparse_rows_take_weights() -> None:
    rows, classes, _, counts, queries = data(2)
    expected = KNeighborsClassifier(4).fit(rows, classes, counts)
    given = KNeighborsClassifier(4, metric="precomputed").fit(pairwise_distances(rows), classes, counts)
    np.testing.assert_array_equal(given.predict(pairwise_distances(queries, rows)), expected.predict(queries))
    np.testing.assert_array_equal(given.predict(None), expected.predict(None))
    sparse = KNeighborsClassifier(4).fit(scipy.sparse.csr_matrix(rows), classes, counts)
    np.testing.assert_array_equal(sparse.predict(queries), expected.predict(queries))


def test_k_counts_weight_in_the_limit_too() -> None:
    rows, targets = [[0.0], [1.0]], [0.0, 1.0]
    heavy = KNeighborsRegressor(5).fit(rows, targets, sample_weight=[3, 2])
    assert heavy.predict([[0.0]])[0] == 0.4
    with pytest.raises(ValueError, match="n_neighbors = 5, n_samples_fit = 5"):
        heavy.predict(None)
    light = KNeighborsRegressor(1).fit(rows, targets, sample_weight=[0.25, 0.5])
    with pytest.raises(ValueError, match=r"n_neighbors = 1, n_samples_fit = 0.75"):
        light.predict([[0.0]])
    tenths = KNeighborsRegressor(1).fit(np.arange(10.0)[:, None], np.arange(10.0), sample_weight=[0.1] * 10)
    assert tenths.predict([[0.0]])[0] == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1, -1], "holds -1.0 at row 2"),
        ([1, np.nan, 1], "holds nan at row 1"),
        ([1, np.inf, 1], "holds inf at row 1"),
        ([0, 0, 0], "every weight is zero"),
        ([1, 1], r"shape == \(2,\), expected \(3,\)"),
        ([[1], [1], [1]], r"shape == \(3, 1\), expected \(3,\)"),
        (["a", "b", "c"], "must hold numbers"),
    ],
)
def test_weights_that_cannot_be(weights: Any, message: str) -> None:
    for kind in (KNeighborsClassifier, KNeighborsRegressor):
        with pytest.raises(ValueError, match=message):
            kind().fit([[0.0], [1.0], [2.0]], [0, 1, 0], sample_weight=weights)


def test_metadata_routing_brings_weights_to_fit_and_score() -> None:
    rows, classes, _, counts, _ = data(3, n_rows=60)
    set_config(enable_metadata_routing=True)
    try:
        asked = KNeighborsClassifier(3)
        asked.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asked)
        pipeline.fit(rows, classes, sample_weight=counts)
        assert pipeline[-1]._model.row_ids is not None
        search = GridSearchCV(asked, {"n_neighbors": [1, 3]}, cv=3).fit(
            rows, classes, sample_weight=counts + 1.0
        )
        assert search.best_estimator_._model.sample_weight is not None
    finally:
        set_config(enable_metadata_routing=False)


def test_a_k_above_the_rows_that_the_weights_allow_is_saved_and_loaded(tmp_path: Any) -> None:
    rows = np.array([[0.0], [1.0], [5.0]])
    heavy = KNeighborsClassifier(7).fit(rows, ["a", "b", "b"], [3.0, 5.0, 1.0])
    heavy.save(tmp_path / "heavy")
    loaded = ours.load(tmp_path / "heavy")
    assert loaded.n_neighbors == 7
    np.testing.assert_array_equal(loaded.predict_proba(rows), heavy.predict_proba(rows))
    with pytest.raises(ParameterError, match="k is 10; it must be from 1 to 9, the weight of the rows"):
        heavy.set_params(n_neighbors=10).save(tmp_path / "other")
    light = KNeighborsClassifier(1).fit(np.arange(10.0)[:, None], list("ababababab"), [0.1] * 10)
    light.save(tmp_path / "light")
    assert ours.load(tmp_path / "light").predict([[0.0]]) == light.predict([[0.0]])
    with pytest.raises(ParameterError, match="k is 2; it must be from 1 to"):
        light.set_params(n_neighbors=2).save(tmp_path / "other")
    text = (tmp_path / "heavy" / "model_algo-1.json").read_text()
    (tmp_path / "heavy" / "model_algo-1.json").write_text(text.replace('"k": 7', '"k": 10'))
    with pytest.raises(ModelFileError, match="k is 10; it must be from 1 to 9"):
        ours.load(tmp_path / "heavy")
