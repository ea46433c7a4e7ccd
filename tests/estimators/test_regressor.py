# SPDX-License-Identifier: Apache-2.0
"""KNeighborsRegressor: means, several outputs, leave-one-out, targets of every kind of number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
import scipy.sparse
from sklearn import neighbors as theirs
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from kneighbors import KNeighborsRegressor
from kneighbors.errors import DataTypeError

generator = np.random.default_rng(4)
ROWS = generator.normal(size=(80, 4))
TARGETS = generator.normal(size=80)
QUERIES = generator.normal(size=(20, 4))


@pytest.mark.parametrize("weights", ["uniform", "distance", lambda distances: np.exp(-distances)])
def test_several_outputs_equal_one_model_each(weights: Any) -> None:
    targets = np.stack([TARGETS, TARGETS**2, -TARGETS], axis=1)
    model = KNeighborsRegressor(6, weights=weights).fit(ROWS, targets)
    predicted = model.predict(QUERIES)
    assert predicted.shape == (20, 3) and predicted.dtype == np.float64
    for output in range(3):
        single = KNeighborsRegressor(6, weights=weights).fit(ROWS, targets[:, output])
        np.testing.assert_array_equal(predicted[:, output], single.predict(QUERIES))
    reference = theirs.KNeighborsRegressor(6, weights=weights).fit(ROWS, targets)
    np.testing.assert_allclose(predicted, reference.predict(QUERIES))
    sparse_targets = KNeighborsRegressor(6, weights=weights).fit(ROWS, scipy.sparse.csr_array(targets))
    np.testing.assert_array_equal(sparse_targets.predict(QUERIES), predicted)


def test_a_column_of_targets_keeps_its_shape() -> None:
    model = KNeighborsRegressor(3).fit(ROWS, TARGETS[:, None])
    assert model.predict(QUERIES).shape == (20, 1)


def test_r34_zero_distances_decide_alone() -> None:
    """R34: at a hit the mean is over the hits alone, whatever else is near."""
    rows = np.array([[0.0], [0.0], [0.1], [5.0]])
    model = KNeighborsRegressor(4, weights="distance").fit(rows, [1.0, 2.0, 50.0, 90.0])
    assert model.predict([[0.0], [0.1]]).tolist() == [1.5, 50.0]
    reference = theirs.KNeighborsRegressor(4, weights="distance").fit(rows, [1.0, 2.0, 50.0, 90.0])
    np.testing.assert_array_equal(model.predict([[0.0], [0.1]]), reference.predict([[0.0], [0.1]]))


def test_distances_so_small_that_their_inverse_overflows() -> None:
    model = KNeighborsRegressor(2, weights="distance", p=1).fit([[0.0], [3e-320]], [0.0, 3.0])
    np.testing.assert_allclose(model.predict([[1e-320]]), [1.0], rtol=1e-3)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_predict_none_is_leave_one_out(weights: str) -> None:
    model = KNeighborsRegressor(5, weights=weights).fit(ROWS, TARGETS)
    np.testing.assert_allclose(model.predict(None), cross_val_predict(model, ROWS, TARGETS, cv=LeaveOneOut()))
    assert model.score(None, TARGETS) == pytest.approx(
        theirs.KNeighborsRegressor(5, weights=weights).fit(ROWS, TARGETS).score(None, TARGETS)
    )


@pytest.mark.parametrize(
    "dtype", [np.int8, np.int64, np.uint16, np.float16, np.float32, np.float64, bool, object, ">f4"]
)
def test_r41_targets_of_any_number_type(dtype: Any) -> None:
    """R41: each number type means the number it holds, whatever container it came in."""
    numbers = np.array([1, 0, 1, 1]) if dtype is bool else np.array([3, 0, 7, 5])
    model = KNeighborsRegressor(1).fit(np.arange(4.0)[:, None], numbers.astype(dtype))
    predicted = model.predict(np.arange(4.0)[:, None])
    assert predicted.tolist() == numbers.tolist() and predicted.dtype == np.float64


def test_containers_of_targets() -> None:
    expected = KNeighborsRegressor(3).fit(ROWS, TARGETS).predict(QUERIES)
    for given in (TARGETS.tolist(), pandas.Series(TARGETS), pandas.Series(TARGETS, dtype="Float64")):
        np.testing.assert_array_equal(KNeighborsRegressor(3).fit(ROWS, given).predict(QUERIES), expected)
    rows = pandas.DataFrame(ROWS, columns=list("abcd"))
    framed = KNeighborsRegressor(3).fit(rows, TARGETS)
    np.testing.assert_array_equal(framed.predict(pandas.DataFrame(QUERIES, columns=list("abcd"))), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_targets_that_are_not_finite_are_named(value: float) -> None:
    targets = TARGETS.copy()
    targets[[17, 40]] = value
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity) at row 17, column 0; 2 of 80"):
        KNeighborsRegressor().fit(ROWS, targets)


def test_strings_are_no_targets() -> None:
    for labels in (["a", "b"], np.array(["1", "2"]), np.array(["1", "2"], dtype=object)):
        with pytest.raises(DataTypeError, match="a regressor's targets must be numbers"):
            KNeighborsRegressor(1).fit([[0.0], [1.0]], labels)


def test_weights_that_sum_to_zero_have_no_mean() -> None:
    model = KNeighborsRegressor(2, weights=lambda distances: distances * 0).fit([[0.0], [1.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="query 0 sum to zero"):
        model.predict([[0.0]])


def test_negative_weights_are_the_users_own_business() -> None:
    model = KNeighborsRegressor(2, weights=lambda distances: np.array([[2.0, -1.0]]) + 0 * distances)
    model.fit([[0.0], [1.0]], [1.0, 4.0])
    assert model.predict([[0.0]]).tolist() == [-2.0]
