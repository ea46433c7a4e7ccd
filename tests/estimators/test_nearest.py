# SPDX-License-Identifier: Apache-2.0
"""NearestNeighbors: k nearest, within a radius, as graphs, and when rows ask about themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn import neighbors as theirs
from sklearn.exceptions import NotFittedError
from sklearn.metrics import pairwise_distances

from kneighbors import NearestNeighbors
from kneighbors.errors import ParameterError, ParameterTypeError
from tests.estimators.comparing import assert_lower_ids_first, assert_same_neighbours

generator = np.random.default_rng(5)
ROWS = generator.uniform(size=(90, 5))
QUERIES = generator.uniform(size=(20, 5))
ALGORITHMS = ["auto", "brute", "kd_tree", "ball_tree"]


def as_pairs(answer: Any) -> list[list[tuple[int, float]]]:
    return [
        sorted(zip(ids.tolist(), distances.tolist(), strict=True))
        for distances, ids in zip(*answer, strict=True)
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_radius_neighbours_as_scikit_learn(algorithm: str, metric: str) -> None:
    mine = NearestNeighbors(radius=0.7, algorithm=algorithm, metric=metric).fit(ROWS)
    reference = theirs.NearestNeighbors(radius=0.7, algorithm=algorithm, metric=metric).fit(ROWS)
    for asked, radius in ((QUERIES, None), (None, None), (QUERIES, 0.35), (QUERIES, 0.0), (QUERIES, 9.0)):
        ours, others = mine.radius_neighbors(asked, radius), reference.radius_neighbors(asked, radius)
        assert ours[0].dtype == ours[1].dtype == object
        for one, other in zip(as_pairs(ours), as_pairs(others), strict=True):
            assert [row for row, _ in one] == [row for row, _ in other]
            np.testing.assert_allclose([d for _, d in one], [d for _, d in other], rtol=1e-9)
        for distances, ids in zip(*ours, strict=True):
            assert_lower_ids_first(distances[None], ids[None])


def test_the_edge_of_a_radius_is_inside() -> None:
    model = NearestNeighbors(radius=0.1).fit([[0.0], [0.1], [0.3]])
    distances, ids = model.radius_neighbors([[0.0], [0.2]], radius=0.1)
    assert ids[0].tolist() == [0, 1] and distances[0].tolist() == [0.0, 0.1]
    graph = model.radius_neighbors_graph([[0.0]], radius=0.1, mode="distance")
    assert graph.nnz == 2, "a distance of 0 is stored"


def test_radius_answers_are_arrays_of_arrays_even_when_equally_long() -> None:
    distances, ids = NearestNeighbors(radius=0.5).fit([[0.0], [1.0], [2.0]]).radius_neighbors([[0.0], [1.0]])
    assert ids.shape == distances.shape == (2,) and ids.dtype == object
    assert [entry.tolist() for entry in ids] == [[0], [1]] and ids[0].dtype == np.int64
    nobody = NearestNeighbors(radius=0.5).fit([[0.0]]).radius_neighbors([[9.0]], return_distance=False)
    assert nobody.shape == (1,) and nobody[0].tolist() == []


def test_a_radius_for_each_query() -> None:
    model = NearestNeighbors().fit(ROWS)
    radii = generator.uniform(0.1, 0.8, size=len(QUERIES))
    distances, ids = model.radius_neighbors(QUERIES, radii)
    for query, radius in enumerate(radii):
        alone = model.radius_neighbors(QUERIES[query : query + 1], float(radius))
        np.testing.assert_array_equal(ids[query], alone[1][0])
        np.testing.assert_array_equal(distances[query], alone[0][0])
    with pytest.raises(ParameterError, match=r"one per query, \(20,\), is expected"):
        model.radius_neighbors(QUERIES, radii[:3])


@pytest.mark.parametrize("metric", ["precomputed", "sparse"])
def test_radius_over_given_distances_and_sparse_rows(metric: str) -> None:
    expected = NearestNeighbors(radius=0.6).fit(ROWS)
    if metric == "precomputed":
        model = NearestNeighbors(radius=0.6, metric="precomputed").fit(pairwise_distances(ROWS))
        asked: Any = pairwise_distances(QUERIES, ROWS)
    else:
        model = NearestNeighbors(radius=0.6).fit(scipy.sparse.csr_matrix(ROWS))
        asked = scipy.sparse.csr_matrix(QUERIES)
    for mine, reference in (
        (model.radius_neighbors(asked), expected.radius_neighbors(QUERIES)),
        (model.radius_neighbors(None), expected.radius_neighbors(None)),
    ):
        for one, other in zip(mine[1], reference[1], strict=True):
            np.testing.assert_array_equal(np.sort(one), np.sort(other))


def test_sorting_needs_distances() -> None:
    model = NearestNeighbors().fit(ROWS)
    with pytest.raises(ValueError, match="return_distance must be True if sort_results is True"):
        model.radius_neighbors(QUERIES, return_distance=False, sort_results=True)
    distances, _ = model.radius_neighbors(QUERIES, 0.9, sort_results=True)
    assert all((np.diff(part) >= 0).all() for part in distances)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_that_ask_about_themselves(algorithm: str) -> None:
    model = NearestNeighbors(n_neighbors=4, algorithm=algorithm).fit(ROWS)
    reference = theirs.NearestNeighbors(n_neighbors=4, algorithm=algorithm).fit(ROWS)
    assert_same_neighbours(model.kneighbors(), reference.kneighbors())
    ids = model.kneighbors(return_distance=False)
    assert (ids != np.arange(90)[:, None]).all()
    given_again = model.kneighbors(ROWS, 5)
    assert (given_again[1][:, 0] == np.arange(90)).all() and (given_again[0][:, 0] == 0).all()
    np.testing.assert_array_equal(given_again[1][:, 1:], ids)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_duplicates_answer_one_another(algorithm: str) -> None:
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    model = NearestNeighbors(n_neighbors=2, radius=0.1, algorithm=algorithm).fit(rows)
    assert model.kneighbors()[1].tolist() == [[2, 3], [0, 2], [0, 3], [0, 2]]
    assert [ids.tolist() for ids in model.radius_neighbors()[1]] == [[2, 3], [], [0, 3], [0, 2]]
    assert model.kneighbors_graph().toarray().diagonal().tolist() == [0, 0, 0, 0]


def test_all_rows_equal_gives_the_first_ids() -> None:
    model = NearestNeighbors(n_neighbors=4).fit(np.ones((50, 3)))
    assert model.kneighbors(np.zeros((2, 3)))[1].tolist() == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
def test_graphs_as_scikit_learn(mode: str) -> None:
    mine, reference = (
        NearestNeighbors(n_neighbors=3, radius=0.5),
        theirs.NearestNeighbors(n_neighbors=3, radius=0.5),
    )
    mine.fit(ROWS), reference.fit(ROWS)
    for asked in (QUERIES, None, ROWS):
        for name in ("kneighbors_graph", "radius_neighbors_graph"):
            ours, others = getattr(mine, name)(asked, mode=mode), getattr(reference, name)(asked, mode=mode)
            assert ours.shape == others.shape and ours.nnz == others.nnz and ours.format == "csr"
            assert type(ours) is type(others)
            np.testing.assert_allclose(ours.toarray(), others.toarray(), atol=1e-9)
    assert mine.kneighbors_graph(QUERIES, 7, mode).nnz == 7 * 20


def test_graphs_take_scikit_learns_sparse_interface() -> None:
    from sklearn import config_context, get_config

    if "sparse_interface" not in get_config():
        pytest.skip("this scikit-learn has matrices only")
    model = NearestNeighbors().fit(ROWS)
    with config_context(sparse_interface="sparray"):
        assert scipy.sparse.issparse(model.kneighbors_graph()) and isinstance(
            model.kneighbors_graph(), scipy.sparse.sparray
        )
    assert isinstance(model.kneighbors_graph(), scipy.sparse.spmatrix)


def test_an_unknown_mode_is_refused() -> None:
    model = NearestNeighbors().fit(ROWS)
    for name in ("kneighbors_graph", "radius_neighbors_graph"):
        with pytest.raises(ParameterError, match='"connectivity", or "distance" but got "blah"'):
            getattr(model, name)(QUERIES, mode="blah")


def test_r32_k_up_to_n_works_and_beyond_it_says_so() -> None:
    """R32: k = n, k = n - 1 in leave-one-out, and one more of each, with the numbers in the message."""
    model = NearestNeighbors(n_neighbors=1000).fit(ROWS)  # fit never refuses a k
    assert np.sort(model.kneighbors(QUERIES, 90)[1], axis=1).tolist() == [list(range(90))] * 20
    assert model.kneighbors(None, 89)[1].shape == (90, 89)
    for asked, k, message in (
        (
            QUERIES,
            None,
            "n_neighbors <= n_samples_fit, but n_neighbors = 1000, n_samples_fit = 90, n_samples = 20",
        ),
        (QUERIES, 91, "n_neighbors = 91, n_samples_fit = 90"),
        (None, 90, "Expected n_neighbors < n_samples_fit, but n_neighbors = 90, n_samples_fit = 90"),
    ):
        with pytest.raises(ValueError, match=message):
            model.kneighbors(asked, k)


def test_padding_is_asked_for_and_documented() -> None:
    model = NearestNeighbors().fit([[0.0], [1.0]])
    distances, ids = model.kneighbors([[0.2]], 4, pad=True)
    assert ids.tolist() == [[0, 1, 2, 2]]
    np.testing.assert_allclose(distances, [[0.2, 0.8, np.inf, np.inf]])
    distances, ids = NearestNeighbors().fit([[0.0]]).kneighbors(None, 2, pad=True)
    assert ids.tolist() == [[1, 1]] and np.isinf(distances).all()
    assert model.kneighbors([[0.2]], 2, pad=True)[1].tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("k", "kind"),
    [
        (0, ParameterError),
        (-3, ParameterError),
        (True, ParameterTypeError),
        (np.True_, ParameterTypeError),
        (3.0, ParameterTypeError),
        (np.float64(2), ParameterTypeError),
        ("3", ParameterTypeError),
        ([3], ParameterTypeError),
    ],
)
def test_neighbours_to_ask_for_are_a_positive_int(k: Any, kind: type[Exception]) -> None:
    model = NearestNeighbors().fit(ROWS)
    with pytest.raises(kind, match="n_neighbors"):
        model.kneighbors(QUERIES, k)
    with pytest.raises(kind, match="n_neighbors"):
        NearestNeighbors(n_neighbors=k).fit(ROWS)
    assert model.kneighbors(QUERIES, np.int8(3))[1].shape == (20, 3)


@pytest.mark.parametrize("radius", [np.nan, "1", True, [1.0, "a"]])
def test_radii_are_numbers(radius: Any) -> None:
    with pytest.raises((ParameterError, ParameterTypeError), match="radius"):
        NearestNeighbors().fit(ROWS).radius_neighbors(QUERIES, radius)


def test_k_or_radius_may_be_left_to_the_call() -> None:
    model = NearestNeighbors(n_neighbors=None, radius=None).fit(ROWS)
    with pytest.raises(ParameterError, match="n_neighbors is None"):
        model.kneighbors(QUERIES)
    with pytest.raises(ParameterError, match="radius is None"):
        model.radius_neighbors(QUERIES)
    assert model.kneighbors(QUERIES, 2)[1].shape == (20, 2)
    assert len(model.radius_neighbors(QUERIES, 0.5)[1]) == 20


@pytest.mark.parametrize(
    "question", ["kneighbors", "kneighbors_graph", "radius_neighbors", "radius_neighbors_graph"]
)
def test_asking_before_fit(question: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(NearestNeighbors(), question)([[1.0]])
    with pytest.raises(NotFittedError):
        NearestNeighbors().save("/nowhere")
