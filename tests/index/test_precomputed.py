# SPDX-License-Identifier: Apache-2.0
"""Given distances, dense and as sparse neighbour graphs, in the documented order."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from kneighbors.errors import DataError, DataTypeError, ParameterError
from kneighbors.index import Index, PrecomputedIndex, load_index
from tests.reference import exact

RNG = np.random.default_rng(31)
POINTS = np.round(RNG.random((60, 3)) * 4)
OWN = exact.pairwise(POINTS, POINTS, "euclidean")
ASKED = exact.pairwise(np.round(RNG.random((11, 3)) * 4), POINTS, "euclidean")
FORMATS = (sp.csr_matrix, sp.csc_matrix, sp.coo_matrix, sp.lil_matrix, sp.csr_array)


def graph_of(distances):
    """Every distance as an explicit entry, zeros included."""
    n_lines, n_rows = distances.shape
    parts = (distances.flatten(), np.tile(np.arange(n_rows), n_lines), np.arange(n_lines + 1) * n_rows)
    return sp.csr_matrix(parts, shape=distances.shape)


def assert_answers(answer, expected):
    np.testing.assert_array_equal(answer[1], expected[1])
    np.testing.assert_array_equal(answer[0], expected[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 7, 60])
def test_dense_distances_against_a_full_sort(dtype, k):
    index = PrecomputedIndex().fit(OWN.astype(dtype))
    assert isinstance(index, Index)
    distances, ids = index.search(ASKED.astype(dtype), k)
    assert distances.dtype == np.float64
    assert_answers((distances, ids), exact.nearest(ASKED.astype(dtype), k))


def test_leave_one_out_by_id():
    own = np.arange(60)
    assert_answers(PrecomputedIndex().fit(OWN).search(OWN, 5, exclude=own), exact.nearest(OWN, 5, own))
    graph = graph_of(OWN)
    assert_answers(PrecomputedIndex().fit(graph).search(graph, 5, exclude=own), exact.nearest(OWN, 5, own))


def test_small_blocks_do_not_change_answers(monkeypatch):
    monkeypatch.setattr("kneighbors.index.precomputed._BLOCK_BYTES", 1000)
    own = np.arange(60)
    assert_answers(PrecomputedIndex().fit(OWN).search(OWN, 5, exclude=own), exact.nearest(OWN, 5, own))


@pytest.mark.parametrize("container", FORMATS)
def test_a_full_graph_answers_as_the_matrix(container):
    """Explicit zeros are distances, in every format that keeps them; entries need not be sorted."""
    distances = ASKED + 0.125  # no zeros: some constructors drop them
    graph = container(distances)
    assert_answers(PrecomputedIndex().fit(OWN).search(graph, 9), exact.nearest(distances, 9))


@pytest.mark.parametrize("order", ["by_column", "by_value", "shuffled"])
def test_entries_may_stand_in_any_order(order):
    graph = graph_of(ASKED)
    for line in range(graph.shape[0]):
        part = slice(graph.indptr[line], graph.indptr[line + 1])
        places = {
            "by_column": np.arange(60),
            "by_value": np.argsort(graph.data[part]),
            "shuffled": RNG.permutation(60),
        }[order]
        graph.indices[part], graph.data[part] = graph.indices[part][places], graph.data[part][places]
    graph.has_sorted_indices = order == "by_column"
    kept = graph.data.copy()
    assert_answers(PrecomputedIndex().fit(OWN).search(graph, 9), exact.nearest(ASKED, 9))
    np.testing.assert_array_equal(graph.data, kept)  # the caller's graph is left alone


def test_only_explicit_entries_are_neighbours():
    graph = sp.csr_matrix(([0.0, 2.0, 1.0, 5.0], ([0, 0, 1, 1], [1, 2, 0, 2])), shape=(2, 3))
    index = PrecomputedIndex().fit(np.zeros((3, 3)))
    distances, ids = index.search(graph, 2)
    assert ids.tolist() == [[1, 2], [0, 2]]
    assert distances.tolist() == [[0.0, 2.0], [1.0, 5.0]]
    with pytest.raises(
        DataError, match="3 neighbors per samples are required, but some samples have only 2"
    ) as caught:
        index.search(graph, 3)
    assert caught.value.row == 0
    with pytest.raises(DataError, match="2 neighbors per samples are required, but some samples have only 1"):
        index.search(graph, 2, exclude=np.array([-1, 0]))


def test_a_scikit_learn_graph_answers_as_its_own_neighbours():
    graph = kneighbors_graph(POINTS + RNG.random(POINTS.shape), 8, mode="distance", include_self=False)
    _, ids = PrecomputedIndex().fit(graph).search(graph, 8)
    theirs = (
        NearestNeighbors(n_neighbors=8, metric="precomputed")
        .fit(graph)
        .kneighbors(graph, return_distance=False)
    )
    np.testing.assert_array_equal(ids, theirs)


@pytest.mark.parametrize("container", [np.asarray, graph_of])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_radius(container, dtype):
    distances = ASKED.astype(dtype)
    index = PrecomputedIndex().fit(container(OWN.astype(dtype)))
    exclude = np.arange(11)
    for radius in (0.0, 1.0, float(distances[2, 5]), float(np.sqrt(2)), np.inf):
        offsets, found, ids = index.search_radius(container(distances), radius, exclude=exclude)
        for line in range(11):
            inside = distances[line].astype(np.float64) <= radius
            inside[line] = False
            order = [place for place in np.argsort(distances[line], kind="stable") if inside[place]]
            assert ids[offsets[line] : offsets[line + 1]].tolist() == order
            assert found[offsets[line] : offsets[line + 1]].tolist() == distances[line, order].tolist()


@pytest.mark.parametrize("container", [np.asarray, graph_of])
def test_removed_rows_do_not_answer_and_nothing_can_be_added(container):
    index = PrecomputedIndex().fit(container(OWN))
    index.remove([0, 30])
    kept = np.setdiff1d(np.arange(60), [0, 30])
    values, places = exact.nearest(ASKED[:, kept], 58)
    assert_answers(index.search(container(ASKED), 58), (values, kept[places]))
    with pytest.raises(ParameterError, match="n_samples_fit = 58"):
        index.search(container(ASKED), 59)
    assert index.search_radius(container(ASKED), np.inf)[2].size == 58 * 11
    with pytest.raises(ParameterError, match="cannot take more rows"):
        index.add(container(OWN))
    settings, sections = index.save()
    assert_answers(load_index(settings, sections).search(container(ASKED), 58), (values, kept[places]))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (OWN[:, :5], DataError, r"must be square. Input is a 60x5 matrix"),
        (OWN - 1, DataError, "Negative values in data passed to precomputed distance matrix"),
        (sp.csr_matrix(OWN - 1), DataError, "Negative values"),
        (
            sp.dok_matrix(OWN),
            DataTypeError,
            "'dok' format is not supported due to its handling of explicit zeros",
        ),
        (sp.bsr_matrix(OWN), DataTypeError, "'bsr' format is not supported"),
        (OWN.astype(int), DataTypeError, "int64"),
        (np.where(OWN > 4, np.nan, OWN), DataError, "nan"),
    ],
)
def test_refusals_at_fit(wrong, error, message):
    with pytest.raises(error, match=message):
        PrecomputedIndex().fit(wrong)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_a_query_of_another_width_is_refused(container):
    with pytest.raises(DataError, match="has 59 columns"):
        PrecomputedIndex().fit(OWN).search(container(ASKED[:, :59]), 2)


def test_describe_and_trace():
    index = PrecomputedIndex().fit(graph_of(OWN))
    assert index.describe()["sparse"] and index.describe()["kind"] == "precomputed"
    assert index.trace(ASKED[:1])["distances_counted"] == 0
    assert PrecomputedIndex().fit(OWN).search(ASKED[:0], 2)[1].shape == (0, 2)
