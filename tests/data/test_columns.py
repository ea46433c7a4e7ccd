# SPDX-License-Identifier: Apache-2.0
"""Choosing feature and label columns."""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors.data.columns import select
from kneighbors.data.values import Place
from kneighbors.errors import DataError, ParameterTypeError

NAMES = ("id", "height", "weight", "kind")


def choose(label=None, columns=None, names=NAMES, n_columns=4):
    return select(n_columns, names, label=label, columns=columns, place=Place("table", names))


@pytest.mark.parametrize(
    "label, columns, features, labels",
    [
        (None, None, (0, 1, 2, 3), ()),
        ("kind", None, (0, 1, 2), (3,)),
        (-1, None, (0, 1, 2), (3,)),
        (0, None, (1, 2, 3), (0,)),
        (np.int64(1), None, (0, 2, 3), (1,)),
        (["kind", 0], None, (1, 2), (3, 0)),
        ("kind", ["weight", "height"], (2, 1), (3,)),
        (None, [-1, "id"], (3, 0), ()),
        (None, np.array([1, 2]), (1, 2), ()),
        ("kind", "height", (1,), (3,)),
        ([], (1,), (1,), ()),
    ],
)
def test_choice(label, columns, features, labels) -> None:
    found = choose(label, columns)
    assert (found.features, found.labels) == (features, labels)
    assert found.feature_names == tuple(NAMES[i] for i in features)
    assert found.label_name == (", ".join(NAMES[i] for i in labels) or None)


def test_without_names() -> None:
    found = choose(label=0, names=None)
    assert (found.features, found.feature_names, found.label_name) == ((1, 2, 3), None, None)
    with pytest.raises(DataError, match=r"have no names; expected a position.*header=True"):
        choose(label="kind", names=None)


@pytest.mark.parametrize(
    "label, columns, words",
    [
        ("knid", None, "Did you mean 'kind' or 'id'?"),
        ("zzz", None, "The columns are 'id', 'height', 'weight', 'kind'."),
        (4, None, "there are 4 columns; expected a position from 0 to 3"),
        (-5, None, "or from -4 to -1"),
        ("kind", ["id", "kind"], "column 'kind': found it named both as label and in columns"),
        (None, ["id", 0], "column 'id': found it twice in columns"),
        (["kind", "kind"], None, "found it twice in label"),
        (list(NAMES), None, "no feature column among 4 columns"),
        (None, [], "no feature column"),
    ],
)
def test_refusals(label, columns, words: str) -> None:
    with pytest.raises(DataError) as caught:
        choose(label, columns)
    assert words in str(caught.value)


@pytest.mark.parametrize("wrong", [1.5, True, [True], [1.5], [["id"]], {"id"}, b"id"])
def test_types(wrong) -> None:
    if wrong is True or wrong == b"id":
        with pytest.raises((ParameterTypeError, DataError)):
            choose(label=wrong)
        return
    with pytest.raises(ParameterTypeError, match="label"):
        choose(label=wrong)


def test_many_columns_in_a_moment() -> None:
    names = tuple(f"x{i}" for i in range(100_000))
    found = choose(label="x5", names=names, n_columns=100_000)
    assert len(found.features) == 99_999
    chosen = choose(label="x5", columns=list(names[6:3_000]), names=names, n_columns=100_000)
    assert chosen.features == tuple(range(6, 3_000))
