# SPDX-License-Identifier: Apache-2.0
"""The judges judged: the float judge agrees with exact integers, and both notice a wrong answer."""

import numpy as np
import pytest

from tests.reference import exact, rationals

METRICS = ("sqeuclidean", "euclidean", "inner_product", "cosine")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_columns", [1, 2, 7, 8, 9, 16, 33])
def test_the_two_judges_agree(metric, n_columns):
    rng = np.random.default_rng(n_columns)
    rows = rng.normal(size=(40, n_columns)) * 2.0 ** rng.integers(-40, 40, size=(40, 1))
    queries = rng.normal(size=(5, n_columns))
    distances, ids = exact.neighbors(queries, rows, 40, metric)
    assert rationals.violations(queries, rows, distances, ids, metric) == []


@pytest.mark.parametrize("metric", METRICS)
def test_the_rational_judge_notices_a_swap_a_gap_a_repeat_and_a_wrong_number(metric):
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(30, 5)), rng.normal(size=(1, 5))
    distances, ids = exact.neighbors(queries, rows, 10, metric)
    swapped, repeated, beyond, wrong = ids.copy(), ids.copy(), ids.copy(), distances.copy()
    swapped[0, [3, 4]] = ids[0, [4, 3]]
    repeated[0, 5] = ids[0, 4]
    beyond[0, 9] = exact.neighbors(queries, rows, 11, metric)[1][0, 10]
    wrong[0, 0] = distances[0, 0] + 1e-9
    assert any("before" in text for text in rationals.violations(queries, rows, distances, swapped, metric))
    assert any("twice" in text for text in rationals.violations(queries, rows, distances, repeated, metric))
    assert any("missing" in text for text in rationals.violations(queries, rows, distances, beyond, metric))
    assert any("is not" in text for text in rationals.violations(queries, rows, wrong, ids, metric))


def test_the_lanes_are_summed_in_the_documented_order():
    """By hand: nine columns, so that lane 0 holds two terms; sizes chosen so that another order differs."""
    query = np.zeros((1, 9))
    row = np.array([[1.0, 2.0**-27, 0, 0, 2.0**-27, 0, 0, 0, 2.0**-27]])
    lane_0 = 1.0 + 2.0**-54  # rounds to 1.0
    expected = (lane_0 + 2.0**-54) + (2.0**-54 + 0.0)
    assert exact.pairwise(query, row, "sqeuclidean")[0, 0] == expected
    assert exact.pairwise(query, -row, "sqeuclidean")[0, 0] == expected


def test_ties_go_to_the_lower_id_and_the_excluded_row_is_absent():
    values = np.array([[1.0, 0.0, 1.0, 0.0, 2.0]])
    assert exact.nearest(values, 4)[1].tolist() == [[1, 3, 0, 2]]
    assert exact.nearest(values, 3, exclude=[3])[1].tolist() == [[1, 0, 2]]


def test_a_zero_vector_is_at_cosine_distance_one():
    assert exact.pairwise([[0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]], "cosine").tolist() == [[1.0, 1.0]]
