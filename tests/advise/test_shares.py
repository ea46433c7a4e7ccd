# SPDX-License-Identifier: Apache-2.0
"""Shares of a distance: they sum to it, for every metric that has them, and each is what its formula says."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kneighbors.advise.shares import feature_shares
from kneighbors.metrics import NAMES, resolve

WITHOUT = {"mahalanobis", "haversine", "precomputed", "pyfunc", "yule", "jensenshannon", "russellrao"}
BOOLEAN = {"hamming", "jaccard", "dice", "rogerstanimoto", "sokalmichener", "sokalsneath"}


def rows_for(name, generator, n_columns=7):
    queries, rows = generator.normal(size=(6, n_columns)), generator.normal(size=(6, 5, n_columns))
    if name in BOOLEAN:
        return (queries > 0).astype(float), (rows > 0).astype(float)
    if name == "nan_euclidean":
        rows[generator.random(rows.shape) < 0.2] = np.nan
    return queries, rows


def shares_of(metric, queries, rows):
    distances = np.stack([metric.pairwise(q[None], x)[0] for q, x in zip(queries, rows, strict=True)])
    return feature_shares(metric, queries, rows, distances), distances


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT))
def test_shares_sum_to_the_distance(name):
    generator = np.random.default_rng(0)
    queries, rows = rows_for(name, generator)
    metric = resolve(name, p=3).fitted(rows.reshape(-1, rows.shape[2]))
    (shares, reason), distances = shares_of(metric, queries, rows)
    assert reason == "" and shares.shape == rows.shape
    assert np.allclose(shares.sum(axis=2), distances, rtol=1e-12, atol=1e-14)
    if name != "inner_product":
        assert (shares >= 0).all()
    assert (np.abs(shares) > 0).sum() > shares.size / 20


@pytest.mark.parametrize("name", sorted(WITHOUT - {"pyfunc"}))
def test_the_others_say_that_they_have_none_and_why(name):
    metric = resolve(name, metric_params={"VI": np.eye(2)} if name == "mahalanobis" else None)
    shares, reason = feature_shares(metric, np.ones((1, 2)), np.zeros((1, 1, 2)), np.ones((1, 1)))
    assert shares is None and len(reason) > 10


def test_a_function_has_none():
    metric = resolve(lambda a, b: float(np.abs(a - b).sum()))
    shares, reason = feature_shares(metric, np.ones((1, 2)), np.zeros((1, 1, 2)), np.full((1, 1), 2.0))
    assert shares is None and "function" in reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sqeuclidean", [9.0, 16.0]),
        ("euclidean", [1.8, 3.2]),
        ("manhattan", [3.0, 4.0]),
        ("chebyshev", [0.0, 4.0]),
        ("inner_product", [-4.0, -5.0]),
        ("canberra", [3 / 5, 4 / 6]),
        ("braycurtis", [3 / 11, 4 / 11]),
        ("hamming", [0.5, 0.5]),
    ],
)
def test_each_share_is_what_the_table_says(name, expected):
    (shares, _), _ = shares_of(resolve(name), np.array([[1.0, 1.0]]), np.array([[[4.0, 5.0]]]))
    assert shares[0, 0] == pytest.approx(expected)


def test_cosine_shares_are_those_of_the_unit_vectors():
    (shares, _), _ = shares_of(resolve("cosine"), np.array([[2.0, 0.0]]), np.array([[[3.0, 4.0]]]))
    assert shares[0, 0] == pytest.approx([(1 - 0.6) ** 2 / 2, 0.8**2 / 2])


def test_a_zero_vector_under_cosine_has_no_shares():
    (shares, reason), _ = shares_of(resolve("cosine"), np.array([[0.0, 0.0]]), np.array([[[3.0, 4.0]]]))
    assert reason == "" and np.isnan(shares).all()


@pytest.mark.parametrize("name", ["euclidean", "manhattan", "minkowski", "sqeuclidean"])
def test_weights_of_the_columns_are_in_the_shares(name):
    metric = resolve(name, p=3, metric_params={"w": np.array([1.0, 0.0, 2.5])})
    generator = np.random.default_rng(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (shares, reason), distances = shares_of(
            metric, generator.normal(size=(2, 3)), generator.normal(size=(2, 4, 3))
        )
    assert reason == "" and np.allclose(shares.sum(axis=2), distances)
    assert (shares[:, :, 1] == 0).all()


def test_equal_rows_share_nothing_and_huge_differences_do_not_overflow():
    queries = np.array([[1e200, 3e200], [1.0, 2.0]])
    rows = np.array([[[0.0, 0.0]], [[1.0, 2.0]]])
    distances = np.array([[np.sqrt(10.0) * 1e200], [0.0]])
    shares, reason = feature_shares(resolve("euclidean"), queries, rows, distances)
    assert reason == ""
    assert shares[0, 0] / distances[0, 0] == pytest.approx([0.1, 0.9])
    assert (shares[1] == 0).all()


def test_shares_that_would_not_sum_are_not_shown():
    shares, reason = feature_shares(
        resolve("manhattan"), np.zeros((1, 2)), np.ones((1, 1, 2)), np.full((1, 1), 9.0)
    )
    assert shares is None or np.allclose(shares.sum(axis=2), 9.0)
    shares, reason = feature_shares(
        resolve("canberra"), np.zeros((1, 2)), np.ones((1, 1, 2)), np.full((1, 1), 9.0)
    )
    assert shares is None and "do not sum" in reason
