# SPDX-License-Identifier: Apache-2.0
"""The k-d tree gives the reference's ids and distances, bit for bit, before and after rows come and go."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from kneighbors import NearestNeighbors, _native
from kneighbors.errors import DataError, ParameterError
from kneighbors.index import FlatIndex, KDTreeIndex, choose, load_index, make_index
from kneighbors.metrics import resolve
from tests.reference import exact

METRICS = ("euclidean", "sqeuclidean", "manhattan", "chebyshev")
WIDTHS = (*range(1, 10), 15, 16, 17, 33, 64, 65)
LEAF = 16


def assert_exact(index, rows, queries, k, ids=None, **options):
    """The index answers as the judge does over these rows; ``ids`` are theirs."""
    distances, places = exact.neighbors(queries, rows, k, index.metric)
    found, answers = index.search(queries, k, **options)
    assert_array_equal(answers, places if ids is None else ids[places])
    assert_array_equal(found, distances)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_columns", WIDTHS)
def test_x1_every_width(n_columns, dtype, metric):
    rng = np.random.default_rng(n_columns)
    centres = rng.normal(size=(9, n_columns)) * 3
    rows = (centres[rng.integers(0, 9, 900)] + rng.normal(size=(900, n_columns))).astype(dtype)
    queries = np.concatenate([rows[::90], rng.normal(size=(90, n_columns)).astype(dtype)])
    index = KDTreeIndex(metric).fit(rows)
    assert_exact(index, rows, queries, 12, n_threads=2)
    assert_exact(index, rows, queries[:7], 300)  # many neighbours are gathered in another way


@pytest.mark.parametrize("metric", METRICS)
def test_every_instruction_set(instruction_set, metric):
    rng = np.random.default_rng(3)
    for n_columns in (1, 2, 3, 5, 8, 11):
        rows = np.round(rng.normal(size=(700, n_columns)), 1)
        queries = np.round(rng.normal(size=(70, n_columns)), 1)
        index = KDTreeIndex(metric).fit(rows)
        assert_exact(index, rows, queries, 9)
        assert_exact(index, rows, queries[:5], 120)


@pytest.mark.parametrize("n_rows", [1, 2, 15, 16, 17, 127, 128, 129, 1023, 1024, 1025, 8200])
def test_every_shape_of_tree(n_rows):
    rng = np.random.default_rng(n_rows)
    rows = rng.normal(size=(n_rows, 2)).astype(np.float32)
    queries = rng.normal(size=(100, 2)).astype(np.float32)
    for n_threads in (1, 2, 8):
        index = KDTreeIndex().fit(rows)
        for k in {1, min(10, n_rows), min(70, n_rows)}:
            assert_exact(index, rows, queries, k, n_threads=n_threads)
    if n_rows <= 129:
        assert_exact(index, rows, queries[:5], n_rows)


def test_a_tree_is_the_same_for_any_number_of_threads():
    rows = np.random.default_rng(0).normal(size=(30_000, 3)).astype(np.float32)
    trees = [_native.BoxTree(rows, n_threads) for n_threads in (1, 2, 8)]
    for tree in trees[1:]:
        for ours, others in zip(trees[0].boxes(64, 10_000), tree.boxes(64, 10_000), strict=True):
            assert_array_equal(ours, others)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-160, 1e-40, 1.0, 1e38, 1e150])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e6])
def test_x2_scales_and_offsets(scale, offset, metric):
    rng = np.random.default_rng(5)
    rows = (rng.normal(size=(500, 3)) + offset) * scale
    queries = (rng.normal(size=(80, 3)) + offset) * scale
    assert_exact(KDTreeIndex(metric).fit(rows), rows, queries, 7)


def test_x2_squares_beyond_float64_keep_their_order_of_ids():
    rows = np.array([[1e200], [2e200], [3e200], [0.0]])
    index = KDTreeIndex("sqeuclidean").fit(rows)
    distances, ids = index.search(np.zeros((100, 1)), 4)
    assert ids[0].tolist() == [3, 0, 1, 2]
    assert distances[0].tolist() == [0.0, np.inf, np.inf, np.inf]


@pytest.mark.parametrize("metric", METRICS)
def test_x4_ties_go_to_the_lower_id(metric):
    rng = np.random.default_rng(9)
    for _ in range(60):
        n_rows, n_columns = int(rng.integers(1, 200)), int(rng.integers(1, 5))
        rows = rng.integers(0, 3, size=(n_rows, n_columns)).astype(np.float32)
        queries = rng.integers(0, 3, size=(70, n_columns)).astype(np.float32)
        index = KDTreeIndex(metric).fit(rows)
        assert_exact(index, rows, queries, int(rng.integers(1, n_rows + 1)))


def test_x4_equal_rows_answer_in_order():
    rows = np.zeros((500, 4), dtype=np.float32)
    ids = KDTreeIndex().fit(rows).search(np.zeros((70, 4)), 60)[1]
    assert_array_equal(ids, np.tile(np.arange(60), (70, 1)))


def test_x5_threads_and_batches_change_nothing():
    rng = np.random.default_rng(2)
    rows, queries = rng.normal(size=(5000, 3)), rng.normal(size=(1000, 3))
    index = KDTreeIndex().fit(rows)
    whole = index.search(queries, 10)
    for n_threads in (2, 4, 8):
        for size in (1, 7, 63, 64, 65, 1000):
            parts = [
                index.search(queries[i : i + size], 10, n_threads=n_threads) for i in range(0, 200, size)
            ]
            for ours, others in zip(whole, zip(*parts, strict=True), strict=True):
                joined = np.concatenate(others)
                assert_array_equal(ours[: len(joined)], joined)


@pytest.mark.parametrize("metric", METRICS)
def test_radius(metric):
    rng = np.random.default_rng(8)
    rows = np.round(rng.normal(size=(400, 3)), 1)
    queries = np.round(rng.normal(size=(40, 3)), 1)
    index, scan = KDTreeIndex(metric).fit(rows), exact.pairwise(queries, rows, metric)
    order = exact.pairwise(queries, rows, "sqeuclidean") if metric == "euclidean" else scan
    for radius in (0.0, 0.3, 1.0, -1.0, np.inf):
        offsets, distances, ids = index.search_radius(queries, radius, n_threads=2)
        assert offsets[0] == 0 and offsets.dtype == ids.dtype == np.int64
        for i, line in enumerate(scan):
            expected = np.flatnonzero(line <= radius)
            expected = expected[np.lexsort((expected, order[i][expected]))]
            assert_array_equal(ids[offsets[i] : offsets[i + 1]], expected)
            assert_array_equal(distances[offsets[i] : offsets[i + 1]], line[expected])


def test_leave_one_out():
    rng = np.random.default_rng(1)
    rows = np.round(rng.normal(size=(300, 2)), 1)
    own = np.arange(300)
    for k in (1, 9, 299):
        expected = exact.neighbors(rows, rows, k, "euclidean", exclude=own)
        found = KDTreeIndex().fit(rows).search(rows, k, exclude=own)
        for ours, others in zip(found, expected, strict=True):
            assert_array_equal(ours, others)
    with pytest.raises(ParameterError, match="left out"):
        KDTreeIndex().fit(rows).search(rows, 300, exclude=own)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("arsx"), st.integers(0, 2**32 - 1)), max_size=12), st.integers(1, 300)
)
def test_rows_come_and_go(steps, n_first):
    """After any adding and removing the answers are those of a scan over what is left."""
    rng = np.random.default_rng(n_first)
    draw = lambda n: np.round(rng.normal(size=(n, 2)), 1)  # noqa: E731
    given_rows = draw(n_first)
    alive = np.ones(n_first, dtype=bool)
    index = KDTreeIndex().fit(given_rows)
    for action, seed in steps:
        chance = np.random.default_rng(seed)
        if action == "a":
            rows = draw(int(chance.integers(0, 120)))
            ids = index.add(rows)
            assert_array_equal(ids, np.arange(len(given_rows), len(given_rows) + len(rows)))
            given_rows = np.concatenate([given_rows, rows])
            alive = np.concatenate([alive, np.ones(len(rows), dtype=bool)])
        elif action == "r":
            gone = np.flatnonzero(alive & (chance.random(alive.size) < chance.random()))
            index.remove(gone)
            alive[gone] = False
        elif action == "x":
            index = pickle.loads(pickle.dumps(index))
        else:
            index = load_index(*index.save())
        assert index.n_rows == alive.sum() and index.next_id == alive.size
        assert_array_equal(index.ids, np.flatnonzero(alive))
        assert_array_equal(index.rows, given_rows[alive])
        if alive.any():
            k, ids = int(chance.integers(1, alive.sum() + 1)), np.flatnonzero(alive)
            assert_exact(index, given_rows[alive], draw(3), k, ids)
            allowed = chance.random(alive.size) < chance.choice([0.05, 0.5])
            if (allowed & alive).any():
                chosen = np.flatnonzero(allowed & alive)
                assert_exact(index, given_rows[chosen], draw(3), 1, chosen, among=allowed)


def test_removed_rows_are_built_away_and_trees_of_like_size_joined():
    rng = np.random.default_rng(4)
    index = KDTreeIndex().fit(rng.normal(size=(1000, 2)))
    for _ in range(50):
        index.add(rng.normal(size=(10, 2)))
    assert index.describe()["n_trees"] <= 7
    index.remove(np.arange(0, 1000, 2))
    assert index.describe()["n_removed"] == 500
    index.remove(np.arange(1, 500, 2))
    assert index.describe()["n_removed"] == 0


def test_a_refused_removal_changes_nothing():
    index = KDTreeIndex().fit(np.arange(10.0)[:, None])
    index.remove(np.array([3]))
    for wrong in ([3], [0, 10], [0, 0]):
        with pytest.raises(ParameterError, match="Nothing was removed"):
            index.remove(np.array(wrong))
    assert index.n_rows == 9


def test_float64_rows_cannot_join_float32_rows():
    index = KDTreeIndex().fit(np.zeros((3, 2), dtype=np.float32))
    with pytest.raises(DataError, match="float32"):
        index.add(np.zeros((1, 2)))
    assert index.n_rows == 3


def test_description_and_trace():
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(2000, 2))
    index = KDTreeIndex().fit(rows)
    description = index.describe(parts=True)
    assert description["n_cells"] == len(description["cells"]) == -(-2000 // LEAF)
    assert sum(cell["rows"] for cell in description["cells"]) == 2000
    lows = np.array([cell["box"][0] for cell in description["cells"]])
    highs = np.array([cell["box"][1] for cell in description["cells"]])
    assert_array_equal(lows.min(axis=0), rows.min(axis=0))
    assert_array_equal(highs.max(axis=0), rows.max(axis=0))
    inside = ((rows[:, None] >= lows) & (rows[:, None] <= highs)).all(axis=2)
    assert inside.any(axis=1).all()
    trace = index.trace(rows[:1], 5)
    assert trace["ids"] == index.search(rows[:1], 5)[1][0].tolist()
    assert 0 < trace["distances_counted"] <= 200 and trace["cells_visited"] < 10
    # Every answer lies in a leaf that was opened, which a description names by the same numbers.
    assert len(set(trace["cells"])) == trace["cells_visited"] <= description["n_cells"]


@pytest.mark.parametrize("n_rows", [1, 16, 17, 1000, 2049])
def test_memory_is_known_before_it_is_taken(n_rows):
    index = KDTreeIndex().fit(np.zeros((n_rows, 3), dtype=np.float32))
    stated = index.memory_bytes
    index.search(np.zeros((1, 3)), 1)
    tree = index._held[0].parts[0].built
    assert index.memory_bytes == stated == tree.memory_bytes + 8 * n_rows


def test_auto_chooses_by_columns_and_by_trial():
    rng = np.random.default_rng(0)
    euclidean = resolve("euclidean")
    for n_columns, kind in ((1, "kd_tree"), (8, "kd_tree"), (33, "brute"), (300, "brute")):
        index, reason = choose(euclidean, np.zeros((5, n_columns)))
        assert isinstance(index, KDTreeIndex) == (kind == "kd_tree") and str(n_columns) in reason
    noise = rng.normal(size=(20_000, 12)).astype(np.float32)
    assert choose(euclidean, noise)[0] is None
    plane = (rng.normal(size=(20_000, 3)) @ rng.normal(size=(3, 12))).astype(np.float32)
    index, reason = choose(euclidean, plane)
    assert isinstance(index, KDTreeIndex) and "compares" in reason
    assert choose(resolve("cosine"), plane)[0] is None
    model = NearestNeighbors().fit(plane)
    assert model.algorithm_reason_ == reason and model._fit_method == "kd_tree"
    assert NearestNeighbors(algorithm="brute").fit(plane).algorithm_reason_ == "It was asked for."


def test_the_settings_reach_it():
    index = make_index("kd_tree", resolve("minkowski", p=1))
    assert isinstance(index, KDTreeIndex) and index.metric == "manhattan"
    assert isinstance(copy.deepcopy(index.fit(np.zeros((3, 2)))), KDTreeIndex)
    with pytest.raises(ParameterError, match="algorithm='brute'"):
        KDTreeIndex("cosine")


def test_it_agrees_with_the_scan_on_many_rows():
    rng = np.random.default_rng(12)
    rows = rng.normal(size=(40_000, 3)).astype(np.float32)
    queries = rng.normal(size=(3000, 3)).astype(np.float32)
    for ours, others in zip(
        KDTreeIndex().fit(rows).search(queries, 10, n_threads=2),
        FlatIndex().fit(rows).search(queries, 10, n_threads=2),
        strict=True,
    ):
        assert_array_equal(ours, others)


def test_a_description_builds_nothing_and_counts_what_will_be_built():
    index = KDTreeIndex().fit(np.random.default_rng(0).normal(size=(5000, 2)))
    before = index.describe()
    tree = index._held[0].parts[0]
    assert tree.built is None
    index.search(np.zeros((1, 2)), 1)
    assert (before["n_cells"], before["n_nodes"]) == (tree.built.n_leaves, tree.built.n_nodes)
