# SPDX-License-Identifier: Apache-2.0
"""What every index promises in ``index/base.py``: filters, refusals, traces, descriptions."""

import itertools
import json

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from kneighbors.errors import DataError, DataTypeError, ParameterError
from kneighbors.index import (
    BlockIndex,
    FlatIndex,
    HNSWIndex,
    Index,
    KDTreeIndex,
    MetricIndex,
    PrecomputedIndex,
)

RNG = np.random.default_rng(44)
ROWS = np.round(RNG.normal(size=(120, 5)), 1)  # rounded: there are ties
QUERIES = np.round(RNG.normal(size=(9, 5)), 1)


class Kind:
    """An index of some kind over ROWS, and how it is asked."""

    def __init__(self, make, convert=np.asarray):
        self.make, self.convert = make, convert

    def fitted(self):
        return self.make().fit(self.convert(ROWS))

    @property
    def queries(self):
        return self.convert(QUERIES)


class Precomputed(Kind):
    def __init__(self, convert=np.asarray):
        super().__init__(PrecomputedIndex, convert)

    def fitted(self):
        return PrecomputedIndex().fit(self.convert(measured(ROWS)))

    @property
    def queries(self):
        return self.convert(measured(QUERIES))


def measured(queries):
    return np.abs(queries[:, None, :] - ROWS[None, :, :]).sum(axis=2)


KINDS = {
    "flat": Kind(FlatIndex),
    "flat, cosine": Kind(lambda: FlatIndex("cosine")),
    "flat, inner product": Kind(lambda: FlatIndex("inner_product")),
    "measured": Kind(lambda: MetricIndex("manhattan")),
    "measured, whitened": Kind(lambda: MetricIndex("seuclidean")),
    "blocks": Kind(lambda: BlockIndex("manhattan")),
    "blocks, sparse": Kind(lambda: BlockIndex("euclidean"), sp.csr_matrix),
    "hnsw, as wide as there are rows": Kind(lambda: HNSWIndex(effort=1000)),
    "kd_tree": Kind(KDTreeIndex),
    "kd_tree, manhattan": Kind(lambda: KDTreeIndex("manhattan")),
    "precomputed": Precomputed(),
    "precomputed graph": Precomputed(sp.csr_matrix),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def kept_of_full(answer, allowed, k):
    """The answer among some rows, read off the answer among all."""
    kept = [np.flatnonzero(np.isin(line, allowed))[:k] for line in answer[1]]
    return tuple(np.stack([part[line][kept[line]] for line in range(len(part))]) for part in answer)


def lists(answer):
    offsets, distances, ids = answer
    spans = itertools.pairwise(offsets)
    return [(distances[start:stop].tolist(), ids[start:stop].tolist()) for start, stop in spans]


def test_it_is_an_index(kind):
    assert isinstance(kind.make(), Index)
    assert kind.make().next_id == 0 and kind.make().ids.tolist() == []


@pytest.mark.parametrize("n_allowed", [1, 2, 7, 64, 65, 119, 120])
def test_among_some_rows_the_answer_is_what_remains_of_all(kind, n_allowed):
    index = kind.fitted()
    allowed = RNG.choice(120, n_allowed, replace=False)
    mask = np.zeros(120, dtype=bool)
    mask[allowed] = True
    full = index.search(kind.queries, 120)
    for k in {1, (n_allowed + 1) // 2, n_allowed}:
        expected = kept_of_full(full, allowed, k)
        for among in (mask, allowed, allowed.tolist(), np.repeat(allowed, 2).astype(np.uint8)):
            answer = index.search(kind.queries, k, among=among)
            assert_array_equal(answer[1], expected[1])
            assert_array_equal(answer[0], expected[0])


@pytest.mark.parametrize("n_allowed", [0, 1, 50, 120])
def test_a_radius_among_some_rows(kind, n_allowed):
    index = kind.fitted()
    allowed = RNG.choice(120, n_allowed, replace=False)
    full = index.search(kind.queries, 120)
    radius = full[0][0, 40]
    for limit in (radius, np.inf, -1e9):
        everything = lists(index.search_radius(kind.queries, limit))
        expected = []
        for distances, ids in everything:
            kept = [place for place, one in enumerate(ids) if one in allowed]
            expected.append(([distances[place] for place in kept], [ids[place] for place in kept]))
        assert lists(index.search_radius(kind.queries, limit, among=allowed)) == expected


def test_among_goes_with_exclude(kind):
    index = kind.fitted()
    allowed = np.arange(10, 30)
    excluded = np.array([10, 29, 9, 30, -1, 15, 15, 11, 10_000])
    full = index.search(kind.queries, 120)
    answer = index.search(kind.queries, 19, among=allowed, exclude=excluded)
    for line, out in enumerate(excluded):
        order = [one for one in full[1][line] if one in allowed and one != out]
        assert answer[1][line].tolist() == order[:19]
    with pytest.raises(ParameterError, match=r"only 20 of the 120 rows answer \(one of"):
        index.search(kind.queries, 20, among=allowed, exclude=excluded)
    nobody_allowed = np.full(9, 5)
    assert index.search(kind.queries, 20, among=allowed, exclude=nobody_allowed)[1].shape == (9, 20)


def test_fewer_allowed_rows_than_neighbours_is_refused(kind):
    index = kind.fitted()
    for among in ([3, 4], np.isin(np.arange(120), [3, 4])):
        with pytest.raises(ParameterError, match="n_neighbors = 3, but `among` lets only 2 of the 120 rows"):
            index.search(kind.queries, 3, among=among)
    for among in ([], np.zeros(120, dtype=bool)):
        with pytest.raises(ParameterError, match="lets only 0 of the 120 rows"):
            index.search(kind.queries, 1, among=among)


@pytest.mark.parametrize(
    ("among", "error", "message"),
    [
        ([120], ParameterError, "names id 120, which was never given: ids go from 0 to 119"),
        ([0, -1], ParameterError, "names id -1, which was never given"),
        (np.ones(119, dtype=bool), DataError, r"mask of shape \(119,\); \(120,\) is expected"),
        (np.ones(121, dtype=bool), DataError, "one boolean for each id ever given"),
        (np.ones((120, 1), dtype=bool), DataError, "mask of shape"),
        ([0.0, 1.0], DataTypeError, "booleans or integer ids in one dimension; it is float64"),
        (["a"], DataTypeError, "booleans or integer ids"),
        ([[1, 2]], DataTypeError, r"of shape \(1, 2\)"),
        (5, DataTypeError, r"of shape \(\)"),
        (np.array([1, None]), DataTypeError, "object"),
        (np.array([2**63], dtype=np.uint64), ParameterError, "never given"),
    ],
)
def test_what_among_cannot_be(kind, among, error, message):
    index = kind.fitted()
    with pytest.raises(error, match=message):
        index.search(kind.queries, 1, among=among)
    with pytest.raises(error, match=message):
        index.search_radius(kind.queries, 1.0, among=among)


def test_among_passes_over_rows_that_were_removed(kind):
    index = kind.fitted()
    full = index.search(kind.queries, 120)
    index.remove([3, 60, 119])
    allowed = np.array([2, 3, 4, 60, 61, 118])
    expected = kept_of_full(full, [2, 4, 61, 118], 4)
    for among in (allowed, np.isin(np.arange(120), allowed)):
        answer = index.search(kind.queries, 4, among=among)
        assert_array_equal(answer[1], expected[1])
        with pytest.raises(ParameterError, match="lets only 4 of the 117 rows"):
            index.search(kind.queries, 5, among=among)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ([4, 4], ParameterError, "id 4 is named 2 times"),
        ([1, 120], ParameterError, "id 120 is not held"),
        ([-1], ParameterError, "id -1 is not held"),
        (np.array([0, 2**64 - 1], dtype=np.uint64), ParameterError, "18446744073709551615 is not held"),
        ([0.5], DataTypeError, "must be integers"),
        ([[1, 2]], DataTypeError, "one dimension"),
        (np.ones(120, dtype=bool), DataTypeError, "must be integers"),
    ],
)
def test_a_removal_that_is_refused_changes_nothing(kind, wrong, error, message):
    index = kind.fitted()
    before = index.search(kind.queries, 120)
    with pytest.raises(error, match=message):
        index.remove(wrong)
    assert index.n_rows == 120
    after = index.search(kind.queries, 120)
    assert_array_equal(before[0], after[0])
    assert_array_equal(before[1], after[1])


def test_removing_nothing_and_everything(kind):
    index = kind.fitted()
    index.remove([])
    assert index.n_rows == 120
    index.remove(np.arange(120))
    assert (index.n_rows, index.next_id, index.ids.tolist()) == (0, 120, [])
    with pytest.raises(ParameterError, match="holds no rows"):
        index.search(kind.queries, 1)
    with pytest.raises(ParameterError, match="holds no rows"):
        index.search_radius(kind.queries, 1.0)


@pytest.mark.parametrize("change", [False, True])
def test_trace_answers_and_counts(kind, change):
    index = kind.fitted()
    if change:
        index.remove([0, 1])
    one = kind.queries[:1]
    trace = json.loads(json.dumps(index.trace(one, 4)))
    distances, ids = index.search(one, 4)
    assert (trace["k"], trace["distances"], trace["ids"]) == (4, distances[0].tolist(), ids[0].tolist())
    assert len(set(trace["cells"])) == len(trace["cells"]) == trace["cells_visited"] <= trace["n_cells"]
    assert trace["cells_visited"] >= 1 and set(trace["cells"]) <= set(range(trace["n_cells"]))
    assert len(trace["nodes"]) == trace["nodes_visited"]
    assert trace["distances_exact"] <= trace["distances_counted"] <= 120


def test_describe_has_the_common_keys(kind):
    index = kind.fitted()
    index.remove([7])
    description = json.loads(json.dumps(index.describe()))
    assert description["n_rows"] == 119 and description["next_id"] == 120
    assert 0 <= description["n_removed"] <= 1 and description["row_bytes"] > 0
    assert description.keys() >= {"kind", "metric", "n_columns", "dtype", "n_cells", "memory_bytes"}
    parts = index.describe(parts=True)
    assert parts.keys() >= description.keys() | {"cells"} and len(parts["cells"]) == parts["n_cells"]
    assert 0 <= sum(cell["rows"] for cell in parts["cells"]) - 119 <= description["n_removed"]
