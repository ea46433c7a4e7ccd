# SPDX-License-Identifier: Apache-2.0
"""Leave-one-out scores for every k at once: those of the judge, and of a fit and a score for each k."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, pairwise_distances, r2_score
from sklearn.model_selection import LeaveOneOut, cross_val_score

from kneighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    pipeline,
)
from kneighbors.errors import ParameterError, ParameterTypeError
from tests.reference import score_path as judge

generator = np.random.default_rng(23)
ROWS = generator.integers(0, 5, size=(40, 2)).astype(float)  # full of ties and of equal rows
CLASSES = generator.integers(0, 4, size=40)
TARGETS = generator.normal(size=40)
PRIORS = np.array([1.0, 2.0, 0.5, 1 / 3])
KS = [1, 2, 3, 5, 8, 13, 39]


def inverse_square(distances):
    return 1.0 / (0.5 + distances) ** 2


def by_rank(distances):
    """A weight that depends on how many neighbours are asked."""
    return np.ones_like(distances) * np.arange(distances.shape[1], 0, -1)


def judged(weights):
    if not callable(weights):
        return weights
    return lambda distances: weights(np.array(distances)[None])[0]


WEIGHTS = pytest.mark.parametrize("weights", ["uniform", "distance", inverse_square, by_rank, None])


@WEIGHTS
@pytest.mark.parametrize("priors", [None, PRIORS], ids=["no priors", "priors"])
def test_classifier_equals_the_judge(weights, priors):
    distances = pairwise_distances(ROWS)
    path = KNeighborsClassifier(weights=weights, priors=priors).fit(ROWS, CLASSES).score_path(KS)
    expected = [
        judge.accuracy(CLASSES, judge.predictions(distances, CLASSES, k, judged(weights), 4, priors))
        for k in KS
    ]
    np.testing.assert_array_equal(path.scores, expected)
    assert path.ks.tolist() == KS and path.best_k == KS[int(np.argmax(expected))]


@WEIGHTS
def test_regressor_equals_the_judge(weights):
    distances = pairwise_distances(ROWS)
    path = KNeighborsRegressor(weights=weights).fit(ROWS, TARGETS).score_path(KS)
    expected = [
        judge.r2(TARGETS, judge.predictions(distances, TARGETS, k, judged(weights), None)) for k in KS
    ]
    np.testing.assert_allclose(path.scores, expected, rtol=1e-12)


@WEIGHTS
def test_whole_weights_count_as_copies(weights):
    counts = generator.integers(1, 4, 40)
    distances = pairwise_distances(ROWS)
    ks = [1, 2, 5, int(counts.sum()) - 1]
    path = KNeighborsClassifier(weights=weights).fit(ROWS, CLASSES, counts).score_path(ks)
    predicted = [judge.predictions(distances, CLASSES, k, judged(weights), 4, None, counts) for k in ks]
    np.testing.assert_array_equal(path.scores, [judge.accuracy(CLASSES, one, counts) for one in predicted])
    path = KNeighborsRegressor(weights=weights).fit(ROWS, TARGETS, counts).score_path(ks)
    predicted = [judge.predictions(distances, TARGETS, k, judged(weights), None, None, counts) for k in ks]
    np.testing.assert_allclose(path.scores, [judge.r2(TARGETS, one, counts) for one in predicted])


@WEIGHTS
def test_every_k_scores_as_if_alone(weights):
    """Fractional weights, several outputs, many classes: what `score(None, y)` says with that k."""
    shares = generator.uniform(0.3, 2.5, 40)
    y = np.stack([CLASSES, CLASSES[::-1], np.arange(40) // 2], axis=1)
    for sample_weight in (None, shares):
        model = KNeighborsClassifier(weights=weights).fit(ROWS, y, sample_weight)
        path = model.score_path(range(1, 31))
        for k, score in zip(path.ks, path.scores, strict=True):
            predicted = model.set_params(n_neighbors=int(k)).predict(None)
            right = (predicted == y).all(axis=1)
            assert score == pytest.approx(accuracy_score(right, np.ones(40), sample_weight=sample_weight))
        targets = np.stack([TARGETS, TARGETS**2], axis=1)
        model = KNeighborsRegressor(weights=weights).fit(ROWS, targets, sample_weight)
        path = model.score_path([7, 2])
        for k, score in zip(path.ks, path.scores, strict=True):
            predicted = model.set_params(n_neighbors=int(k)).predict(None)
            assert score == pytest.approx(r2_score(targets, predicted, sample_weight=sample_weight))


def test_real_data_and_scikit_learns_leave_one_out():
    X, y = load_iris(return_X_y=True)
    model = KNeighborsClassifier().fit(X, y)
    path = model.score_path(range(1, 150))
    for k in (1, 4, 20):
        alone = cross_val_score(clone(model).set_params(n_neighbors=k), X, y, cv=LeaveOneOut()).mean()
        assert path.scores[k - 1] == pytest.approx(alone)
    assert path.scores[path.best_k - 1] == path.scores.max() and model.n_neighbors == 5
    X, y = load_diabetes(return_X_y=True)
    model = KNeighborsRegressor(weights="distance", metric="manhattan").fit(X, y)
    path = model.score_path([3, 11])
    assert path.scores[1] == pytest.approx(model.set_params(n_neighbors=11).score(None, y))


@pytest.mark.parametrize("weights", ["uniform", inverse_square])
def test_batches_never_change_a_score(weights, monkeypatch):
    classifier = KNeighborsClassifier(weights=weights).fit(ROWS, CLASSES)
    regressor = KNeighborsRegressor(weights=weights).fit(ROWS, TARGETS)
    expected = classifier.score_path(KS), regressor.score_path(KS)
    monkeypatch.setattr("kneighbors.pipeline.scoring._CELLS_AT_ONCE", 39 * 7)
    np.testing.assert_array_equal(classifier.score_path(KS).scores, expected[0].scores)
    np.testing.assert_allclose(regressor.score_path(KS).scores, expected[1].scores, rtol=1e-14)


def test_other_ways_to_hold_rows():
    from scipy.sparse import csr_matrix

    expected = KNeighborsClassifier().fit(ROWS, CLASSES).score_path(KS).scores
    for model, rows in (
        (KNeighborsClassifier(), csr_matrix(ROWS)),
        (KNeighborsClassifier(metric="precomputed"), pairwise_distances(ROWS)),
    ):
        np.testing.assert_array_equal(model.fit(rows, CLASSES).score_path(KS).scores, expected)
    sampled = KNeighborsClassifier(sample_size=25, scale="standard").fit(ROWS, CLASSES)
    alone = sampled.set_params(n_neighbors=3).score(None, CLASSES[sampled.sample_indices_])
    assert sampled.score_path([3]).scores == pytest.approx([alone])


def test_ties_between_ks_go_to_the_smallest():
    path = KNeighborsClassifier().fit([[0], [1], [9], [10]], [0, 0, 1, 1]).score_path([3, 1, 1])
    assert path.ks.tolist() == [3, 1, 1] and path.scores.tolist() == [0.0, 1.0, 1.0] and path.best_k == 1
    same = KNeighborsRegressor().fit([[0], [1], [2]], [4.0, 4.0, 4.0]).score_path([2, 1])
    assert same.scores.tolist() == [1.0, 1.0] and same.best_k == 1


@pytest.mark.parametrize(
    ("ks", "error", "message"),
    [
        ([], ParameterError, "ks is empty"),
        ([3, 0], ParameterError, "1 or more. Got 0"),
        ([2**70], ParameterError, "1 or more"),
        ([1, 40], ParameterError, "Expected n_neighbors < n_samples_fit, but n_neighbors = 40"),
        (5, ParameterTypeError, r"integers, such as range\(1, 31\). Got 5"),
        ("13", ParameterTypeError, "integers"),
        ([1.0], ParameterTypeError, "Got 1.0 among them"),
        ([True], ParameterTypeError, "Got True among them"),
    ],
)
def test_ks_that_cannot_be_scored(ks, error, message):
    with pytest.raises(error, match=message):
        KNeighborsClassifier().fit(ROWS, CLASSES).score_path(ks)


def test_what_has_no_path():
    with pytest.raises(NotFittedError):
        KNeighborsClassifier().score_path([1])
    with pytest.raises(ParameterError, match="fitted without labels"):
        pipeline.score_path(NearestNeighbors().fit(ROWS)._model, [1])
    with pytest.raises(ParameterError, match="inner_product"):
        KNeighborsClassifier(metric="inner_product").fit(ROWS, CLASSES).set_params(
            weights="distance"
        ).score_path([1])
    assert not hasattr(RadiusNeighborsClassifier(), "score_path")
