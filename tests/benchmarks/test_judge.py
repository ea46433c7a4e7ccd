# SPDX-License-Identifier: Apache-2.0
"""The float64 judge against sorting everything, and its view of ties and nonsense."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import judge


@pytest.fixture
def sets():
    random = np.random.default_rng(5)
    # Far from the origin, where a float32 shortcut by norms would fail.
    return (
        random.normal(1000, 1, (700, 6)).astype(np.float32),
        random.normal(1000, 1, (9, 6)).astype(np.float32),
    )


def sorted_ids(rows, queries, k):
    wide, asking = rows.astype(np.longdouble), queries.astype(np.longdouble)
    return np.stack([np.argsort(((wide - query) ** 2).sum(1), kind="stable")[:k] for query in asking])


def test_distances_are_those_of_sorting(sets):
    rows, queries = sets
    nearest = judge.kth_distances(queries, rows, 10)
    ids = sorted_ids(rows, queries, 10)
    expected = [
        ((rows[i].astype(float) - q.astype(float)) ** 2).sum(1) for i, q in zip(ids, queries, strict=True)
    ]
    assert np.allclose(nearest, expected, rtol=1e-13)


def test_right_answers_are_right_and_wrong_ones_wrong(sets):
    rows, queries = sets
    nearest = judge.kth_distances(queries, rows, 10)
    ids = sorted_ids(rows, queries, 10)
    assert judge.right_share(ids, nearest, queries, rows) == 1
    assert judge.right_share(ids[:, ::-1], nearest, queries, rows) == 1
    # A judge of more neighbours judges fewer too.
    assert judge.right_share(ids[:, :4], nearest, queries, rows) == 1
    worse = sorted_ids(rows, queries, 11)[:, [*range(9), 10]]
    assert judge.right_share(worse, nearest, queries, rows) == pytest.approx(0.9)


def test_tied_rows_are_all_right_but_each_once():
    rows = np.array([[0.0], [1.0], [1.0], [5.0], [-1.0]], np.float32)
    query = np.zeros((1, 1), np.float32)
    nearest = judge.kth_distances(query, rows, 2)
    for answer in ([0, 1], [0, 2], [0, 4]):
        assert judge.right_share(np.array([answer]), nearest, query, rows) == 1
    for answer in ([0, 0], [0, 3], [0, -1], [0, 99]):
        assert judge.right_share(np.array([answer]), nearest, query, rows) == 0.5


def test_overlap_ignores_the_order():
    assert judge.overlap(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [4, 9]])) == 0.75


@pytest.mark.parametrize("metric", ["inner_product", "cosine"])
def test_other_metrics_are_judged_too(metric):
    generator = np.random.default_rng(5)
    rows, queries = generator.standard_normal((200, 6)), generator.standard_normal((4, 6))
    values = -(queries @ rows.T)
    if metric == "cosine":
        values /= np.linalg.norm(rows, axis=1) * np.linalg.norm(queries, axis=1)[:, None]
    ids = np.argsort(values, axis=1)[:, :3]
    nearest = judge.kth_distances(queries, rows, 3, metric)
    np.testing.assert_allclose(nearest, np.sort(values, axis=1)[:, :3])
    assert judge.right_share(ids, nearest, queries, rows, metric) == 1
    assert judge.right_share(ids[:, ::-1] + 1 - ids[:, ::-1], nearest, queries, rows, metric) < 1
