# SPDX-License-Identifier: Apache-2.0
"""Scores summed batch by batch equal scikit-learn's over all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from kneighbors.cli.scores import ClassScores, ValueScores

GENERATOR = np.random.default_rng(7)


def summed(scores, truth, predicted, sizes=(1, 7, 0, 30)):
    start = 0
    for size in (*sizes, len(truth)):
        scores.update(truth[start : start + size], predicted[start : start + size])
        start += size
    return scores.result()


@pytest.mark.parametrize(
    "names",
    [
        np.array(["cat", "dog", "emu", "fox"], dtype=object),
        np.array(["cat", "dog", "emu", "fox"]),
        np.array([3, 1, 7, 9]),
        np.array([0.0, 1.0, 2.0, 5.0]),
        np.array([True, False]),
    ],
    ids=["objects", "text", "ints", "floats", "bools"],
)
def test_classes(names):
    truth = names[GENERATOR.integers(0, len(names), 200)]
    predicted = np.where(GENERATOR.random(200) < 0.7, truth, names[GENERATOR.integers(0, len(names), 200)])
    result = summed(ClassScores(), truth, predicted)
    assert result["rows"] == 200
    assert result["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted), abs=1e-15)
    assert result["macro_f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"), abs=1e-15)
    labels = np.unique(names)
    parts = metrics.precision_recall_fscore_support(truth, predicted, labels=labels)
    confusion = metrics.confusion_matrix(truth, predicted, labels=labels)
    by_class = {one["class"]: one for one in result["classes"]}
    for place, label in enumerate(labels.tolist()):
        one = by_class[label]
        found = (one["precision"], one["recall"], one["f1"], one["rows"])
        assert found == pytest.approx([part[place] for part in parts], abs=1e-15)
        others = {other["class"]: other["rows"] for other in one["taken_for"]}
        assert others == {
            name: confusion[place, j]
            for j, name in enumerate(labels.tolist())
            if j != place and confusion[place, j]
        }
        counts = [other["rows"] for other in one["taken_for"]]
        assert counts == sorted(counts, reverse=True)
    worst = [one["f1"] for one in result["classes"]]
    assert worst == sorted(worst)


def test_classes_that_only_one_side_knows():
    truth, predicted = np.array([1, 1, 2]), np.array([1, 3, 3])
    result = summed(ClassScores(), truth, predicted)
    expected = metrics.f1_score(truth, predicted, average="macro", zero_division=0)
    assert result["macro_f1"] == pytest.approx(expected, abs=1e-15)
    assert [one["class"] for one in result["classes"]] == [2, 3, 1]


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_values(offset):
    truth = GENERATOR.normal(size=300) + offset
    predicted = truth + GENERATOR.normal(scale=0.3, size=300)
    result = summed(ValueScores(), truth, predicted)
    assert result["rows"] == 300
    assert result["r2"] == pytest.approx(metrics.r2_score(truth, predicted), rel=1e-12)
    assert result["mse"] == pytest.approx(metrics.mean_squared_error(truth, predicted), rel=1e-12)
    assert result["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted), rel=1e-12)


@pytest.mark.parametrize(("errors", "r2"), [([0.0, 0.0], 1.0), ([0.5, 0.0], 0.0)])
def test_values_without_spread_score_as_in_scikit_learn(errors, r2):
    truth = np.array([2.0, 2.0])
    assert summed(ValueScores(), truth, truth + errors)["r2"] == r2 == metrics.r2_score(truth, truth + errors)


def test_r2_of_one_row_has_no_meaning():
    assert summed(ValueScores(), np.array([1]), np.array([2.0])) == {
        "rows": 1,
        "r2": None,
        "mse": 1.0,
        "mae": 1.0,
    }
