# SPDX-License-Identifier: Apache-2.0
"""The smallest set that flips an answer: as small as the judge's, who tries every set, and it does flip."""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors.advise import flips
from tests.reference.flips import answer_without, smallest_flip


def by_square(distances):
    return 1.0 / (1.0 + np.asarray(distances) ** 2)


def upside_down(distances):
    """No order: the farther counts more."""
    return np.asarray(distances) + 0.5


def bumpy(distances):
    return np.where(np.floor(np.asarray(distances)) % 2 == 0, 0.0, 1.0)


def cases(seed, n_cases, n_rows, kind):
    """Rows of few distances, so that ties, zeros and infinities are common."""
    generator = np.random.default_rng(seed)
    for _ in range(n_cases):
        m = int(generator.integers(2, n_rows + 1))
        k = int(generator.integers(1, m + 1))
        n_classes = int(generator.integers(2, 5))
        codes = generator.integers(n_classes, size=m)
        if kind == "ties":
            distances = np.sort(generator.choice([0.0, 0.0, 1.0, 1.0, 2.0, 4.0, np.inf], size=m))
        elif kind == "missing":
            distances = np.sort(generator.choice([0.0, 1.0, 2.0, np.inf, np.nan], size=m))
        else:
            distances = np.sort(generator.exponential(size=m))
        priors = generator.choice([0.5, 1.0, 2.0], size=n_classes) if generator.random() < 0.4 else None
        yield codes.astype(np.int64), distances, k, n_classes, priors


@pytest.mark.parametrize(
    ("weights", "kind"),
    [(named, kind) for named in ("uniform", "distance") for kind in ("ties", "missing", "spread")]
    + [(by_square, "spread"), (upside_down, "spread")],
)
def test_the_set_is_as_small_as_the_judges_and_flips(weights, kind):
    n_found = n_none = 0
    for codes, distances, k, n_classes, priors in cases(1, 150 if callable(weights) else 400, 9, kind):
        told = (codes.tolist(), distances.tolist(), k, n_classes, weights)
        ballot = flips.Ballot(codes, distances, k, n_classes, weights, priors)
        expected = smallest_flip(*told, None if priors is None else priors.tolist())
        found = flips.find_flip(ballot, 1, len(codes) - k) if k < len(codes) else None
        assert (found is None) == (expected is None), (told, priors)
        if found is None:
            n_none += 1
            continue
        n_found += 1
        assert len(set(found.places.tolist())) == expected == len(found.places), (told, priors)
        judged = answer_without(*told, None if priors is None else priors.tolist(), found.places.tolist())
        before = answer_without(*told, None if priors is None else priors.tolist(), [])
        assert judged == found.winner != before
    assert n_found > 50 and n_none > 20  # both ends were met


def test_a_vote_where_nothing_counts_is_no_flip():
    """Removing the only rows that count leaves no winner, so that removal does not answer."""
    codes, distances = np.array([0, 1, 1, 1]), np.array([1.0, 2.0, 2.5, 3.0])
    found = flips.find_flip(flips.Ballot(codes, distances, 2, 2, bumpy, None), 1, 2)
    assert found is not None
    assert len(found.places) == smallest_flip(codes.tolist(), distances.tolist(), 2, 2, bumpy) == 2


def test_removing_rows_brings_the_next_ones_in():
    """One removal is not enough although the answer's lead is one: the row that comes in votes for it."""
    codes = np.array([0, 0, 1, 0, 1, 1])
    ballot = flips.Ballot(codes, np.arange(1.0, 7.0), 3, 2, "uniform", None)
    found = flips.find_flip(ballot, 1, 3)
    assert found.places.tolist() == [0, 1] and found.winner == 1


def test_a_tie_goes_to_the_first_class_in_the_flip_too():
    codes = np.array([1, 1, 0, 0])
    found = flips.find_flip(flips.Ballot(codes, np.arange(1.0, 5.0), 3, 2, "uniform", None), 1, 1)
    assert found.places.tolist() == [0] and found.winner == 0
    two = np.array([1, 0, 0, 1])  # k = 2: a tie that class 0 wins; removing one row of 0 leaves a tie again
    found = flips.find_flip(flips.Ballot(two, np.arange(1.0, 5.0), 2, 2, "uniform", None), 1, 2)
    assert found.places.tolist() == [1, 2] and found.winner == 1


def test_sizes_already_ruled_out_are_not_looked_at_again():
    codes = np.array([0, 0, 0, 1, 1, 1, 1])
    ballot = flips.Ballot(codes, np.arange(1.0, 8.0), 3, 2, "uniform", None)
    whole = flips.find_flip(ballot, 1, 4)
    assert flips.find_flip(ballot, 1, len(whole.places) - 1) is None
    assert flips.find_flip(ballot, len(whole.places), 4).places.tolist() == whole.places.tolist()


def test_a_function_gives_up_at_a_stated_number_of_sets():
    codes = np.zeros(60, dtype=np.int64)
    ballot = flips.Ballot(codes, np.arange(1.0, 61.0), 20, 2, by_square, None)
    with pytest.raises(flips.TooManySetsError, match="20,000"):
        flips.find_flip(ballot, 1, 40)
