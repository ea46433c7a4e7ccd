# SPDX-License-Identifier: Apache-2.0
"""``select``: scikit-learn's scores, columns kept as they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn import feature_selection

from kneighbors import reduce
from kneighbors.errors import DataError, ParameterError
from kneighbors.reduce.select import variances

RANDOM = np.random.default_rng(0)
CLASSES = RANDOM.integers(3, size=400)
TARGETS = RANDOM.standard_normal(400)
ROWS = RANDOM.standard_normal((400, 10)) * np.linspace(1, 2, 10)
ROWS[:, 2] += CLASSES
ROWS[:, 5] -= 2 * CLASSES
ROWS[:, 7] += TARGETS
ROWS[:, 0] += TARGETS**2
ROWS[:, 9] = 4.0


def best(scores, count):
    return np.sort(np.argsort(-np.nan_to_num(scores, nan=-1), kind="stable")[:count])


def test_variance_is_the_default_without_labels():
    reducer = reduce.fit("select", ROWS, 4)
    np.testing.assert_array_equal(reducer.columns, best(ROWS.var(axis=0), 4))
    assert reducer.score == "variance" and reducer.columns.dtype == np.int64


def test_anova_f_is_the_default_for_classes():
    reducer = reduce.fit("select", ROWS, 2, labels=CLASSES, task="classifier")
    np.testing.assert_array_equal(reducer.columns, [2, 5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = feature_selection.f_classif(ROWS, CLASSES)[0]
    for count in range(1, 10):
        chosen = reduce.fit("select", ROWS, count, labels=CLASSES).columns
        np.testing.assert_array_equal(chosen, best(scores, count))


def test_f_regression_is_the_default_for_targets():
    scores = feature_selection.f_regression(ROWS, TARGETS)[0]
    for count in (1, 3, 6):
        for task in (None, "regressor"):
            chosen = reduce.fit("select", ROWS, count, labels=TARGETS, task=task).columns
            np.testing.assert_array_equal(chosen, best(scores, count))
    assert 7 in reduce.fit("select", ROWS, 1, labels=TARGETS).columns


def test_mutual_information_sees_what_is_not_linear():
    reducer = reduce.fit("select", ROWS, 2, labels=TARGETS, score="mutual_info")
    np.testing.assert_array_equal(reducer.columns, [0, 7])
    expected = feature_selection.mutual_info_classif(ROWS, CLASSES, random_state=5)
    chosen = reduce.fit("select", ROWS, 3, labels=CLASSES, score="mutual_info", random_state=5)
    np.testing.assert_array_equal(chosen.columns, best(expected, 3))


def test_strings_and_booleans_are_classes():
    names = np.array(["a", "b", "c"])[CLASSES]
    expected = reduce.fit("select", ROWS, 3, labels=CLASSES).columns
    for labels in (names, names.astype(object)):
        np.testing.assert_array_equal(reduce.fit("select", ROWS, 3, labels=labels).columns, expected)
    reduce.fit("select", ROWS, 3, labels=CLASSES == 1)


def test_floats_are_classes_where_the_task_says_so():
    chosen = reduce.fit("select", ROWS, 2, labels=CLASSES.astype(float), task="classifier").columns
    np.testing.assert_array_equal(chosen, [2, 5])


def test_several_outputs_are_averaged():
    both = np.column_stack([TARGETS, ROWS[:, 3] + 0.1 * RANDOM.standard_normal(400)])
    np.testing.assert_array_equal(reduce.fit("select", ROWS, 2, labels=both).columns, [3, 7])


def test_r21_a_common_offset_hides_no_score():
    """float32 rows at 1e5: sums of squares in float32 would be noise."""
    rows = (ROWS.astype(np.float32) + np.float32(1e5)).astype(np.float32)
    np.testing.assert_array_equal(reduce.fit("select", rows, 2, labels=CLASSES).columns, [2, 5])
    np.testing.assert_allclose(variances(rows), rows.astype(np.float64).var(axis=0), rtol=1e-12)


def test_constant_columns_come_last_and_ties_go_to_the_lower_column():
    rows = np.repeat(RANDOM.standard_normal((50, 1)), 6, axis=1)
    rows[:, 0] = 1.0
    labels = (rows[:, 1] > 0).astype(int)
    for given in (None, labels):
        np.testing.assert_array_equal(reduce.fit("select", rows, 3, labels=given).columns, [1, 2, 3])
    assert 0 in reduce.fit("select", rows, 6, labels=labels).columns


def test_one_class_or_constant_rows_still_choose():
    np.testing.assert_array_equal(reduce.fit("select", ROWS, 3, labels=np.zeros(400, int)).columns, [0, 1, 2])
    reducer = reduce.fit("select", np.ones((5, 4)), 2)
    np.testing.assert_array_equal(reducer.columns, [0, 1])
    assert reducer.variance_kept == 1.0


def test_columns_go_through_as_they_are():
    reducer = reduce.fit("select", ROWS, 4)
    reduced = reducer.transform(ROWS.astype(np.float32))
    np.testing.assert_array_equal(reduced, ROWS.astype(np.float32)[:, reducer.columns])
    assert reduced.flags.c_contiguous
    kept = ROWS.var(axis=0)[reducer.columns].sum() / ROWS.var(axis=0).sum()
    assert reducer.variance_kept == pytest.approx(kept)


@pytest.mark.parametrize("labels", [None, CLASSES, TARGETS])
def test_sparse_rows_choose_as_dense_ones(labels):
    rows = np.where(RANDOM.random(ROWS.shape) < 0.5, 0.0, ROWS)
    dense = reduce.fit("select", rows, 4, labels=labels)
    sparse = reduce.fit("select", scipy.sparse.csr_matrix(rows), 4, labels=labels)
    np.testing.assert_array_equal(sparse.columns, dense.columns)
    assert sparse.variance_kept == pytest.approx(dense.variance_kept)


def test_saved_and_loaded():
    reducer = reduce.fit("select", ROWS, 4, labels=CLASSES, random_state=2)
    assert reducer.description()["score"] == "f"
    again = reduce.load(reducer.description(), reducer.arrays())
    np.testing.assert_array_equal(again.transform(ROWS), reducer.transform(ROWS))
    assert again.description() == reducer.description()


def test_damaged_arrays_are_refused():
    reducer = reduce.fit("select", ROWS, 4)
    description = reducer.description()
    for columns in (
        np.array([0, 1, 2]),
        np.array([0, 1, 2, 10]),
        np.array([-1, 1, 2, 3]),
        np.array([0, 2, 2, 3]),
        np.array([0, 1, 2, 3], dtype=np.int32),
        np.array([[0, 1, 2, 3]]),
    ):
        with pytest.raises(DataError, match="'select'"):
            reduce.load(description, {"columns": columns})
    with pytest.raises(DataError, match="found nothing"):
        reduce.load(description, {})
    for wrong in ({"score": "best"}, {"score": None}, {"variance_kept": -0.1}, {"variance_kept": None}):
        with pytest.raises(DataError, match="score"):
            reduce.load({**description, **wrong}, reducer.arrays())


def test_refusals_say_what_would_work():
    with pytest.raises(ParameterError, match=r"score='best' was given; expected one of 'variance'"):
        reduce.fit("select", ROWS, 2, score="best")
    with pytest.raises(ParameterError, match="Give labels, or score='variance'"):
        reduce.fit("select", ROWS, 2, score="f")
    with pytest.raises(ParameterError, match="task='both'"):
        reduce.fit("select", ROWS, 2, labels=CLASSES, task="both")
    with pytest.raises(DataError, match=r"Labels of shape \(399,\) were given for 400 rows"):
        reduce.fit("select", ROWS, 2, labels=CLASSES[:-1])
    with pytest.raises(DataError, match="there are none"):
        reduce.fit("select", ROWS[:0], 2)
