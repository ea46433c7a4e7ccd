# SPDX-License-Identifier: Apache-2.0
"""Votes over runs against the slow judge, bit for bit, and against the votes over tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kneighbors import vote
from kneighbors.errors import DataError
from tests.reference import vote as judge


def random_runs(seed: int, n_queries: int = 50, n_classes: int = 4) -> tuple[Any, Any, Any]:
    """Sorted distances with ties, zeros, infinities and denormals; every seventh query has none."""
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 9, size=n_queries)
    counts[::7] = 0
    offsets = np.concatenate([[0], np.cumsum(counts)])
    choices = np.array([0.0, 5e-324, 1e-310, 0.25, 1 / 3, 1.0, 1.0, 2.5, 1e300, np.inf])
    runs = [np.sort(generator.choice(choices, size=count)) for count in counts]
    runs[3][:] = np.inf
    distances = np.concatenate(runs)
    return distances, offsets, generator.integers(0, n_classes, size=offsets[-1])


@pytest.mark.parametrize("weights", ["uniform", None, "distance"])
@pytest.mark.parametrize("seed", range(3))
def test_weights_votes_winners_and_means_equal_the_judge(seed: int, weights: Any) -> None:
    distances, offsets, codes = random_runs(seed)
    targets = np.random.default_rng(seed).normal(size=(len(codes), 2))
    priors = np.array([1.0, 2.0, 0.5, 1 / 3])
    counted = vote.run_weights(distances, offsets, weights)
    means = vote.run_means(targets, offsets, counted)
    for given_priors in (None, priors):
        shares = vote.run_probabilities(codes, offsets, counted, 4, given_priors)
        winning = vote.run_winners(codes, offsets, counted, 4, given_priors)
        for query in range(len(offsets) - 1):
            run = slice(offsets[query], offsets[query + 1])
            if run.start == run.stop:
                assert winning[query] == -1 and not shares[query].any() and np.isnan(means[query]).all()
                continue
            expected = judge.neighbour_weights(distances[run].tolist(), weights)
            if counted is not None:
                assert counted[run].tolist() == expected
            totals = judge.votes(codes[run], expected, 4, given_priors)
            assert winning[query] == judge.winner(totals)
            np.testing.assert_allclose(shares[query], np.array(totals) / sum(totals), rtol=1e-15)
            for output in range(2):
                assert means[query, output] == judge.mean(targets[run, output], expected)


@pytest.mark.parametrize("weights", ["uniform", "distance", lambda distances: 1 / (1 + distances)])
def test_runs_of_one_length_are_a_table(weights: Any) -> None:
    generator = np.random.default_rng(4)
    table = np.sort(generator.uniform(size=(30, 6)), axis=1)
    codes, targets = generator.integers(0, 5, (30, 6)), generator.normal(size=(30, 6, 1))
    offsets = np.arange(0, 181, 6)
    shares = generator.uniform(0.5, 2, (30, 6))
    ours = vote.run_weights(table.ravel(), offsets, weights, shares.ravel())
    expected = vote.neighbour_weights(table, weights, shares)
    assert ours is not None and expected is not None
    np.testing.assert_array_equal(ours.reshape(30, 6), expected)
    np.testing.assert_array_equal(
        vote.run_winners(codes.ravel(), offsets, ours, 5), vote.winners(codes, expected, 5)
    )
    np.testing.assert_array_equal(
        vote.run_probabilities(codes.ravel(), offsets, ours, 5), vote.probabilities(codes, expected, 5)
    )
    np.testing.assert_array_equal(
        vote.run_means(targets.reshape(-1, 1), offsets, ours), vote.mean_targets(targets, expected)
    )


def test_winners_in_blocks_equal_winners_at_once(monkeypatch: Any) -> None:
    distances, offsets, codes = random_runs(9)
    counted = vote.run_weights(distances, offsets, "distance")
    at_once = vote.run_winners(codes, offsets, counted, 4)
    monkeypatch.setattr("kneighbors.vote.runs.CELLS_AT_ONCE", 20)
    np.testing.assert_array_equal(vote.run_winners(codes, offsets, counted, 4), at_once)


RUNS = np.array([0.0, 1.0, 2.0]), np.array([0, 2, 2, 3])


def test_a_function_of_the_distances_gets_an_array_for_each_query_and_cannot_write_into_ours() -> None:
    distances, offsets = RUNS[0].copy(), RUNS[1]

    def inverse(given: Any) -> Any:
        assert given.dtype == object and [one.shape for one in given] == [(2,), (0,), (1,)]
        with np.errstate(divide="ignore"):
            weights = 1.0 / given
        for one in given:
            one[:] = -5.0
        return weights

    counted = vote.run_weights(distances, offsets, inverse)
    assert counted is not None and counted.tolist() == [1.0, 0.0, 0.5], "an exact hit counts alone"
    np.testing.assert_array_equal(distances, RUNS[0])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([np.ones(2), np.ones(0)], "returned 2 arrays for 3 queries"),
        ([np.ones(2), np.ones(0), np.ones(2)], r"returned shape \(2,\) for the 1 distances of query 2"),
        ([np.array([1.0, np.nan]), np.ones(0), np.ones(1)], r"returned nan for the distance 1.0 \(query 0\)"),
    ],
)
def test_what_a_function_may_not_return(returned: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        vote.run_weights(*RUNS, lambda distances: returned)


def test_weights_that_are_no_votes() -> None:
    codes = np.array([0, 1, 1])
    with pytest.raises(DataError, match=r"negative weight -1.0 \(query 2\)"):
        vote.run_votes(codes, RUNS[1], np.array([1.0, 1.0, -1.0]), 2)
    with pytest.raises(DataError, match=r"zero weights.*query 2"):
        vote.run_winners(codes, RUNS[1], np.array([1.0, 1.0, 0.0]), 2)
    with pytest.raises(DataError, match="neighbours of query 0 sum to zero"):
        vote.run_means(np.ones((3, 1)), RUNS[1], np.array([1.0, -1.0, 1.0]))
