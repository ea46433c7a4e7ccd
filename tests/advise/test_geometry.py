# SPDX-License-Identifier: Apache-2.0
"""Dimension, contrast and hubs: equal to the judge's, and right on shapes whose dimension is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew
from sklearn.datasets import make_swiss_roll

from kneighbors import NearestNeighbors
from kneighbors.advise import geometry
from tests.reference import geometry as judge


def neighbours(rows, k=20):
    return NearestNeighbors(n_neighbors=k).fit(rows).kneighbors()


def test_the_figures_are_the_judges():
    rows = np.random.default_rng(0).normal(size=(60, 4))
    distances, ids = neighbours(rows, 8)
    listed = rows.tolist()
    assert geometry.two_nn_dimension(distances) == pytest.approx(judge.two_nn_dimension(listed), rel=1e-9)
    assert geometry.likelihood_dimension(distances) == pytest.approx(judge.likelihood_dimension(listed, 8))
    every = np.array([distance for others in judge.sorted_distances(listed) for distance, _ in others])
    contrast = geometry.relative_contrast(every, distances[:, 0])
    assert contrast == pytest.approx(judge.relative_contrast(listed))
    assert geometry.occurrences(ids, 60).tolist() == judge.occurrences(listed, 8)


def test_skewness_is_scipys():
    counts = np.random.default_rng(0).poisson(3, size=500)
    assert geometry.skewness(counts) == pytest.approx(skew(counts))
    assert geometry.skewness(np.full(5, 2)) == 0.0


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_the_dimension_of_normal_rows_is_found_in_any_number_of_columns(dimension):
    generator = np.random.default_rng(dimension)
    turned = generator.normal(size=(1500, dimension)) @ generator.normal(size=(dimension, 12))
    distances, _ = neighbours(turned)
    assert geometry.two_nn_dimension(distances) == pytest.approx(dimension, rel=0.12)
    assert geometry.likelihood_dimension(distances) == pytest.approx(dimension, rel=0.12)


def test_a_rolled_up_sheet_has_two_dimensions():
    distances, _ = neighbours(make_swiss_roll(1500, random_state=0)[0])
    assert geometry.two_nn_dimension(distances) == pytest.approx(2, rel=0.1)


def test_contrast_falls_and_hubs_grow_with_the_dimension():
    contrasts, hubness = [], []
    for n_columns in (2, 10, 50):
        rows = np.random.default_rng(0).normal(size=(500, n_columns))
        distances, ids = neighbours(rows, 10)
        between = np.linalg.norm(rows[:, None] - rows[None], axis=2)[~np.eye(500, dtype=bool)]
        contrasts.append(geometry.relative_contrast(between, distances[:, 0]))
        hubness.append(geometry.skewness(geometry.occurrences(ids, 500)))
    assert contrasts[0] > 10 > contrasts[1] > contrasts[2] > 1
    assert hubness[0] < hubness[1] < hubness[2]


def test_rows_that_allow_no_figure_give_none():
    few = np.ones((5, 3))
    assert geometry.two_nn_dimension(few) is None
    assert geometry.likelihood_dimension(few) is None
    assert geometry.two_nn_dimension(np.zeros((50, 3))) is None  # equal rows only
    assert geometry.two_nn_dimension(np.ones((50, 3))) is None  # a lattice: every ratio is 1
    assert geometry.likelihood_dimension(np.ones((50, 3))) is None
    assert geometry.relative_contrast(np.zeros(4), np.zeros(4)) is None
    assert geometry.relative_contrast(np.array([np.nan]), np.ones(1)) is None
