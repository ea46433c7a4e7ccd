# SPDX-License-Identifier: Apache-2.0
"""Labels beside the rows: one kind, exact, none missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors import data
from kneighbors.data.labels import as_labels
from kneighbors.data.pairs import labels_beside
from kneighbors.data.values import Place
from kneighbors.errors import DataError, DataTypeError


@pytest.mark.parametrize(
    "dtype, expected",
    [
        ("?", "?"),
        ("i1", "i8"),
        ("u4", "i8"),
        ("u8", "i8"),
        (">i8", "i8"),
        ("f2", "f4"),
        ("f4", "f4"),
        ("f8", "f8"),
    ],
)
def test_dtypes(dtype: str, expected: str) -> None:
    found = labels_beside(np.array([1, 0, 1], dtype=dtype))
    assert found.dtype == np.dtype(expected) and found.tolist() == [1, 0, 1]


def test_r41_wrong_dtypes_are_refused_not_cast() -> None:
    """R41: nothing that is no label is turned into one."""
    for wrong in (
        np.array([1 + 2j, 3]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.array([b"x"]),
        np.array([1.0], dtype=np.longdouble),
        np.zeros(2, dtype=[("a", "i4")]),
        [1, "a"],
        ["a", 1],
        [True, 1],
        [1, 2.5],
        [1, True],
        [{}, {}],
        np.array([[1], "a"], dtype=object),
        [object()],
    ):
        with pytest.raises(DataTypeError):
            labels_beside(wrong)


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("others", [["a", "b"], [1.5, 2.5], [1, 2]])
def test_missing_labels(missing, others) -> None:
    with pytest.raises(DataError, match="row 2") as caught:
        labels_beside(np.array([*others, missing], dtype=object))
    assert caught.value.row == 2
    with pytest.raises(DataError):
        labels_beside([*others, missing])


def test_targets_that_are_not_finite() -> None:
    """X8: NaN and infinite targets are refused."""
    for bad in (np.nan, np.inf, -np.inf):
        for values in (np.array([1.0, bad]), [1.0, bad], np.array([1.0, bad], dtype=np.float32)):
            with pytest.raises(DataError, match="row 1"):
                labels_beside(values)
        with pytest.raises(DataError, match="row 1"):
            labels_beside(np.array([[1.0, 2.0], [3.0, bad]]))


def test_whole_numbers_beyond_int64() -> None:
    assert labels_beside(np.array([2**63 - 1], dtype=np.uint64)).tolist() == [2**63 - 1]
    assert labels_beside([2**63 - 1, -(2**63)]).tolist() == [2**63 - 1, -(2**63)]
    for values in (np.array([0, 2**63], dtype=np.uint64), [0, 2**63], [0, -(2**63) - 1], [0, 10**30]):
        with pytest.raises(DataError, match=r"row 1.*64-bit"):
            labels_beside(values)


def test_shapes() -> None:
    assert labels_beside([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert labels_beside(np.array([["a", "b"]])).tolist() == [["a", "b"]]
    for wrong in (np.float64(1.0), np.zeros((2, 2, 2))):
        with pytest.raises(DataError, match="shape"):
            labels_beside(wrong)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
@settings(max_examples=100, deadline=None)
def test_float32_labels_keep_every_bit(values: list[float]) -> None:
    expected = np.array(values, dtype=np.float32)
    found = as_labels(expected, Place("labels"))
    assert found.dtype == np.float32 and found.tobytes() == expected.tobytes()


# --- joining


@pytest.mark.parametrize(
    "pieces, expected",
    [
        ([[1, 2], [3]], [1, 2, 3]),
        ([[1, 2], [2.5]], [1.0, 2.0, 2.5]),
        ([[2**53], [0.5]], [2.0**53, 0.5]),
        ([["a"], ["bbb"]], ["a", "bbb"]),
        ([[True], [False]], [True, False]),
        ([[], [3]], [3]),
    ],
)
def test_join(pieces, expected) -> None:
    found = data.join_labels([np.array(piece, dtype=None if piece else np.int64) for piece in pieces])
    assert found.tolist() == expected and found.dtype == np.array(expected).dtype


def test_join_text_of_two_forms() -> None:
    found = data.join_labels([np.array(["a"]), np.array(["b"], dtype=object)])
    assert found.dtype == object and found.tolist() == ["a", "b"]


@pytest.mark.parametrize("beyond", [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)])
def test_join_loses_nothing(beyond: int) -> None:
    with pytest.raises(DataError, match=r"2\*\*53"):
        data.join_labels([np.array([beyond]), np.array([0.5])])


@pytest.mark.parametrize("pair", [([1], ["a"]), ([True], [1]), ([True], ["a"]), ([1.5], [False])])
def test_join_refuses_mixed_kinds(pair) -> None:
    with pytest.raises(DataTypeError, match="expected labels"):
        data.join_labels([np.array(piece) for piece in pair])
