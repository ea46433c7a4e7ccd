# SPDX-License-Identifier: Apache-2.0
"""An index after removals, numbered anew: it answers as one fitted on the rows that are left."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kneighbors.errors import ParameterError
from kneighbors.index import BlockIndex, FlatIndex, Index, KDTreeIndex, PlacesIndex, load_index

RNG = np.random.default_rng(9)
ROWS, QUERIES = np.round(RNG.normal(size=(200, 3)), 1), np.round(RNG.normal(size=(7, 3)), 1)
KINDS = [FlatIndex, KDTreeIndex, lambda: BlockIndex("manhattan")]


@pytest.fixture(params=KINDS)
def both(request):
    """The numbered index, and a plain one over the same rows."""
    index = request.param().fit(ROWS[:150])
    index.remove([0, 17, 149])
    index.add(ROWS[150:])
    index.remove([150, 199])
    left = np.setdiff1d(np.arange(200), [0, 17, 149, 150, 199])
    return PlacesIndex(index), request.param().fit(ROWS[left])


def assert_same(one, other):
    for left, right in zip(one, other, strict=True):
        assert_array_equal(left, right)


def test_it_answers_as_the_plain_one(both):
    numbered, plain = both
    assert isinstance(numbered, Index)
    assert (numbered.n_rows, numbered.next_id, numbered.ids.tolist()) == (195, 195, list(range(195)))
    assert_array_equal(numbered.rows, plain.rows)
    exclude = np.array([0, 194, -1, 3, 500, 16, 17])
    among = np.arange(0, 195, 2)
    mask = np.isin(np.arange(195), among)
    for options in ({}, {"exclude": exclude}, {"among": among}, {"among": mask, "exclude": exclude}):
        assert_same(numbered.search(QUERIES, 20, **options), plain.search(QUERIES, 20, **options))
        assert_same(
            numbered.search_radius(QUERIES, 0.9, **options), plain.search_radius(QUERIES, 0.9, **options)
        )
    assert numbered.trace(QUERIES[:1], 3)["ids"] == plain.trace(QUERIES[:1], 3)["ids"]
    assert json.loads(json.dumps(numbered.describe()))["n_rows"] == 195
    assert numbered.memory_bytes > 0


def test_it_is_saved_as_an_index_of_the_rows_that_are_left(both):
    numbered, plain = both
    loaded = load_index(*numbered.save())
    assert (loaded.next_id, type(loaded)) == (195, type(plain))
    assert_same(loaded.search(QUERIES, 9), plain.search(QUERIES, 9))


def test_it_does_not_change(both):
    numbered, _ = both
    for change in (
        lambda: numbered.fit(ROWS),
        lambda: numbered.add(ROWS),
        lambda: numbered.remove([1]),
        lambda: PlacesIndex.load({}, {}),
    ):
        with pytest.raises(ParameterError, match="PlacesIndex"):
            change()
