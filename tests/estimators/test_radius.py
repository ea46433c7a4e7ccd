# SPDX-License-Identifier: Apache-2.0
"""Votes of all rows within a radius: scikit-learn's answers and rules for outliers, weights as copies."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn import neighbors as theirs
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import LeaveOneOut, cross_val_predict

import kneighbors as ours
from kneighbors import pipeline
from kneighbors.errors import DataError, ParameterError, ParameterTypeError

generator = np.random.default_rng(17)
ROWS = generator.uniform(size=(150, 3))
QUERIES = generator.uniform(size=(40, 3))
FAR = np.concatenate([QUERIES[:5], [[9.0, 9.0, 9.0]], QUERIES[5:8], [[-7.0, 0.0, 0.0]]])
CLASSES = generator.integers(0, 4, size=150) * 2
NAMES = np.array(["ant", "bee", "cat"])[generator.integers(0, 3, 150)]
TARGETS = generator.normal(size=(150, 2))


def squares(distances: Any) -> Any:
    """A weights function in scikit-learn's form: it gets an object array of arrays."""
    return 1.0 / (0.1 + distances) ** 2


@pytest.mark.parametrize("weights", ["uniform", "distance", squares, None])
@pytest.mark.parametrize(
    ("metric", "radius"), [("euclidean", 0.35), ("manhattan", 0.5), ("cosine", 0.05), ("chebyshev", 0.25)]
)
def test_answers_are_scikit_learns(weights: Any, metric: str, radius: float) -> None:
    settings = {"radius": radius, "weights": weights, "metric": metric}
    mine = ours.RadiusNeighborsClassifier(**settings, outlier_label=2).fit(ROWS, CLASSES)
    reference = theirs.RadiusNeighborsClassifier(**settings, outlier_label=2).fit(ROWS, CLASSES)
    np.testing.assert_allclose(mine.predict_proba(QUERIES), reference.predict_proba(QUERIES), rtol=1e-9)
    np.testing.assert_array_equal(mine.predict(QUERIES), reference.predict(QUERIES))
    assert mine.score(QUERIES, CLASSES[:40]) == reference.score(QUERIES, CLASSES[:40])
    several = np.stack([TARGETS[:, 0], TARGETS[:, 1]], axis=1)
    mine = ours.RadiusNeighborsRegressor(**settings).fit(ROWS, several)
    reference = theirs.RadiusNeighborsRegressor(**settings).fit(ROWS, several)
    np.testing.assert_allclose(mine.predict(QUERIES), reference.predict(QUERIES), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:Outlier label")
@pytest.mark.parametrize("outlier_label", [0, 7, "most_frequent"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_outliers_get_the_label_that_was_given(outlier_label: Any, weights: str) -> None:
    settings = {"radius": 0.4, "weights": weights, "outlier_label": outlier_label}
    mine = ours.RadiusNeighborsClassifier(**settings).fit(ROWS, CLASSES)
    reference = theirs.RadiusNeighborsClassifier(**settings).fit(ROWS, CLASSES)
    np.testing.assert_array_equal(mine.predict(FAR), reference.predict(FAR))
    np.testing.assert_allclose(mine.predict_proba(FAR), reference.predict_proba(FAR))
    assert mine.outlier_label_ == reference.outlier_label_
    assert mine.predict(FAR).dtype == CLASSES.dtype


def test_a_label_that_is_no_class_is_given_with_a_warning() -> None:
    model = ours.RadiusNeighborsClassifier(0.4, outlier_label="far away").fit(ROWS, NAMES)
    with pytest.warns(UserWarning, match="Outlier label far away is not in training classes") as caught:
        labels = model.predict(FAR)
    assert caught[0].filename == __file__
    assert labels[5] == labels[9] == "far away" and set(labels) <= {"ant", "bee", "cat", "far away"}
    with pytest.warns(UserWarning, match="probabilities of outliers will be assigned with 0"):
        shares = model.predict_proba(FAR)
    assert not shares[[5, 9]].any() and np.allclose(np.delete(shares, [5, 9], axis=0).sum(axis=1), 1)


def test_without_a_label_outliers_are_refused_by_their_numbers() -> None:
    model = ours.RadiusNeighborsClassifier(0.4).fit(ROWS, CLASSES)
    for question in (model.predict, model.predict_proba):
        with pytest.raises(
            DataError, match=r"No neighbors found for test samples \[5, 9\] \(2 of them\)"
        ) as raised:
            question(FAR)
        assert raised.value.row == 5
    assert model.predict(QUERIES).shape == (40,), "and the model is as it was"


@pytest.mark.parametrize(
    ("label", "y", "error", "message"),
    [
        ("far", CLASSES, ParameterTypeError, "dtype of outlier_label 'far' is inconsistent"),
        (1.5, CLASSES, ParameterTypeError, "dtype of outlier_label 1.5 is inconsistent"),
        (3, NAMES, ParameterTypeError, "dtype of outlier_label 3 is inconsistent"),
        ([0, 2], CLASSES, ParameterError, "inconsistent with the output length: 1"),
        ([[0, 2]], CLASSES, ParameterTypeError, "supposed to be a scalar"),
    ],
)
def test_labels_for_outliers_that_do_not_fit(label: Any, y: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        ours.RadiusNeighborsClassifier(outlier_label=label).fit(ROWS, y)
    if not isinstance(label, str):
        with pytest.raises((ValueError, TypeError)):
            theirs.RadiusNeighborsClassifier(outlier_label=label).fit(ROWS, y)


@pytest.mark.filterwarnings("ignore:Outlier label")
def test_several_outputs() -> None:
    y = np.stack([CLASSES, CLASSES[::-1] + 1], axis=1)
    settings = {"radius": 0.4, "weights": "distance", "outlier_label": [4, 9]}
    mine = ours.RadiusNeighborsClassifier(**settings).fit(ROWS, y)
    reference = theirs.RadiusNeighborsClassifier(**settings).fit(ROWS, y)
    np.testing.assert_array_equal(mine.predict(FAR), reference.predict(FAR))
    for one, other in zip(mine.predict_proba(FAR), reference.predict_proba(FAR), strict=True):
        np.testing.assert_allclose(one, other)
    assert mine.outputs_2d_ and mine.outlier_label_ == [4, 9]


def test_a_regressor_says_nan_and_warns() -> None:
    model = ours.RadiusNeighborsRegressor(0.4).fit(ROWS, TARGETS)
    with pytest.warns(UserWarning, match="predicting NaN") as caught:
        means = model.predict(FAR)
    assert caught[0].filename == __file__
    assert np.flatnonzero(np.isnan(means).any(axis=1)).tolist() == [5, 9]


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_leave_one_out(weights: str) -> None:
    X, y = load_iris(return_X_y=True)
    model = ours.RadiusNeighborsClassifier(1.0, weights=weights, outlier_label="most_frequent")
    expected = cross_val_predict(clone(model), X, y, cv=LeaveOneOut())
    np.testing.assert_array_equal(model.fit(X, y).predict(None), expected)
    assert model.score(None, y) == np.mean(expected == y)
    X, y = load_diabetes(return_X_y=True)
    regressor = ours.RadiusNeighborsRegressor(0.2, weights=weights).fit(X, y)
    reference = theirs.RadiusNeighborsRegressor(0.2, weights=weights).fit(X, y)
    np.testing.assert_allclose(regressor.predict(None), reference.predict(None), rtol=1e-9)


@pytest.mark.parametrize("queries", [QUERIES, None], ids=["queries", "leave-one-out"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_a_weight_is_as_many_copies(queries: Any, weights: str) -> None:
    counts = generator.integers(0, 4, 150)
    copies = np.repeat(np.arange(150), counts)
    settings = {"radius": 0.3, "weights": weights}
    once = ours.RadiusNeighborsClassifier(**settings, outlier_label=0).fit(ROWS, CLASSES, counts)
    often = ours.RadiusNeighborsClassifier(**settings, outlier_label=0).fit(ROWS[copies], CLASSES[copies])
    first = slice(None) if queries is not None else np.flatnonzero(np.r_[True, np.diff(copies) > 0])
    np.testing.assert_allclose(once.predict_proba(queries), often.predict_proba(queries)[first], rtol=1e-12)
    np.testing.assert_array_equal(once.predict(queries), often.predict(queries)[first])
    once = ours.RadiusNeighborsRegressor(**settings).fit(ROWS, TARGETS, counts)
    often = ours.RadiusNeighborsRegressor(**settings).fit(ROWS[copies], TARGETS[copies])
    np.testing.assert_allclose(once.predict(queries), often.predict(queries)[first], rtol=1e-9)


def test_priors_multiply_the_votes() -> None:
    model = ours.RadiusNeighborsClassifier(0.5).fit(ROWS, CLASSES)
    shares = model.predict_proba(QUERIES) * [1.0, 2.0, 0.5, 1.0]
    model.set_params(priors=[1.0, 2.0, 0.5, 1.0])
    np.testing.assert_allclose(model.predict_proba(QUERIES), shares / shares.sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(model.predict(QUERIES), model.classes_[shares.argmax(axis=1)])


def test_sparse_rows_and_precomputed_distances() -> None:
    model = ours.RadiusNeighborsClassifier(0.4, outlier_label=0).fit(ROWS, CLASSES)
    expected = model.predict_proba(FAR)
    sparse = clone(model).fit(scipy.sparse.csr_matrix(ROWS), CLASSES)
    np.testing.assert_allclose(sparse.predict_proba(scipy.sparse.csr_matrix(FAR)), expected)
    given = clone(model).set_params(metric="precomputed").fit(pairwise_distances(ROWS), CLASSES)
    np.testing.assert_allclose(given.predict_proba(pairwise_distances(FAR, ROWS)), expected)
    reduced = clone(model).set_params(scale="standard", sample_size=100, radius=5.0).fit(ROWS, CLASSES)
    assert reduced.predict(QUERIES).shape == (40,) and len(reduced.sample_indices_) == 100


def test_answers_do_not_depend_on_batches(monkeypatch: Any) -> None:
    model = ours.RadiusNeighborsClassifier(0.4, weights="distance", outlier_label=0).fit(ROWS, CLASSES)
    expected = model.predict_proba(ROWS), model.predict(None), model.predict(FAR)
    monkeypatch.setattr("kneighbors.pipeline.searching._FOUND_AT_ONCE", 30)
    np.testing.assert_array_equal(model.predict_proba(ROWS), expected[0])
    np.testing.assert_array_equal(model.predict(None), expected[1])
    np.testing.assert_array_equal(model.predict(FAR), expected[2])
    assert model.predict(ROWS[:0]).shape == (0,)


def test_many_rows_are_asked_in_few_batches(monkeypatch: Any) -> None:
    calls: list[int] = []
    search = type(ours.NearestNeighbors().fit(ROWS)._model.index).search_radius

    def counted(index: Any, queries: Any, *arguments: Any, **more: Any) -> Any:
        calls.append(len(queries))
        return search(index, queries, *arguments, **more)

    monkeypatch.setattr("kneighbors.index.KDTreeIndex.search_radius", counted)
    ours.RadiusNeighborsRegressor(0.5).fit(ROWS, TARGETS).predict(np.repeat(QUERIES, 100, axis=0))
    assert sum(calls) == 4000 and len(calls) <= 5


def test_graphs_are_scikit_learns() -> None:
    for mode in ("distance", "connectivity"):
        mine = ours.RadiusNeighborsTransformer(mode=mode, radius=0.3)
        reference = theirs.RadiusNeighborsTransformer(mode=mode, radius=0.3)
        np.testing.assert_allclose(
            mine.fit_transform(ROWS).toarray(), reference.fit_transform(ROWS).toarray(), atol=1e-9
        )
        np.testing.assert_allclose(
            mine.transform(QUERIES).toarray(), reference.transform(QUERIES).toarray(), atol=1e-9
        )
    assert mine.fit_transform(ROWS).diagonal().all() and len(mine.get_feature_names_out()) == 150


def test_what_a_model_folder_can_hold(tmp_path: Any) -> None:
    """A vote within a radius has no k, which the files need: refused, nothing written. A graph is kept."""
    for model in (ours.RadiusNeighborsClassifier(), ours.RadiusNeighborsRegressor()):
        model.fit(ROWS, CLASSES)
        with pytest.raises(ParameterError, match=r"cannot be saved.*NearestNeighbors.*pickle"):
            model.save(tmp_path / "model")
        assert not list(tmp_path.iterdir())
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict(ROWS), model.predict(ROWS))
    small = ours.RadiusNeighborsTransformer(radius=0.25).fit(ROWS[:3])
    small.save(tmp_path / "graph")
    loaded = ours.load(tmp_path / "graph")
    assert isinstance(loaded, ours.NearestNeighbors) and loaded.radius == 0.25
    difference = loaded.radius_neighbors_graph(QUERIES, mode="distance") - small.transform(QUERIES)
    assert abs(difference).max() == 0


def test_a_radius_must_be_given_and_be_a_number() -> None:
    with pytest.raises(ParameterError, match="radius is None"):
        ours.RadiusNeighborsRegressor(None).fit(ROWS, TARGETS).predict(QUERIES)
    for wrong in (-1.0, "1", True):
        with pytest.raises(ParameterError, match="radius"):
            ours.RadiusNeighborsRegressor(wrong).fit(ROWS, TARGETS).predict(QUERIES)
    with pytest.raises(ParameterError, match="fitted without labels"):
        pipeline.regress_within(ours.NearestNeighbors().fit(ROWS)._model, QUERIES, 1.0)
