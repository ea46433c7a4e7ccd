# SPDX-License-Identifier: Apache-2.0
"""One search tells everything: `pipeline.answer` equals the calls that ask for one thing each."""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors import pipeline
from kneighbors.errors import ParameterError
from kneighbors.labels import encode_classes, encode_targets

generator = np.random.default_rng(11)
ROWS = generator.integers(0, 4, size=(60, 2)).astype(np.float32)
QUERIES = np.concatenate([ROWS[:6], generator.normal(size=(7, 2)).astype(np.float32)])
CLASSES = np.array(["ant", "bee", "cat"])[generator.integers(0, 3, 60)]
TARGETS = generator.normal(size=(60, 2))
WEIGHTS = {
    "none": None,
    "whole": generator.integers(0, 4, 60).astype(float),
    "parts": generator.uniform(0.2, 3.0, 60),
}


def fitted(labels, sample_weight=None):
    kept = None if sample_weight is None else sample_weight > 0
    encoded = None if labels is None else labels(kept)
    return pipeline.fit_model(ROWS, pipeline.Settings(), labels=encoded, sample_weight=sample_weight)


def classes(kept):
    return encode_classes(CLASSES, kept)


@pytest.fixture
def searches(monkeypatch):
    """The number of searches that models make while this is in use."""
    count = []

    def counted(search):
        def call(index, *arguments, **more):
            count.append(search.__name__)
            return search(index, *arguments, **more)

        return call

    from kneighbors.index import KDTreeIndex

    monkeypatch.setattr(KDTreeIndex, "search", counted(KDTreeIndex.search))
    return count


@pytest.mark.parametrize("queries", [QUERIES, None, QUERIES[:0]], ids=["queries", "leave-one-out", "none"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("sample_weight", WEIGHTS.values(), ids=WEIGHTS)
def test_a_classifier_tells_everything_at_once(queries, weights, sample_weight):
    model = fitted(classes, sample_weight)
    priors = [np.array([0.2, 0.5, 0.3])]
    found = pipeline.answer(model, queries, 4, weights=weights, priors=priors, probabilities=True)
    distances, ids = pipeline.neighbors(model, queries, 4)
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_array_equal(found.labels, [CLASSES[ids]])
    expected = pipeline.classify(model, queries, 4, weights, priors)
    np.testing.assert_array_equal(found.predicted, expected)
    shares = pipeline.class_probabilities(model, queries, 4, weights, priors)
    np.testing.assert_array_equal(found.probabilities, shares)


def test_a_regressor_of_several_targets():
    model = fitted(lambda kept: encode_targets(TARGETS, kept))
    found = pipeline.answer(model, QUERIES, 3, weights="distance")
    np.testing.assert_array_equal(found.predicted, pipeline.regress(model, QUERIES, 3, "distance"))
    assert len(found.labels) == 2 and found.probabilities is None
    for output, values in enumerate(found.labels):
        np.testing.assert_array_equal(values, TARGETS[:, output][found.ids])


def test_a_model_without_labels_tells_its_neighbours():
    model = fitted(None)
    found = pipeline.answer(model, QUERIES, 3)
    distances, ids = pipeline.neighbors(model, QUERIES, 3)
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.ids, ids)
    assert found.labels is found.predicted is found.probabilities is None


def test_it_is_one_search(searches):
    pipeline.answer(fitted(classes), QUERIES, 5, probabilities=True)
    assert searches == ["search"]
    searches.clear()
    pipeline.answer(fitted(classes, WEIGHTS["whole"]), QUERIES, 5, probabilities=True)
    assert searches == ["search"]


def test_a_k_above_the_rows_that_weights_allow_shows_each_row_once():
    weights = np.zeros(60)
    weights[[3, 8, 21]] = 2.0, 5.0, 1.0
    model = fitted(classes, weights)
    found = pipeline.answer(model, QUERIES, 7, probabilities=True)
    assert found.ids.shape == (13, 3) and set(found.ids[0]) == {3, 8, 21}
    np.testing.assert_array_equal(found.predicted, pipeline.classify(model, QUERIES, 7))
    lone = pipeline.answer(model, None, 7)
    assert [sorted(row) for row in lone.ids.tolist()] == [[8, 21], [3, 21], [3, 8]]


def test_what_cannot_be_answered():
    for labels, kind in (
        (None, "a model without labels"),
        (lambda kept: encode_targets(TARGETS), "regressor"),
    ):
        with pytest.raises(ParameterError, match=f"Probabilities were asked of .*{kind}"):
            pipeline.answer(fitted(labels), QUERIES, 3, probabilities=True)
    for labels in (None, classes):
        with pytest.raises(ParameterError, match="n_neighbors = 61, n_samples_fit = 60"):
            pipeline.answer(fitted(labels), QUERIES, 61)
        with pytest.raises(ParameterError, match="Expected n_neighbors < n_samples_fit"):
            pipeline.answer(fitted(labels), None, 60)
