# SPDX-License-Identifier: Apache-2.0
"""The steps together, in estimators, from streams and in files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kneighbors
from kneighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors, data, pipeline
from kneighbors.errors import DataError, ParameterError
from kneighbors.pipeline import Settings
from kneighbors.sample import Sampler

WINE, KINDS = load_wine(return_X_y=True)


def both_ways(settings, task="classifier", **options):
    """The same model from memory and from a stream of small batches."""
    source = data.open((WINE, KINDS))
    streamed = pipeline.fit_source(source, settings, task, **options)
    estimator = KNeighborsClassifier(
        settings.n_neighbors,
        **{
            name: getattr(settings, name)
            for name in ("sample_size", "scale", "reduce", "reduce_dim", "random_state", "metric")
        },
    ).fit(WINE, KINDS)
    return streamed, estimator


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize(
    "steps",
    [
        {},
        {"sample_size": 60},
        {"scale": "standard"},
        {"sample_size": 100, "scale": "minmax", "reduce": "sign", "reduce_dim": 6},
        {"scale": "robust", "reduce": "fjlt", "reduce_dim": 5, "random_state": 7},
        {"scale": "standard", "reduce": "pca", "reduce_dim": 4},
        {"sample_size": 120, "scale": "unit", "reduce": "select", "reduce_dim": 3},
    ],
    ids=lambda steps: "-".join(map(str, steps.values())) or "plain",
)
def test_memory_stream_and_files_answer_alike(steps, metric, tmp_path):
    settings = Settings(n_neighbors=4, metric=metric, **steps)
    streamed, estimator = both_ways(settings)
    expected = estimator.kneighbors(WINE[:50])
    found = pipeline.neighbors(streamed, WINE[:50], 4)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(pipeline.classify(streamed, WINE[:50], 4), estimator.predict(WINE[:50]))

    estimator.save(tmp_path / "model")
    loaded = kneighbors.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.kneighbors(WINE)[0], estimator.kneighbors(WINE)[0])
    np.testing.assert_array_equal(loaded.predict(WINE), estimator.predict(WINE))
    for name, value in steps.items():
        assert getattr(loaded, name) == value
    assert loaded.n_features_in_ == WINE.shape[1]
    told, expected_told = pipeline.inspect(loaded._model), pipeline.inspect(estimator._model)
    told["index"].pop("is_mapped", None), expected_told["index"].pop("is_mapped", None)  # where the rows lie
    assert told == expected_told


def test_the_sample_is_the_sampler_s_and_ids_are_row_numbers():
    estimator = NearestNeighbors(n_neighbors=1, sample_size=25, random_state=3).fit(WINE)
    sampler = Sampler(25, 3)
    sampler.update(0, WINE)
    np.testing.assert_array_equal(estimator.sample_indices_, sampler.result().sample_indices)
    assert estimator.n_samples_fit_ == len(WINE)
    distances, ids = estimator.kneighbors(WINE[estimator.sample_indices_])
    np.testing.assert_array_equal(ids[:, 0], estimator.sample_indices_)
    assert not distances.any()
    assert estimator.kneighbors_graph(WINE[:2]).shape == (2, len(WINE))


def test_classes_are_those_of_the_sample():
    kinds = np.array(["common"] * 177 + ["rare"])
    for seed in range(40):
        estimator = KNeighborsClassifier(3, sample_size=10, random_state=seed).fit(WINE, kinds)
        assert list(estimator.classes_) == sorted(set(kinds[estimator.sample_indices_]))
        assert estimator.predict_proba(WINE[:5]).shape == (5, len(estimator.classes_))


def test_weights_of_zero_leave_before_the_sample_is_drawn():
    weights = np.ones(len(WINE))
    weights[::2] = 0
    estimator = KNeighborsClassifier(1, sample_size=30).fit(WINE, KINDS, sample_weight=weights)
    assert len(estimator.sample_indices_) == 30
    assert (estimator.sample_indices_ % 2 == 1).all()


def test_a_sample_of_all_rows_changes_nothing():
    whole = KNeighborsClassifier(3).fit(WINE, KINDS)
    sampled = KNeighborsClassifier(3, sample_size=len(WINE)).fit(WINE, KINDS)
    np.testing.assert_array_equal(whole.kneighbors(WINE)[1], sampled.kneighbors(WINE)[1])


def test_scale_and_pca_agree_with_scikit_learn_s_pipeline():
    ours = KNeighborsClassifier(5, scale="standard", reduce="pca", reduce_dim=5).fit(WINE, KINDS)
    theirs = make_pipeline(StandardScaler(), PCA(5, svd_solver="full"), Theirs(5)).fit(WINE, KINDS)
    np.testing.assert_array_equal(ours.predict(WINE), theirs.predict(WINE))
    unscaled = KNeighborsClassifier(5).fit(WINE[::2], KINDS[::2]).score(WINE[1::2], KINDS[1::2])
    scaled = KNeighborsClassifier(5, scale="standard").fit(WINE[::2], KINDS[::2])
    assert scaled.score(WINE[1::2], KINDS[1::2]) > unscaled + 0.2


def test_leave_one_out_goes_through_the_steps_once():
    estimator = KNeighborsClassifier(1, scale="standard", reduce="sign", reduce_dim=8).fit(WINE, KINDS)
    distances, ids = estimator.kneighbors()
    asked, answered = estimator.kneighbors(WINE, 2)
    np.testing.assert_array_equal(ids[:, 0], np.where(answered[:, 0] == np.arange(178), *answered.T[::-1]))
    np.testing.assert_array_equal(distances[:, 0], asked[:, 1])


def test_a_regressor_takes_the_same_way():
    rows, targets = load_diabetes(return_X_y=True)
    model = KNeighborsRegressor(7, scale="standard", reduce="select", reduce_dim=4).fit(rows, targets)
    assert model.score(rows, targets) > KNeighborsRegressor(7).fit(rows[:, 1:2], targets).score(
        rows[:, 1:2], targets
    )
    assert clone(model).reduce_dim == 4


def test_the_json_names_the_reduction_by_the_documented_keys(tmp_path):
    KNeighborsClassifier(3, reduce="sign", reduce_dim=10, random_state=3).fit(WINE, KINDS).save(
        tmp_path / "m"
    )
    found = json.loads((tmp_path / "m" / "model_algo-1.json").read_text())
    assert found["dimension_reduction"] == {"type": "sign", "seed": 3, "target_dim": 10, "input_dim": 13}
    assert found["normalize"] is False


def test_inspect_says_what_happened():
    model = KNeighborsClassifier(3, sample_size=100, scale="standard", reduce="pca", reduce_dim=2).fit(
        WINE, KINDS
    )
    told = pipeline.inspect(model._model)
    json.dumps(told)
    assert (told["rows_seen"], told["rows_kept"], told["columns_in"], told["columns_kept"]) == (
        178,
        100,
        13,
        2,
    )
    assert [step["step"] for step in told["steps"]] == ["sample", "scale", "reduce", "index"]
    assert 0.4 < told["reduce"]["variance_kept"] < 0.7
    assert all(step["seconds"] >= 0 for step in told["steps"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"reduce": "sign"}, "without reduce_dim"),
        ({"reduce_dim": 4}, "without reduce"),
        ({"reduce": "pca", "reduce_dim": 14}, "13 columns"),
        ({"reduce": "magic", "reduce_dim": 2}, "'reduce' parameter"),
        ({"scale": "magic"}, "'scale' parameter"),
        ({"sample_size": 0}, "'sample_size' parameter"),
        ({"metric": "precomputed", "scale": "standard"}, "precomputed"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, words):
    rows = np.eye(13) if settings.get("metric") == "precomputed" else WINE[:13]
    with pytest.raises(ParameterError, match=words):
        KNeighborsClassifier(3, **settings).fit(rows, KINDS[:13])


def test_sparse_rows_are_sampled_but_not_scaled():
    from scipy.sparse import csr_matrix

    sparse = csr_matrix(WINE)
    dense = KNeighborsClassifier(3, sample_size=50).fit(WINE, KINDS)
    sampled = KNeighborsClassifier(3, sample_size=50).fit(sparse, KINDS)
    np.testing.assert_array_equal(sampled.kneighbors(WINE)[1], dense.kneighbors(WINE)[1])
    with pytest.raises(ParameterError, match="sparse"):
        KNeighborsClassifier(3, scale="standard").fit(sparse, KINDS)


def test_a_source_must_have_labels_exactly_when_there_is_a_task():
    with pytest.raises(DataError, match="no labels"):
        pipeline.fit_source(data.open(WINE), Settings(), "classifier")
    with pytest.raises(DataError, match="has labels"):
        pipeline.fit_source(data.open((WINE, KINDS)), Settings(), None)
