# SPDX-License-Identifier: Apache-2.0
"""KNeighborsClassifier: labels of every kind, several outputs, ties, priors, leave-one-out."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas
import pytest
import scipy.sparse
from sklearn import neighbors as theirs
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import LeaveOneOut, cross_val_predict, cross_val_score

from kneighbors import KNeighborsClassifier
from kneighbors.errors import DataTypeError, ParameterError

generator = np.random.default_rng(3)
ROWS = generator.normal(size=(80, 4))
CODES = generator.integers(0, 3, 80)
QUERIES = generator.normal(size=(20, 4))

KINDS: dict[str, Any] = {
    "int64": np.array([10, -3, 7]),
    "int8": np.array([10, -3, 7], dtype=np.int8),
    "uint64": np.array([1, 2, 2**64 - 1], dtype=np.uint64),
    "large": np.array([2**53 + 1, 2**53 + 2, -(2**63)]),
    "float": np.array([1.0, -3.0, 2.0**60]),
    "float32": np.array([1, 2, 3], dtype=np.float32),
    "bool": np.array([True, False, True]),
    "text": np.array(["b", "a", "longer"]),
    "objects": np.array(["b", "a", "ünï→"], dtype=object),
}


@pytest.mark.parametrize("kind", KINDS)
def test_r41_every_kind_of_label_comes_back_as_it_was(kind: str) -> None:
    """R41: labels keep their values and their dtype; none goes through a float or a narrower integer."""
    labels = KINDS[kind][CODES]
    model = KNeighborsClassifier(1).fit(ROWS, labels)
    predicted = model.predict(ROWS)
    assert predicted.dtype == labels.dtype
    assert predicted.tolist() == labels.tolist()
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    reference = theirs.KNeighborsClassifier(5).fit(ROWS, CODES)
    expected = KINDS[kind][reference.predict(QUERIES)] if len(set(KINDS[kind].tolist())) == 3 else None
    if expected is not None and (np.argsort(KINDS[kind]) == np.arange(3)).all():
        np.testing.assert_array_equal(KNeighborsClassifier(5).fit(ROWS, labels).predict(QUERIES), expected)


@pytest.mark.parametrize(
    "container", [list, tuple, pandas.Series, lambda y: pandas.Series(y).astype("category")]
)
def test_labels_may_come_in_any_container(container: Any) -> None:
    labels = KINDS["text"][CODES]
    model = KNeighborsClassifier(1).fit(ROWS, container(labels.tolist()))
    assert model.predict(ROWS).tolist() == labels.tolist()


def test_objects_that_are_numbers_or_booleans() -> None:
    for values in (np.array([5, 7, 9], dtype=object), np.array([True, False, True], dtype=object)):
        model = KNeighborsClassifier(1).fit(ROWS, values[CODES])
        assert model.classes_.dtype.kind in "ib"
        assert model.predict(ROWS).tolist() == values[CODES].tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, "a", 2], "mixes int .row 0. and str .row 1. in column 0"),
        (np.array([True, 2, "a"], dtype=object), "mixes bool .row 0. and int .row 1."),
        (np.array([b"a", b"b", b"c"]), "y holds bytes"),
        (np.array([1j, 2, 3]), "Complex data not supported"),
        (np.array(["2020-01-01"] * 3, dtype="datetime64[D]"), "y holds dates"),
        (np.array([{}, {}, {}], dtype=object), "objects of type dict"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(DataTypeError, match=message):
        KNeighborsClassifier(1).fit([[0.0], [1.0], [2.0]], labels)


@pytest.mark.parametrize("missing", [None, np.nan, pandas.NA, pandas.NaT])
def test_a_missing_label_is_named_by_its_row(missing: Any) -> None:
    with pytest.raises(ValueError, match="NaN or None at row 1, column 0"):
        KNeighborsClassifier(1).fit([[0.0], [1.0], [2.0]], np.array(["a", missing, "b"], dtype=object))


def test_numbers_that_are_no_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Unknown label type: continuous.*such as 0.5"):
        KNeighborsClassifier(1).fit([[0.0], [1.0]], [0.5, 1.0])


def test_one_class() -> None:
    model = KNeighborsClassifier(2).fit([[0.0], [1.0]], ["only", "only"])
    assert model.predict([[5.0]]).tolist() == ["only"]
    assert model.predict_proba([[5.0]]).tolist() == [[1.0]]


def test_several_outputs_equal_one_model_each() -> None:
    labels = np.stack([CODES, (CODES + 1) % 2], axis=1)
    model = KNeighborsClassifier(5, weights="distance").fit(ROWS, labels)
    assert model.outputs_2d_ and [classes.tolist() for classes in model.classes_] == [[0, 1, 2], [0, 1]]
    shares = model.predict_proba(QUERIES)
    for output in range(2):
        single = KNeighborsClassifier(5, weights="distance").fit(ROWS, labels[:, output])
        np.testing.assert_array_equal(model.predict(QUERIES)[:, output], single.predict(QUERIES))
        np.testing.assert_array_equal(shares[output], single.predict_proba(QUERIES))
    reference = theirs.KNeighborsClassifier(5, weights="distance").fit(ROWS, labels)
    np.testing.assert_array_equal(model.predict(QUERIES), reference.predict(QUERIES))
    indicators = KNeighborsClassifier(1).fit(ROWS, labels == 1)
    assert indicators.score(ROWS, labels == 1) == 1.0
    np.testing.assert_array_equal(
        KNeighborsClassifier(5, weights="distance")
        .fit(ROWS, scipy.sparse.csr_matrix(labels))
        .predict(QUERIES),
        model.predict(QUERIES),
    )


def test_outputs_of_mixed_kinds_keep_their_kinds() -> None:
    names, flags, numbers = KINDS["text"][CODES], CODES == 1, CODES * 10
    frame = pandas.DataFrame({"name": names, "flag": flags, "number": numbers})
    model = KNeighborsClassifier(1).fit(ROWS, frame)
    assert [classes.tolist() for classes in model.classes_] == [
        ["a", "b", "longer"],
        [False, True],
        [0, 10, 20],
    ]
    predicted = model.predict(ROWS)
    assert predicted.dtype == object
    assert predicted.tolist() == frame.to_numpy(dtype=object).tolist()
    rows_of_lists = [list(row) for row in zip(names.tolist(), numbers.tolist(), strict=True)]
    assert KNeighborsClassifier(1).fit(ROWS, rows_of_lists).predict(ROWS).tolist() == rows_of_lists
    both = KNeighborsClassifier(1).fit(ROWS, np.stack([CODES, CODES * 0.0], axis=1))
    assert both.predict(ROWS).dtype == np.float64


def test_a_column_vector_is_taken_flat_with_a_warning_at_the_caller() -> None:
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed") as caught:
        model = KNeighborsClassifier(1).fit(ROWS, CODES[:, None])
    assert caught[0].filename == __file__
    assert model.outputs_2d_ is False and model.predict(ROWS).shape == (80,)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_ties_go_to_the_lower_row_and_then_to_the_smaller_label(weights: str) -> None:
    rows, labels = [[-1.0], [1.0], [-1.0], [1.0]], ["d", "c", "b", "a"]
    model = KNeighborsClassifier(2, weights=weights).fit(rows, labels)
    assert model.kneighbors([[0.0]])[1].tolist() == [[0, 1]]
    assert model.predict([[0.0]]).tolist() == ["c"]
    assert model.set_params(n_neighbors=4).predict([[0.0]]).tolist() == ["a"]


def test_r34_duplicates_and_exact_hits_with_distance_weights() -> None:
    """R34 (scikit-learn issues 3760 and 25854): an exact hit decides alone; nothing is NaN."""
    rows = [[1.0], [1.0], [1.0], [2.0], [2.0], [9.0]]
    labels = [0, 1, 1, 2, 2, 2]
    model = KNeighborsClassifier(6, weights="distance").fit(rows, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shares = model.predict_proba([[1.0], [2.0], [3.0], [1e300]])
    np.testing.assert_allclose(shares[0], [1 / 3, 2 / 3, 0])
    assert shares[1].tolist() == [0, 0, 1]
    assert np.isfinite(shares).all() and np.allclose(shares.sum(axis=1), 1)


def test_all_weights_zero_is_an_error_that_names_the_query() -> None:
    model = KNeighborsClassifier(2, weights=lambda distances: (distances > 1).astype(float))
    model.fit([[0.0], [1.0], [5.0]], [0, 1, 1])
    for answer in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=r"some sample is getting zero weights.*query 1"):
            answer([[9.0], [0.5]])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_predict_none_is_leave_one_out(weights: str) -> None:
    model = KNeighborsClassifier(5, weights=weights).fit(ROWS, CODES)
    expected = cross_val_predict(model, ROWS, CODES, cv=LeaveOneOut())
    np.testing.assert_array_equal(model.predict(None), expected)
    assert model.score(None, CODES) == pytest.approx(
        cross_val_score(model, ROWS, CODES, cv=LeaveOneOut()).mean()
    )
    np.testing.assert_allclose(
        model.predict_proba(None),
        theirs.KNeighborsClassifier(5, weights=weights).fit(ROWS, CODES).predict_proba(None),
    )


def test_leave_one_out_excludes_by_id_not_by_place() -> None:
    """Three equal rows: each must answer with the other two, whichever is first at distance 0."""
    model = KNeighborsClassifier(2).fit([[1.0]] * 3 + [[5.0]], [0, 1, 2, 3])
    distances, ids = model.kneighbors(None)
    assert ids.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]
    assert distances.tolist() == [[0, 0], [0, 0], [0, 0], [4, 4]]
    assert model.predict(None).tolist() == [1, 0, 0, 0]


def test_priors_multiply_the_votes() -> None:
    plain = KNeighborsClassifier(7).fit(ROWS, CODES)
    priors = np.array([0.2, 0.5, 0.3])
    model = KNeighborsClassifier(7, priors=priors).fit(ROWS, CODES)
    expected = plain.predict_proba(QUERIES) * priors
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(QUERIES), expected)
    np.testing.assert_array_equal(model.predict(QUERIES), expected.argmax(axis=1))
    np.testing.assert_array_equal(model.predict(None), (plain.predict_proba(None) * priors).argmax(axis=1))
    several = KNeighborsClassifier(7, priors=[priors, [1.0, 3.0]]).fit(
        ROWS, np.stack([CODES, CODES > 0], axis=1)
    )
    np.testing.assert_array_equal(several.predict(QUERIES)[:, 0], model.predict(QUERIES))
    with pytest.raises(ParameterError, match=r"one prior per class, \(3,\), is expected"):
        KNeighborsClassifier(priors=[0.5, 0.5]).fit(ROWS, CODES)


def test_settings_of_the_vote_may_change_after_fit() -> None:
    model = KNeighborsClassifier(3).fit(ROWS, CODES)
    expected = (
        KNeighborsClassifier(9, weights="distance", priors=[1, 2, 3]).fit(ROWS, CODES).predict_proba(QUERIES)
    )
    model.set_params(n_neighbors=9, weights="distance", priors=[1, 2, 3])
    np.testing.assert_array_equal(model.predict_proba(QUERIES), expected)


def test_inner_product_has_no_distance_weights() -> None:
    model = KNeighborsClassifier(3, metric="inner_product").fit(ROWS, CODES)
    order = np.argsort(-(QUERIES @ ROWS.T), axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(model.kneighbors(QUERIES)[1], order)
    model.predict(QUERIES)
    with pytest.raises(ParameterError, match="weights='distance' has no meaning for metric='inner_product'"):
        model.set_params(weights="distance").predict(QUERIES)
    with pytest.raises(ParameterError, match="no meaning"):
        KNeighborsClassifier(3, metric="inner_product", weights="distance").fit(ROWS, CODES)


def test_thousands_of_classes() -> None:
    labels = np.arange(80) * 1000
    np.testing.assert_array_equal(KNeighborsClassifier(1).fit(ROWS, labels).predict(ROWS), labels)
    assert KNeighborsClassifier(3).fit(ROWS, labels).predict_proba(QUERIES).shape == (20, 80)


def test_the_answers_of_a_batch_are_those_of_its_rows() -> None:
    model = KNeighborsClassifier(7, weights="distance", priors=[1, 2, 3]).fit(ROWS, CODES)
    whole = model.predict_proba(QUERIES)
    np.testing.assert_array_equal(np.vstack([model.predict_proba(row[None]) for row in QUERIES]), whole)
    np.testing.assert_array_equal(
        np.vstack([model.predict_proba(QUERIES[:7]), model.predict_proba(QUERIES[7:])]), whole
    )
