# SPDX-License-Identifier: Apache-2.0
"""KNeighborsTransformer: graphs as a pipeline step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import neighbors as theirs
from sklearn.cluster import DBSCAN, SpectralClustering
from sklearn.datasets import make_blobs
from sklearn.manifold import Isomap
from sklearn.pipeline import make_pipeline

from kneighbors import KNeighborsClassifier, KNeighborsRegressor, KNeighborsTransformer

ROWS, LABELS = make_blobs(n_samples=70, n_features=3, centers=3, random_state=2)
QUERIES = make_blobs(n_samples=15, n_features=3, centers=3, random_state=3)[0]


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
@pytest.mark.parametrize("n_neighbors", [1, 4])
def test_graphs_as_scikit_learn(mode: str, n_neighbors: int) -> None:
    mine = KNeighborsTransformer(mode=mode, n_neighbors=n_neighbors).fit(ROWS)
    reference = theirs.KNeighborsTransformer(mode=mode, n_neighbors=n_neighbors).fit(ROWS)
    for asked in (ROWS, QUERIES):
        ours, others = mine.transform(asked), reference.transform(asked)
        assert ours.nnz == others.nnz == len(asked) * (n_neighbors + (mode == "distance"))
        np.testing.assert_allclose(ours.toarray(), others.toarray(), atol=1e-9)
    fitted = KNeighborsTransformer(mode=mode, n_neighbors=n_neighbors).fit_transform(ROWS)
    np.testing.assert_array_equal(fitted.toarray(), mine.transform(ROWS).toarray())
    stored = fitted[np.arange(70), np.arange(70)]
    assert (
        fitted.indices.reshape(70, -1)[:, 0] == np.arange(70)
    ).all()  # each row is its own first neighbour
    assert np.asarray(stored).size == 70


@pytest.mark.parametrize("kind", [KNeighborsClassifier, KNeighborsRegressor])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_a_pipeline_over_the_graph_equals_the_estimator(kind: Any, weights: str) -> None:
    chained = make_pipeline(
        KNeighborsTransformer(n_neighbors=6, mode="distance"),
        kind(n_neighbors=6, weights=weights, metric="precomputed"),
    ).fit(ROWS, LABELS)
    alone = kind(n_neighbors=6, weights=weights).fit(ROWS, LABELS)
    np.testing.assert_array_equal(chained.predict(QUERIES), alone.predict(QUERIES))


def test_scikit_learns_own_estimators_take_the_graph() -> None:
    clusters = DBSCAN(eps=2.0, metric="precomputed")
    ours = make_pipeline(KNeighborsTransformer(n_neighbors=20), clusters).fit_predict(ROWS)
    expected = make_pipeline(theirs.KNeighborsTransformer(n_neighbors=20), clusters).fit_predict(ROWS)
    np.testing.assert_array_equal(ours, expected)
    connected = np.random.default_rng(0).uniform(size=(60, 3))
    for last in (
        SpectralClustering(3, affinity="precomputed_nearest_neighbors", n_neighbors=8, random_state=0),
        Isomap(n_neighbors=20, metric="precomputed"),
    ):
        make_pipeline(KNeighborsTransformer(n_neighbors=20), last).fit(connected)


def test_feature_names_out_and_set_output() -> None:
    model = KNeighborsTransformer(n_neighbors=2).fit(ROWS[:4])
    assert model.get_feature_names_out().tolist() == [f"kneighborstransformer{place}" for place in range(4)]
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="sparse"):
        model.set_output(transform="pandas").transform(ROWS)
    model.set_output(transform="default").transform(ROWS)


def test_k_is_checked_where_it_is_used() -> None:
    with pytest.raises(ValueError, match="mode"):
        KNeighborsTransformer(mode="both").fit(ROWS)
    model = KNeighborsTransformer(n_neighbors=70).fit(ROWS)
    with pytest.raises(ValueError, match="n_neighbors = 71, n_samples_fit = 70"):
        model.transform(QUERIES)
