# SPDX-License-Identifier: Apache-2.0
"""The k smallest by (value, place), with ties, infinities and NaN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kneighbors.index import selection
from tests.reference import exact

values_with_ties = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 20)),
    elements=st.sampled_from([0.0, -0.0, 1.0, 2.0, -3.0, np.inf, -np.inf, np.nan]),
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(values_with_ties, st.data())
def test_smallest_is_the_head_of_a_full_sort(values, data):
    k = data.draw(st.integers(1, values.shape[1]))
    expected = exact.nearest(values, k)
    chosen, places = selection.smallest(values, k)
    np.testing.assert_array_equal(places, expected[1])
    np.testing.assert_array_equal(chosen, expected[0])


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(values_with_ties, st.data())
def test_blocks_merge_into_the_whole(values, data):
    width = values.shape[1]
    k, step = data.draw(st.integers(1, width)), data.draw(st.integers(1, width))
    best = None
    for start in range(0, width, step):
        block = values[:, start : start + step]
        chosen, places = selection.smallest(block, min(k, block.shape[1]))
        best = selection.merge(best, chosen, places + start, k)
    np.testing.assert_array_equal(best[1], exact.nearest(values, k)[1])


@pytest.mark.parametrize("k", [1, 2, 4])
def test_drop_excluded_keeps_k(k):
    values = np.array([[0.0, 1.0, 1.0, 2.0, 2.0]] * 3)
    excluded = np.array([0, 2, -1])
    wide = selection.smallest(values, k + 1)
    _, places = selection.drop_excluded(*wide, excluded, k)
    np.testing.assert_array_equal(places, exact.nearest(values, k, excluded)[1])
