# SPDX-License-Identifier: Apache-2.0
"""X3: what must not change an answer does not change it, in at least 200 drawn cases each.

Where the change alters the arithmetic (a translation, another order of columns) the values are integers, so
small that every sum is exact: the answers must still be equal bit for bit.
"""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors.index import FlatIndex, load_index
from tests.reference import exact

METRICS = ("sqeuclidean", "euclidean", "inner_product", "cosine")
at_least_200 = settings(max_examples=250, deadline=None, derandomize=True, database=None)


@dataclass
class Case:
    rows: np.ndarray
    queries: np.ndarray
    k: int
    metric: str
    rng: np.random.Generator

    def ask(self, rows=None, queries=None, k=None):
        index = FlatIndex(self.metric).fit(self.rows if rows is None else rows)
        return index.search(self.queries if queries is None else queries, k or self.k)


@st.composite
def cases(draw, integers, metrics=METRICS):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_queries = draw(st.integers(1, 90)), draw(st.integers(1, 25))
    n_columns = draw(st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17, 31, 40]))
    points = rng.normal(size=(n_rows + n_queries, n_columns)) * draw(st.sampled_from([1.0, 1e-3, 1e3]))
    if integers:
        points = rng.integers(-50, 51, size=points.shape)
    points = points.astype(draw(st.sampled_from([np.float32, np.float64])))
    return Case(
        points[:n_rows],
        points[n_rows:],
        draw(st.integers(1, n_rows)),
        draw(st.sampled_from(metrics)),
        rng,
    )


def assert_same(left, right):
    np.testing.assert_array_equal(left[1], right[1])
    np.testing.assert_array_equal(left[0], right[0])


@at_least_200
@given(cases(integers=True, metrics=("sqeuclidean", "euclidean")), st.integers(-(2**17), 2**17))
def test_x3_r21_translation_by_an_exact_amount(case, amount):
    shift = (amount + case.rng.integers(-100, 100, size=case.rows.shape[1])).astype(case.rows.dtype)
    assert_same(case.ask(case.rows + shift, case.queries + shift), case.ask())


@at_least_200
@given(cases(integers=False), st.integers(1, 20))
def test_x3_r22_zero_padding(case, width):
    def padded(array):
        return np.ascontiguousarray(np.pad(array, ((0, 0), (0, width))))

    assert_same(case.ask(padded(case.rows), padded(case.queries)), case.ask())


@at_least_200
@given(cases(integers=True))
def test_x3_permuted_features(case):
    order = case.rng.permutation(case.rows.shape[1])
    rows, queries = (np.ascontiguousarray(array[:, order]) for array in (case.rows, case.queries))
    assert_same(case.ask(rows, queries), case.ask())


@at_least_200
@given(cases(integers=True, metrics=("sqeuclidean", "inner_product", "cosine")))
def test_x3_permuted_rows(case):
    """Each row keeps its distance; ties go to the lower of the new ids."""
    order = case.rng.permutation(len(case.rows))
    distances, ids = case.ask(case.rows[order])
    everything, places = case.ask(k=len(case.rows))
    by_row = np.empty_like(everything)
    np.put_along_axis(by_row, places, everything, axis=1)
    expected = exact.nearest(by_row[:, order], case.k)
    assert_same((distances, ids), expected)


@at_least_200
@given(cases(integers=False), st.integers(-30, 30))
def test_x3_scaling_by_a_power_of_two(case, power):
    factor = case.rows.dtype.type(2.0**power)
    distances, ids = case.ask(case.rows * factor, case.queries * factor)
    before, places = case.ask()
    unit = {"euclidean": 2.0**power, "cosine": 1.0}.get(case.metric, 4.0**power)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_array_equal(distances, before * unit)


@at_least_200
@given(cases(integers=False))
def test_x3_duplicated_rows(case):
    """A copy of every row, appended, follows its original at once unless other rows tie with both."""
    doubled = np.concatenate([case.rows, case.rows])
    distances, ids = case.ask(doubled, k=2 * case.k)
    before, _ = case.ask()
    np.testing.assert_array_equal(distances, np.repeat(before, 2, axis=1))
    expected = exact.neighbors(case.queries, doubled, 2 * case.k, case.metric)
    np.testing.assert_array_equal(ids, expected[1])


@at_least_200
@given(cases(integers=False), st.data())
def test_x3_split_and_merged_batches(case, data):
    cut = data.draw(st.integers(0, len(case.queries)))
    first, second = case.ask(queries=case.queries[:cut]), case.ask(queries=case.queries[cut:])
    merged = tuple(np.concatenate(parts) for parts in zip(first, second, strict=True))
    assert_same(merged, case.ask())


@at_least_200
@given(cases(integers=False))
def test_x3_saved_loaded_and_pickled(case):
    index = FlatIndex(case.metric).fit(case.rows)
    before = index.search(case.queries, case.k)
    settings_, sections = index.save()
    read_only = {name: array.copy() for name, array in sections.items()}
    for array in read_only.values():
        array.flags.writeable = False
    assert_same(load_index(settings_, read_only).search(case.queries, case.k), before)
    assert_same(pickle.loads(pickle.dumps(index)).search(case.queries, case.k), before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mapped")


@at_least_200
@given(case=cases(integers=False))
def test_x3_mapped(folder, case):
    index = FlatIndex(case.metric).fit(case.rows)
    settings_, sections = index.save()
    np.save(folder / "rows.npy", sections["rows"])
    mapped = np.load(folder / "rows.npy", mmap_mode="r")
    loaded = load_index(settings_, {"rows": mapped})
    assert_same(loaded.search(case.queries, case.k), index.search(case.queries, case.k))
