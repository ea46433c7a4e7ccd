# SPDX-License-Identifier: Apache-2.0
"""The graph: reproducible, every row reachable, exact distances, a recall that is what it says."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kneighbors import KNeighborsClassifier, NearestNeighbors, _native, load
from kneighbors.errors import DataError, ParameterError
from kneighbors.index import FlatIndex, HNSWIndex, load_index
from tests.reference import exact

METRICS = ("euclidean", "sqeuclidean", "cosine", "inner_product")


def clustered(n_rows, n_columns, seed=0, dtype=np.float32):
    """Rows around some hundred centres, on some ten directions: neither noise nor far apart."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(min(12, n_columns), n_columns))
    centres = rng.normal(size=(100, len(basis)))
    rows = centres[rng.integers(0, 100, n_rows)] + 0.5 * rng.normal(size=(n_rows, len(basis)))
    return (rows @ basis + 0.1 * rng.normal(size=(n_rows, n_columns))).astype(dtype)


def recall_of(found, truth):
    return float((found[:, :, None] == truth[:, None, :]).any(axis=2).mean())


@pytest.fixture(scope="module")
def rows():
    return clustered(12_000, 32)


@pytest.fixture(scope="module")
def queries():
    return clustered(400, 32)[200:] + np.float32(0.01)


@pytest.mark.parametrize("metric", METRICS)
def test_recall_is_reached_and_told(rows, queries, metric):
    index = HNSWIndex(metric, recall=0.95).fit(rows)
    found = index.search(queries, 10, n_threads=2)
    truth = FlatIndex(metric).fit(rows).search(queries, 10)
    assert recall_of(found[1], truth[1]) >= 0.92
    assert (
        0.95 <= index.measured_recall <= 1.0 and index.describe()["measured_recall"] == index.measured_recall
    )
    better = HNSWIndex(metric, effort=600).fit(rows).search(queries, 10, n_threads=2)
    assert recall_of(better[1], truth[1]) >= 0.995
    # Distances are exact, whatever was found, and nearest first.
    values = exact.pairwise(queries, rows, metric)
    assert_array_equal(found[0], np.take_along_axis(values, found[1], axis=1))
    assert (np.diff(found[0], axis=1) >= 0).all()


def test_r29_no_row_answers_twice(rows, queries):
    index = HNSWIndex(effort=50).fit(np.concatenate([rows[:3000], rows[:3000]]))
    ids = index.search(queries, 40)[1]
    assert all(np.unique(line).size == 40 for line in ids)


def test_x6_the_same_graph_for_any_number_of_threads(rows):
    states = []
    for n_threads in (1, 2, 8):
        graph = _native.Graph("sqeuclidean", 32)
        graph.add(rows[:6000], np.arange(5000), n_threads)
        graph.add(rows[:6000], np.arange(5000, 6000), n_threads)
        graph.remove(np.arange(0, 6000, 7), n_threads)
        states.append(graph.state())
    for state in states[1:]:
        for name, array in states[0].items():
            assert_array_equal(array, state[name], err_msg=name)


def test_every_instruction_set_walks_the_same_way(instruction_set, rows, queries):
    for metric in ("euclidean", "inner_product"):
        index = HNSWIndex(metric, effort=40).fit(rows[:2000])
        found = index.search(queries[:50], 5)
        _native.set_instruction_set(_native.instruction_sets()[0])
        other = HNSWIndex(metric, effort=40).fit(rows[:2000]).search(queries[:50], 5)
        _native.set_instruction_set(instruction_set)
        for ours, others in zip(found, other, strict=True):
            assert_array_equal(ours, others)


@pytest.mark.parametrize("metric", METRICS)
def test_r42_every_row_is_reachable_after_many_changes(metric):
    rng = np.random.default_rng(5)
    index = HNSWIndex(metric, effort=30, degree=12).fit(clustered(2000, 8))
    index.search(clustered(1, 8), 1)
    alive = set(range(2000))
    for round_ in range(25):
        ids = index.add(clustered(int(rng.integers(1, 200)), 8, seed=round_))
        alive.update(ids.tolist())
        gone = rng.choice(sorted(alive), size=int(rng.integers(1, 200)), replace=False)
        index.remove(gone)
        alive.difference_update(gone.tolist())
        graph, _ = index._built(2)
        assert graph.n_unreachable() == 0
        assert_array_equal(index.ids, sorted(alive))
    queries = clustered(50, 8, seed=99)
    ids = index.search(queries, 10)[1]
    assert set(ids.ravel().tolist()) <= alive
    fresh = FlatIndex(metric).fit(index.rows).search(queries, 10)[1]
    assert recall_of(ids, index.ids[fresh]) > 0.7


@pytest.mark.long
def test_r42_ten_thousand_single_changes():
    rng = np.random.default_rng(6)
    index = HNSWIndex(effort=30).fit(clustered(3000, 8))
    alive = list(range(3000))
    index.search(clustered(1, 8), 1)
    for step in range(10_000):
        if rng.random() < 0.5:
            alive += index.add(clustered(1, 8, seed=step)).tolist()
        else:
            index.remove(np.array([alive.pop(int(rng.integers(len(alive))))]))
        if step % 500 == 0:
            assert index._built(1)[0].n_unreachable() == 0
    assert index._built(1)[0].n_unreachable() == 0


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01])
def test_filters_do_not_collapse(rows, queries, share):
    rng = np.random.default_rng(7)
    allowed = rng.random(rows.shape[0]) < share
    index = HNSWIndex(effort=64).fit(rows)
    ids = index.search(queries, 10, among=allowed)[1]
    assert allowed[ids].all()
    truth = FlatIndex().fit(rows).search(queries, 10, among=allowed)[1]
    assert recall_of(ids, truth) > 0.93


def test_r32_k_up_to_all_that_there_are():
    rows = clustered(300, 6)
    index = HNSWIndex(effort=8).fit(rows)
    for k in (1, 299, 300):
        assert_array_equal(np.sort(index.search(rows[:3], k)[1])[:, 0] >= 0, True)
    assert_array_equal(np.sort(index.search(rows[:3], 300)[1]), np.tile(np.arange(300), (3, 1)))
    with pytest.raises(ParameterError, match="n_neighbors = 301"):
        index.search(rows[:3], 301)
    with pytest.raises(ParameterError, match="among"):
        index.search(rows[:3], 6, among=[1, 2, 3])
    index.remove(np.arange(100))
    with pytest.raises(ParameterError, match="201"):
        index.search(rows[:3], 201)


def test_leave_one_out(rows):
    own = np.arange(500)
    ids = HNSWIndex(effort=100).fit(rows).search(rows[:500], 10, exclude=own)[1]
    truth = FlatIndex().fit(rows).search(rows[:500], 10, exclude=own)[1]
    assert not (ids == own[:, None]).any() and recall_of(ids, truth) > 0.97


def test_equal_rows_and_few_rows():
    for n_rows in (1, 2, 5, 65, 700):
        rows = np.ones((n_rows, 3), dtype=np.float32)
        index = HNSWIndex().fit(rows)
        k = min(n_rows, 5)
        distances, ids = index.search(rows[:1], k)
        assert_array_equal(distances, np.zeros((1, k)))
        assert np.unique(ids).size == k and index._built(1)[0].n_unreachable() == 0


def test_radius_is_exact(rows, queries):
    ours = HNSWIndex(effort=10).fit(rows).search_radius(queries[:20], 2.0)
    for one, other in zip(ours, FlatIndex().fit(rows).search_radius(queries[:20], 2.0), strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("metric", METRICS)
def test_copies_and_files_answer_alike(rows, queries, metric):
    index = HNSWIndex(metric, recall=0.9).fit(rows[:5000])
    found = index.search(queries, 7)
    settings, sections = index.save()
    for twin in (pickle.loads(pickle.dumps(index)), copy.copy(index), load_index(settings, sections)):
        assert twin.measured_recall == index.measured_recall
        for one, other in zip(twin.search(queries, 7), found, strict=True):
            assert_array_equal(one, other)
    twin = copy.copy(index)
    twin.add(rows[5000:5100])
    twin.remove(np.arange(50))
    for one, other in zip(index.search(queries, 7), found, strict=True):
        assert_array_equal(one, other)


def test_r35_nan_is_refused_before_anything_changes(rows, queries):
    index = HNSWIndex(effort=20).fit(rows[:1000])
    before = index.search(queries, 3)
    wrong = rows[:2].copy()
    wrong[1, 3] = np.nan
    with pytest.raises(DataError, match="row 1, column 3"):
        index.add(wrong)
    with pytest.raises(DataError, match="row 1, column 3"):
        index.search(wrong, 3)
    for one, other in zip(index.search(queries, 3), before, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize(
    "name", ["graph_links", "graph_starts", "graph_layers", "graph_places", "graph_codes"]
)
def test_r11_stored_graphs_are_checked(rows, name):
    settings, sections = HNSWIndex(effort=20).fit(rows[:3000]).save()
    n_rows = 3000
    for value in (n_rows, -2, 2**31 - 1, -(2**31)):
        spoilt = np.array(sections[name])
        if name == "graph_codes":
            spoilt = spoilt[:-1]
        else:
            spoilt[len(spoilt) // 2] = value
        with pytest.raises(DataError, match="stored graph"):
            load_index(settings, {**sections, name: spoilt})
    with pytest.raises(DataError, match="stored graph"):
        load_index(settings, {**sections, name: np.array(sections[name])[:0]})


def test_description_and_trace(rows, queries):
    index = HNSWIndex(effort=20, degree=16).fit(rows[:2000])
    description = index.describe(parts=True)
    edges = description["edges"]
    assert edges.shape[1] == 2 and (edges >= 0).all() and (edges < 2000).all()
    assert np.bincount(edges[:, 0]).max() <= 16
    trace = index.trace(queries[:1], 5)
    assert trace["ids"] == index.search(queries[:1], 5)[1][0].tolist()
    assert 20 <= trace["nodes_visited"] < 200 and trace["distances_counted"] < 2000


def test_settings_are_checked():
    for wrong in ({"recall": 1.0}, {"recall": 0}, {"effort": 0}, {"degree": 3}, {"build_effort": 2.5}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            HNSWIndex(**wrong)
    with pytest.raises(ParameterError, match="brute"):
        HNSWIndex("manhattan")


def test_estimators_take_it(tmp_path, rows, queries):
    labels = (rows[:, 0] > 0).astype(int)
    for algorithm in ("hnsw", HNSWIndex(recall=0.9)):
        model = KNeighborsClassifier(algorithm=algorithm).fit(rows, labels)
        model.save(tmp_path / "model")
        twin = load(tmp_path / "model")
        assert_array_equal(twin.predict(queries), model.predict(queries))
        assert_array_equal(twin.kneighbors(queries)[1], model.kneighbors(queries)[1])
    with pytest.raises(ParameterError, match="hnsw"):
        NearestNeighbors(algorithm="hnsw", metric="manhattan").fit(rows)


def test_a_description_builds_nothing(rows):
    index = HNSWIndex().fit(rows)
    before = index.describe()
    assert index._state[1] is None and before["measured_recall"] is None
    index.search(rows[:1], 1)
    assert index.describe()["measured_recall"] == index.measured_recall > 0
