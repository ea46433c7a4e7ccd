# SPDX-License-Identifier: Apache-2.0
"""Labels: from y to codes, classes and targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kneighbors.errors import DataError, DataTypeError
from kneighbors.labels import as_target, encode_classes, encode_targets


def test_codes_and_classes_give_the_labels_back() -> None:
    y = np.array(["b", "c", "a", "b"])
    labels = encode_classes(y)
    assert labels.values.tolist() == [[1], [2], [0], [1]] and labels.values.dtype == np.int64
    assert labels.classes is not None and labels.classes[0].tolist() == ["a", "b", "c"]
    assert labels.n_outputs == 1 and not labels.outputs_2d
    assert labels.decode([labels.values[:, 0]]).tolist() == y.tolist()
    assert labels.raveled.tolist() == [1, 2, 0, 1]


def test_only_kept_rows_name_classes() -> None:
    labels = encode_classes(["b", "c", "a"], np.array([True, False, True]))
    assert labels.classes is not None and labels.classes[0].tolist() == ["a", "b"]
    assert labels.values.tolist() == [[1], [0]]
    assert encode_targets([1.0, 2.0, 3.0], np.array([True, False, True])).values.tolist() == [[1.0], [3.0]]


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ([np.array([1, 2]), np.array([0.5, 1.0])], np.float64),
        ([np.array([1, 2], dtype=np.int8), np.array([300, 400])], np.int64),
        ([np.array(["a", "b"]), np.array(["long", "longer"])], "<U6"),
        ([np.array(["a", "b"]), np.array([1, 2])], object),
        ([np.array([True, False]), np.array([1, 2])], object),
        ([np.array(["a", "b"], dtype=object), np.array(["c", "d"])], object),
    ],
)
def test_decoded_outputs_share_the_narrowest_type_that_keeps_their_kind(
    columns: list[Any], dtype: Any
) -> None:
    from kneighbors.labels import Labels

    labels = Labels(np.array([[0, 1], [1, 0]]), columns, outputs_2d=True)
    decoded = labels.decode([np.array([0, 1]), np.array([1, 0])])
    assert decoded.dtype == dtype
    assert decoded.tolist() == [[columns[0][0], columns[1][1]], [columns[0][1], columns[1][0]]]


def test_a_list_that_mixes_text_and_numbers_is_not_turned_into_text() -> None:
    assert np.asarray([1, "a"]).dtype.kind == "U", "what NumPy would do"
    with pytest.raises(DataTypeError, match=r"mixes int .row 0. and str .row 1."):
        encode_classes([1, "a"])
    labels = encode_classes([[1, "a"], [2, "b"]])
    assert labels.classes is not None
    assert [classes.tolist() for classes in labels.classes] == [[1, 2], ["a", "b"]]


def test_large_integers_stay_integers() -> None:
    assert as_target(np.array([2**53, -(2**53)])).dtype == np.float64
    kept = as_target(np.array([2**53 + 1, 3]))
    assert kept.dtype == np.int64 and kept.tolist() == [2**53 + 1, 3]
    assert as_target(np.array([2**64 - 1], dtype=np.uint64)).dtype == np.float64
    assert as_target(np.array([True, False])).tolist() == [1.0, 0.0]
    with pytest.raises(DataError, match="beyond 64 bits"):
        encode_classes(np.array([2**80, 1], dtype=object))


@pytest.mark.parametrize("y", [np.zeros((2, 2, 2)), np.float64(3.0), np.empty((3, 0))])
def test_shapes_that_are_no_labels(y: Any) -> None:
    with pytest.raises(DataError, match="y"):
        encode_classes(y)


def test_the_users_array_is_not_touched() -> None:
    y = np.array([3, 1, 2], dtype=">i4")
    before = y.copy()
    labels = encode_classes(y)
    assert labels.classes is not None and labels.classes[0].dtype.isnative
    np.testing.assert_array_equal(y, before)
