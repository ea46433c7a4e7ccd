# SPDX-License-Identifier: Apache-2.0
"""KNN: a job in the managed algorithm's terms, run here."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import kneighbors
from kneighbors.errors import DataError, ParameterError
from kneighbors.sagemaker import KNN, METRIC_DEFINITIONS, failures, folders, hyperparameters, knn, sharing
from tests.sagemaker.conftest import CSV, as_csv, as_recordio
from tests.sagemaker.test_training import same_model


@pytest.mark.parametrize("module", [failures, folders, hyperparameters, knn, sharing])
def test_examples(module):
    results = doctest.testmod(module)
    assert results.failed == 0 and results.attempted > 0


def test_arrays_files_and_folders_give_one_model(tmp_path, table, capsys):
    rows, labels, test_rows, test_labels = table
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a").write_bytes(as_recordio(rows[:500], labels[:500]))
    (tmp_path / "train" / "b").write_bytes(as_recordio(rows[500:], labels[500:]))
    (tmp_path / "train.csv").write_bytes(as_csv(rows, labels))
    scores = []
    for place, (train, kind) in enumerate(
        [((rows, labels), None), (tmp_path / "train", None), (str(tmp_path / "train.csv"), CSV)]
    ):
        job = KNN(k=3, sample_size=500, predictor_type="classifier", output_path=tmp_path / f"model-{place}")
        same_model(job.fit(train, content_type=kind), rows, labels, sample_size=500)
        assert "test:accuracy" not in job.scores
        job.fit((rows, labels), (test_rows, test_labels))
        scores.append(job.scores["test:accuracy"])
        same_model(kneighbors.load(tmp_path / f"model-{place}"), rows, labels, sample_size=500)
    assert len(set(scores)) == 1
    assert capsys.readouterr().out == ""
    job.fit((rows, labels), logs=True)
    assert "#throughput_metric" in capsys.readouterr().out


def test_what_a_cloud_job_is_given():
    job = KNN(
        k=10,
        sample_size=200,
        predictor_type="regressor",
        output_path="m",
        index_metric="COSINE",
        feature_dim=4,
    )
    assert job.hyperparameters() == {
        "k": "10",
        "sample_size": "200",
        "predictor_type": "regressor",
        "index_metric": "COSINE",
        "feature_dim": "4",
    }
    assert job.metric_definitions == METRIC_DEFINITIONS


def test_mistakes_are_told_at_once(tmp_path, table):
    with pytest.raises(ParameterError, match="Hyperparameter k: '0' is not in 1 to 1024"):
        KNN(k=0, sample_size=5, predictor_type="classifier", output_path="m")
    with pytest.raises(ParameterError, match="dimension_reduction_target should only be set"):
        KNN(k=1, sample_size=5, predictor_type="classifier", output_path="m", dimension_reduction_target=3)
    job = KNN(k=3, sample_size=2, predictor_type="classifier", output_path=tmp_path / "m")
    with pytest.raises(DataError, match=r"^Hyperparameter k: 3 was given, but the sample has 2 rows"):
        job.fit(table[:2])
    with pytest.raises(DataError, match="there is no such file or folder"):
        job.fit(tmp_path / "nothing")
    with pytest.raises(DataError, match="labels of text"):
        job.fit((np.zeros((2, 1)), ["a", "b"]))
