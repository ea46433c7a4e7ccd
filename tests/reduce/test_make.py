# SPDX-License-Identifier: Apache-2.0
"""The door: what ``fit`` takes, and what ``load`` believes."""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors import reduce
from kneighbors.errors import DataError, ParameterError, ParameterTypeError
from kneighbors.parameters import REDUCTIONS
from kneighbors.reduce.make import seed_from

ROWS = np.random.default_rng(0).standard_normal((60, 9))


@pytest.mark.parametrize("kind", REDUCTIONS)
def test_every_reduction_of_the_table_is_made_and_made_again(kind):
    reducer = reduce.fit(kind, ROWS, 4)
    assert (reducer.kind, reducer.input_dim, reducer.target_dim) == (kind, 9, 4)
    again = reduce.load(reducer.description(), reducer.arrays())
    assert type(again) is type(reducer)
    assert again.transform(ROWS).tobytes() == reducer.transform(ROWS).tobytes()


@pytest.mark.parametrize("kind", REDUCTIONS)
def test_the_target_is_from_one_to_all_columns(kind):
    for target_dim in (1, 9):
        assert reduce.fit(kind, ROWS, target_dim).transform(ROWS).shape == (60, target_dim)
    for target_dim in (0, -1, 10):
        with pytest.raises(ParameterError, match=rf"reduce_dim == {target_dim}, must be from 1 to 9"):
            reduce.fit(kind, ROWS, target_dim)
    for target_dim in (2.0, "2", None, True):
        with pytest.raises(ParameterTypeError, match="reduce_dim must be an int"):
            reduce.fit(kind, ROWS, target_dim)
    assert reduce.fit(kind, ROWS, np.int64(3)).description()["target_dim"] == 3


def test_an_unknown_kind_names_those_that_work():
    with pytest.raises(
        ParameterError, match="reduce='svd' was given; expected 'sign', 'fjlt', 'pca', 'select'"
    ):
        reduce.fit("svd", ROWS, 2)


@pytest.mark.parametrize("kind", ["sign", "fjlt"])
def test_random_projections_look_at_no_values(kind):
    expected = reduce.fit(kind, ROWS, 3).transform(ROWS)
    for rows in (np.zeros_like(ROWS), ROWS[:0], ROWS.astype(np.float32)):
        np.testing.assert_array_equal(reduce.fit(kind, rows, 3).transform(ROWS), expected)
    assert reduce.fit(kind, ROWS, 3).variance_kept is None


def test_random_states():
    assert seed_from(5) == 5 and seed_from(np.int32(5)) == 5
    assert seed_from(np.random.RandomState(0)) == seed_from(np.random.RandomState(0))
    assert seed_from(np.random.default_rng(0)) == seed_from(np.random.default_rng(0))
    assert 0 <= seed_from(None) < 2**32
    for wrong in (-1, 2**32):
        with pytest.raises(ParameterError, match=rf"random_state == {wrong}"):
            seed_from(wrong)
    for wrong in ("0", 1.0, True):
        with pytest.raises(ParameterTypeError, match="random_state must be"):
            seed_from(wrong)


@pytest.mark.parametrize("kind", ["sign", "fjlt"])
def test_x1_load_believes_nothing(kind):
    description = reduce.fit(kind, ROWS, 3).description()
    for name, wrong in (
        ("type", "svd"),
        ("type", None),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 1.0),
        ("seed", True),
        ("input_dim", 0),
        ("input_dim", 2**31),
        ("input_dim", "9"),
        ("target_dim", 0),
        ("target_dim", 10),
        ("target_dim", None),
    ):
        with pytest.raises(DataError):
            reduce.load({**description, name: wrong}, {})
    for name in description:
        with pytest.raises(DataError, match=name):
            reduce.load({key: value for key, value in description.items() if key != name}, {})


@pytest.mark.parametrize("kind", ["sign", "fjlt"])
def test_r02_a_huge_claim_allocates_nothing(kind):
    """90 bytes of JSON may ask for 2^60 signs; they are made only for rows that have so many columns."""
    reducer = reduce.load({"type": kind, "seed": 0, "input_dim": 2**30, "target_dim": 2**30}, {})
    assert reducer.memory_bytes == 0
    with pytest.raises(DataError, match=f"have 9 columns; {2**30} are expected"):
        reducer.transform(ROWS)
    assert reducer.memory_bytes == 0
