# SPDX-License-Identifier: Apache-2.0
"""The vote against its slow judge, bit for bit, and its rules one by one."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors import vote
from kneighbors.errors import DataError, ParameterError, ParameterTypeError
from tests.reference import vote as judge


def random_ballot(seed: int, n_queries: int = 60, k: int = 7, n_classes: int = 5) -> tuple[Any, Any]:
    """Sorted distances with ties, zeros, infinities and denormals, and class codes."""
    generator = np.random.default_rng(seed)
    choices = np.array([0.0, 5e-324, 1e-310, 1e-8, 0.25, 1 / 3, 1.0, 1.0, 2.5, 1e300, np.inf])
    distances = np.sort(generator.choice(choices, size=(n_queries, k)), axis=1)
    distances[0] = np.inf
    distances[1, -1] = np.nan
    distances[2] = np.nan
    return distances, generator.integers(0, n_classes, size=(n_queries, k))


@pytest.mark.parametrize("weights", ["uniform", None, "distance"])
@pytest.mark.parametrize("seed", range(5))
def test_weights_votes_and_winners_equal_the_judge(seed: int, weights: Any) -> None:
    distances, codes = random_ballot(seed)
    priors = np.array([1.0, 2.0, 0.5, 3.0, 1 / 3])
    counted = vote.neighbour_weights(distances, weights)
    for given_priors in (None, priors):
        shares = vote.probabilities(codes, counted, 5, given_priors)
        winning = vote.winners(codes, counted, 5, given_priors)
        for query in range(len(codes)):
            expected = judge.neighbour_weights(distances[query].tolist(), weights)
            if counted is not None:
                assert counted[query].tolist() == expected
            totals = judge.votes(codes[query], expected, 5, given_priors)
            assert winning[query] == judge.winner(totals)
            assert np.argmax(shares[query]) == winning[query]
            np.testing.assert_allclose(shares[query], np.array(totals) / sum(totals), rtol=1e-15)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_means_equal_the_judge_bit_for_bit(weights: str) -> None:
    distances, _ = random_ballot(9)
    targets = np.random.default_rng(1).normal(size=(*distances.shape, 2)) * 1e3
    counted = vote.neighbour_weights(distances, weights)
    means = vote.mean_targets(targets, counted)
    for query in range(len(distances)):
        expected = judge.neighbour_weights(distances[query].tolist(), weights)
        for output in range(2):
            assert means[query, output] == judge.mean(targets[query, :, output].tolist(), expected)


def test_r34_distance_weights_at_an_exact_hit_are_never_nan_or_all_zero() -> None:
    """R34: where a distance is 0 those neighbours count 1 and the rest 0; no row is all zero or NaN."""
    distances = np.array([[0.0, 0.0, 2.0], [0.0, 1.0, np.inf], [5e-324, 1.0, 2.0], [np.inf, np.inf, np.inf]])
    counted = vote.neighbour_weights(distances, "distance")
    assert counted is not None
    assert counted[0].tolist() == [1, 1, 0] and counted[1].tolist() == [1, 0, 0]
    assert counted[3].tolist() == [1, 1, 1]
    assert np.isfinite(counted).all() and (counted.max(axis=1) == 1).all()
    shares = vote.probabilities(np.array([[0, 1, 1]] * 4), counted, 2)
    assert np.isfinite(shares).all() and np.allclose(shares.sum(axis=1), 1)


def test_distance_weights_are_one_over_distance_up_to_a_factor() -> None:
    distances = np.random.default_rng(0).uniform(0.1, 9, size=(50, 6))
    counted = vote.neighbour_weights(distances, "distance")
    assert counted is not None
    ratio = counted * distances
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-15)


def test_a_tie_goes_to_the_smallest_label_with_weights_too() -> None:
    codes = np.array([[3, 1, 1, 3], [2, 2, 0, 0], [4, 0, 4, 0]])
    assert vote.winners(codes, None, 5).tolist() == [1, 0, 0]
    assert vote.winners(codes, np.full(codes.shape, 0.3), 5).tolist() == [1, 0, 0]
    # 0.1 + 0.2 + 0.3 summed nearest first is not the sum in another order, so it does not tie with 0.6.
    codes = np.array([[1, 1, 1, 0]])
    assert vote.winners(codes, np.array([[0.1, 0.2, 0.3, 0.6]]), 2).tolist() == [1]
    assert vote.winners(codes, np.array([[0.3, 0.2, 0.1, 0.6]]), 2).tolist() == [0]


@given(data=st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_many_classes_take_another_path_to_the_same_winner(data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 6))
    n_classes = data.draw(st.integers(1, 60))
    shape = (data.draw(st.integers(0, 5)), k)
    size = shape[0] * shape[1]
    codes = np.array(
        data.draw(st.lists(st.integers(0, n_classes - 1), min_size=size, max_size=size)), dtype=np.int64
    )
    weights = np.array(
        data.draw(st.lists(st.sampled_from([0.1, 0.2, 0.3, 1.0]), min_size=size, max_size=size))
    )
    codes, weights = codes.reshape(shape), weights.reshape(shape)
    priors = np.linspace(1, 2, n_classes)
    for given_weights in (None, weights):
        for given_priors in (None, priors):
            expected = [
                judge.winner(
                    judge.votes(
                        codes[query],
                        [1.0] * k if given_weights is None else given_weights[query],
                        n_classes,
                        given_priors,
                    )
                )
                for query in range(shape[0])
            ]
            assert vote.winners(codes, given_weights, n_classes, given_priors).tolist() == expected


def test_winners_in_blocks_equal_winners_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    distances, codes = random_ballot(3, n_queries=500)
    counted = vote.neighbour_weights(distances, "distance")
    whole = vote.winners(codes, counted, 5), vote.winners(codes, counted, 5000)
    monkeypatch.setattr("kneighbors.vote.classes.CELLS_AT_ONCE", 64)
    assert (vote.winners(codes, counted, 5) == whole[0]).all()
    assert (vote.winners(codes, counted, 5000) == whole[1]).all()


def test_priors_multiply_votes() -> None:
    codes = np.array([[0, 1, 1]])
    assert vote.winners(codes, None, 2).tolist() == [1]
    assert vote.winners(codes, None, 2, np.array([3.0, 1.0])).tolist() == [0]
    np.testing.assert_allclose(vote.probabilities(codes, None, 2, np.array([3.0, 1.0])), [[0.6, 0.4]])


def test_shares_split_the_last_neighbour_and_sum_to_k() -> None:
    weights = np.array([[2.0, 0.5, 4.0, 1.0], [0.1, 0.1, 0.1, 0.1]])
    shares, reached = vote.take_shares(weights, 3)
    assert reached.tolist() == [True, False]
    assert shares[0].tolist() == judge.shares(weights[0].tolist(), 3) == [2.0, 0.5, 0.5, 0.0]
    assert shares[1].tolist() == weights[1].tolist()


def test_ten_tenths_reach_one() -> None:
    weights = np.full((1, 10), 0.1)
    assert weights.cumsum()[-1] < 1.0, "the point of this test: the float sum misses 1"
    assert vote.take_shares(weights, 1)[1].all()


def test_a_row_that_asks_leaves_one_unit_of_itself_out() -> None:
    own = np.array([[True, False, False]])
    for weights, taken in (([3.0, 1.0, 1.0], [2.0, 1.0, 0.0]), ([0.5, 2.0, 1.0], [0.0, 2.0, 1.0])):
        available = vote.without_own(np.array([weights]), own)
        assert vote.take_shares(available, 3)[0].tolist() == [taken]
    assert judge.copies([7, 8, 9], [3, 1, 1], 3, own=7) == [7, 7, 8]


def test_a_callable_sees_a_copy_of_the_distances() -> None:
    distances = np.array([[1.0, 2.0]])

    def scribble(given_distances: Any) -> Any:
        given_distances[:] = 5.0
        return given_distances

    counted = vote.neighbour_weights(distances, scribble)
    assert counted is not None and counted.tolist() == [[5.0, 5.0]]
    assert distances.tolist() == [[1.0, 2.0]]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_callable_that_is_infinite_at_a_hit_counts_only_the_hits() -> None:
    distances = np.array([[0.0, 0.0, 4.0], [1.0, 2.0, 4.0]])
    counted = vote.neighbour_weights(distances, lambda given_distances: given_distances**-2.0)
    assert counted is not None and counted.tolist() == [[1.0, 1.0, 0.0], [1.0, 0.25, 0.0625]]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda distances: distances[:, :1], r"shape \(2, 1\) for distances of shape \(2, 2\)"),
        (lambda distances: distances * np.nan, "returned nan for the distance 1.0 .query 0, neighbour 0"),
        (lambda distances: np.log(distances), "returned -inf for the distance 0.0 .query 1, neighbour 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_callable_must_return_finite_weights_of_the_same_shape(function: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        vote.neighbour_weights(np.array([[1.0, 2.0], [0.0, 1.0]]), function)


def test_no_vote_and_negative_votes_are_refused() -> None:
    codes = np.array([[0, 1], [0, 1]])
    for answer in (vote.winners, vote.probabilities):
        with pytest.raises(DataError, match=r"zero weights.*first such sample is query 1"):
            answer(codes, np.array([[1.0, 0.0], [0.0, 0.0]]), 2)
        with pytest.raises(DataError, match=r"negative weight -1.0 \(query 0, neighbour 1\)"):
            answer(codes, np.array([[1.0, -1.0], [1.0, 0.0]]), 2)
    with pytest.raises(DataError, match="query 1 sum to zero"):
        vote.mean_targets(np.ones((2, 2, 1)), np.array([[1.0, 0.0], [1.0, -1.0]]))


def test_no_queries_give_empty_answers() -> None:
    codes = np.empty((0, 3), dtype=np.int64)
    distances = np.empty((0, 3))
    assert vote.neighbour_weights(distances, "distance").shape == (0, 3)  # type: ignore[union-attr]
    assert vote.winners(codes, None, 4).shape == (0,)
    assert vote.probabilities(codes, None, 4).shape == (0, 4)
    assert vote.mean_targets(np.empty((0, 3, 2)), None).shape == (0, 2)


@pytest.mark.parametrize(
    ("priors", "kind"),
    [
        ([1.0], ParameterError),
        ([1.0, 0.0], ParameterError),
        ([1.0, -1.0], ParameterError),
        ([1.0, np.nan], ParameterError),
        ([1.0, np.inf], ParameterError),
        ([[1.0, 2.0], [1.0, 2.0]], ParameterError),
        ("ab", ParameterTypeError),
        (3.0, ParameterTypeError),
        ({"a": 1.0, "b": 2.0}, ParameterTypeError),
    ],
)
def test_priors_must_fit_the_classes(priors: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="priors"):
        vote.check_priors(priors, [2])


def test_priors_of_several_outputs() -> None:
    arrays = vote.check_priors([[1, 2], [1, 2, 3]], [2, 3])
    assert arrays is not None and [array.tolist() for array in arrays] == [[1, 2], [1, 2, 3]]
    assert vote.check_priors(None, [2, 3]) is None


def test_ten_thousand_queries_vote_in_milliseconds() -> None:
    """An absence-of-loops test, not a benchmark: a Python loop over queries would take a hundred times as
    long.
    """
    generator = np.random.default_rng(0)
    distances = np.sort(generator.uniform(size=(10_000, 10)), axis=1)
    codes = generator.integers(0, 10, size=(10_000, 10))
    fastest = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        vote.winners(codes, vote.neighbour_weights(distances, "distance"), 10)
        fastest = min(fastest, time.perf_counter() - started)
    assert fastest < 0.05, f"{fastest * 1e3:.1f} ms"
