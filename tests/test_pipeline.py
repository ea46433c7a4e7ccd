# SPDX-License-Identifier: Apache-2.0
"""The pipeline without estimators: what the command line and the server call."""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors import pipeline
from kneighbors.errors import DataError, ParameterError
from kneighbors.labels import encode_classes, encode_targets
from kneighbors.model import check, reports_from

generator = np.random.default_rng(2)
ROWS = generator.normal(size=(50, 3)).astype(np.float32)
CLASSES = np.array(list("abc"))[generator.integers(0, 3, 50)]
QUERIES = generator.normal(size=(8, 3)).astype(np.float32)


def fitted(**more):
    return pipeline.fit_model(ROWS, pipeline.Settings(), labels=encode_classes(CLASSES), **more)


def test_fit_reports_each_step():
    model = fitted()
    (report,) = model.steps
    assert report.step == "index" and report.rows == 50 and report.seconds > 0
    assert report.bytes == model.index.memory_bytes == pipeline.memory_estimate(model.settings, 50, 3)
    assert model.n_columns == 3 and model.n_kept == model.n_rows_seen == 50 and model.limit == 50.0
    assert reports_from([vars(report)]) == [report]


def test_the_flow_from_neighbours_to_labels():
    model = fitted()
    distances, ids = pipeline.neighbors(model, QUERIES, 5)
    squared = np.square(QUERIES[:, None].astype(float) - ROWS[None].astype(float)).sum(axis=2)
    np.testing.assert_array_equal(ids, np.argsort(squared, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(distances**2, np.sort(squared, axis=1)[:, :5])
    (shares,) = pipeline.class_probabilities(model, QUERIES, 5)
    for query in range(8):
        counts = [np.sum(CLASSES[ids[query]] == name) / 5 for name in "abc"]
        np.testing.assert_allclose(shares[query], counts)
    assert pipeline.classify(model, QUERIES, 5).tolist() == ["abc"[int(np.argmax(row))] for row in shares]
    offsets, within, found = pipeline.neighbors_within(model, QUERIES, 1.0)
    assert offsets.shape == (9,) and (within <= 1.0).all() and len(found) == offsets[-1]


def test_questions_that_the_model_cannot_answer():
    unlabelled = pipeline.fit_model(ROWS, pipeline.Settings())
    for question in (pipeline.classify, pipeline.class_probabilities, pipeline.regress):
        with pytest.raises(ParameterError, match="fitted without labels"):
            question(unlabelled, QUERIES, 3)
    with pytest.raises(ParameterError, match="n_neighbors = 51, n_samples_fit = 50, n_samples = 8"):
        pipeline.neighbors(unlabelled, QUERIES, 51)
    with pytest.raises(ParameterError, match="Expected n_neighbors < n_samples_fit"):
        pipeline.neighbors(unlabelled, None, 50)


def test_ids_are_rows_of_the_input_whatever_was_left_out():
    weights = generator.integers(0, 2, 50).astype(float)
    model = pipeline.fit_model(
        ROWS, pipeline.Settings(), labels=encode_classes(CLASSES, weights > 0), sample_weight=weights
    )
    assert model.sample_weight is None, "the weights that are left are all 1"
    kept = np.flatnonzero(weights)
    np.testing.assert_array_equal(model.row_ids, kept)
    plain = pipeline.fit_model(ROWS[kept], pipeline.Settings())
    np.testing.assert_array_equal(
        pipeline.neighbors(model, QUERIES, 4)[1], kept[pipeline.neighbors(plain, QUERIES, 4)[1]]
    )
    for ours, theirs in zip(
        pipeline.neighbors_within(model, None, 0.8)[2],
        kept[pipeline.neighbors_within(plain, None, 0.8)[2]],
        strict=True,
    ):
        assert ours == theirs


def test_contents_and_back():
    labels = encode_targets(generator.normal(size=50))
    model = pipeline.fit_model(
        ROWS, pipeline.Settings(metric="cosine"), labels=labels, feature_names=["x", "y", "z"]
    )
    contents = pipeline.to_contents(model, pipeline.Settings(n_neighbors=7, weights="distance"))
    assert (contents.k, contents.predictor_type, contents.normalize) == (7, "regressor", True)
    assert contents.dimension_reduction is None
    assert contents.settings["n_rows"] == 50 and contents.settings["metric"] == "cosine"
    again = pipeline.from_contents(contents)
    assert again.settings.n_neighbors == 7 and again.settings.weights == "distance"
    assert again.feature_names == ["x", "y", "z"] and again.steps == model.steps
    np.testing.assert_array_equal(
        pipeline.regress(again, QUERIES, 7, "distance"), pipeline.regress(model, QUERIES, 7, "distance")
    )
    assert not pipeline.to_contents(
        pipeline.fit_model(ROWS, pipeline.Settings()), pipeline.Settings()
    ).normalize


def test_k_above_the_rows_is_refused_on_load_and_weight_counts():
    contents = pipeline.to_contents(fitted(), pipeline.Settings(n_neighbors=5))
    contents.k = 51
    with pytest.raises(DataError, match="k is 51, but the model answers with at most 50 rows"):
        pipeline.from_contents(contents)


def test_models_whose_parts_contradict_each_other():
    model = fitted()
    for name, value in (
        ("n_rows_seen", 49),
        ("n_rows_seen", 60),
        ("n_rows_seen", True),
        ("row_ids", np.arange(49)),
        ("row_ids", np.arange(50)[::-1].copy()),
        ("row_ids", np.arange(50) + 1),
        ("row_ids", np.arange(50.0)),
        ("sample_weight", np.zeros(50)),
        ("sample_weight", np.full(50, np.inf)),
        ("sample_weight", np.ones(50, dtype=np.float32)),
        ("feature_names", ["x"]),
    ):
        broken = fitted()
        setattr(broken, name, value)
        with pytest.raises(DataError):
            check(broken)
    check(model)
    for steps in ("text", [{"step": "index"}], [3]):
        with pytest.raises(DataError, match="'steps' must be a list"):
            reports_from(steps)
