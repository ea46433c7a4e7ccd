# SPDX-License-Identifier: Apache-2.0
"""The box as the service runs it: a process, its folders, what it prints and what it leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error

import kneighbors
from kneighbors.sagemaker import METRIC_DEFINITIONS
from tests.sagemaker.conftest import CSV, RECORDIO, as_csv, as_recordio, encoded


def same_model(found, rows, labels, **settings):
    """The box's model answers as the estimator that is given the same rows."""
    expected = kneighbors.KNeighborsClassifier(3, random_state=0, **settings).fit(rows, labels)
    assert found.sample_indices_.tolist() == expected.sample_indices_.tolist()
    queries = rows[:50] + np.float32(0.25)
    for mine, theirs in zip(found.kneighbors(queries), expected.kneighbors(queries), strict=True):
        assert mine.tobytes() == theirs.tobytes()
    assert found.predict(queries).tolist() == expected.predict(queries).tolist()


@pytest.mark.parametrize("kind", [CSV, RECORDIO, None], ids=["csv", "recordio", "no type"])
@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_a_job_trains_the_estimators_model(job, table, kind, mode):
    rows, labels, test_rows, test_labels = table
    halves = {"b/part": slice(0, 600), "b/part-2": slice(600, None)}
    files = {name: encoded(kind, rows[part], labels[part]) for name, part in halves.items()}
    if kind == CSV:
        files["b/part"] += b"\n"
    job.channel("train", files, kind, mode=mode)
    job.channel("test", {"x": encoded(kind, test_rows, test_labels)}, kind, mode=mode)
    said = job.run(process=kind == RECORDIO)
    found = kneighbors.load(job.model)
    same_model(found, rows, labels, sample_size=500)
    predicted = found.predict(test_rows)
    for name, score in (
        ("test:accuracy", accuracy_score(test_labels, predicted)),
        ("test:macro_f_beta", f1_score(test_labels, predicted, average="macro")),
    ):
        assert metric(said, name) == pytest.approx(score, abs=1e-12)
    assert metric(said, "train:progress") == 100.0 and metric(said, "train:throughput") > 0
    assert sorted(os.listdir(job.model)) == ["model_algo-1", "model_algo-1.json", "model_algo-1.labels"]
    assert not (job.base / "output" / "failure").exists()


def metric(said, name):
    (pattern,) = (one["Regex"] for one in METRIC_DEFINITIONS if one["Name"] == name)
    (value,) = re.findall(pattern, said)
    return float(value)


def test_lines_have_the_documented_form(job, table):
    rows, labels, test_rows, test_labels = table
    job.channel("train", {"x": as_recordio(rows, labels)})
    job.channel("test", {"x": as_recordio(test_rows, test_labels)})
    lines = job.run().splitlines()
    prefix = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] (.*)")
    texts = [prefix.fullmatch(line).group(1) for line in lines]
    accuracy = re.escape(str(metric("\n".join(lines), "test:accuracy")))
    advice = (
        r"Using per-worker sample size = 500 \(Available virtual memory = \d+ bytes, GPU free memory = 0 "
        r"bytes, number of workers = 1\)\. If an out-of-memory error occurs, choose a larger instance type, "
        r"use dimension reduction, decrease sample_size, and/or decrease mini_batch_size\."
    )
    for pattern in (
        r"#progress_metric: host=algo-1, completed 100\.0 % of epochs",
        r"#throughput_metric: host=algo-1, train throughput=[0-9.e+]+ records/second",
        rf"#test_score \(algo-1\) : \('accuracy', {accuracy}\)",
        rf"#quality_metric: host=algo-1, test accuracy <score>={accuracy}",
        r"#quality_metric: host=algo-1, test macro_f_1\.000 <score>=[0-9.]+",
        advice,
    ):
        assert sum(re.fullmatch(pattern, text) is not None for text in texts) == 1, pattern
    metrics = [json.loads(text[len("#metrics ") :]) for text in texts if text.startswith("#metrics ")]
    seen = {one["Dimensions"].get("Meta"): one["Metrics"].get("Total Records Seen") for one in metrics}
    assert seen["training_data_iter"] == {"sum": 1000, "count": 1, "min": 1000, "max": 1000}
    assert seen["test_data_iter"]["sum"] == 200
    assert all(one["Dimensions"]["Algorithm"] == "AWS/KNN" for one in metrics)


def test_a_regressor_is_scored_by_its_squared_error(job, table):
    rows, _, test_rows, _ = table
    target, test_target = rows.sum(axis=1), test_rows.sum(axis=1)
    job.hyperparameters["predictor_type"] = "regressor"
    job.channel("train", {"x": as_recordio(rows, target)})
    job.channel("test", {"x": as_csv(test_rows, test_target)}, CSV)
    said = job.run()
    found = kneighbors.load(job.model)
    expected = mean_squared_error(test_target.astype(float), found.predict(test_rows))
    assert metric(said, "test:mse") == pytest.approx(expected, rel=1e-5)
    (line,) = re.findall(r"#test_score \(algo-1\) : \('mse', (\S+)\)", said)
    assert float(line) == metric(said, "test:mse")


@pytest.mark.parametrize("kind", ["sign", "fjlt"])
def test_reductions_and_metrics_reach_the_model(job, table, kind):
    rows, labels, _, _ = table
    job.hyperparameters |= {
        "dimension_reduction_type": kind,
        "dimension_reduction_target": "2",
        "index_metric": "COSINE",
        "mini_batch_size": "7",
    }
    job.channel("train", {"x": as_recordio(rows, labels)})
    job.run()
    same_model(
        kneighbors.load(job.model), rows, labels, sample_size=500, reduce=kind, reduce_dim=2, metric="cosine"
    )
    document = json.loads((job.model / "model_algo-1.json").read_text())
    assert document["normalize"] is True and document["k"] == 3
    assert document["dimension_reduction"]["type"] == kind


def test_sparse_double_and_whole_number_records_train_too(job):
    from tests.data.test_recordio import record

    body = b"".join(
        record(("float64", [i, 1.5], [0, 3], [4]), ("int32", [25130987 + i % 2], (), ())) for i in range(20)
    )
    job.channel("train", {"x": body})
    job.run()
    found = kneighbors.load(job.model)
    assert found.classes_.tolist() == [25130987, 25130988]
    queries = np.array([[4, 0, 0, 1.5], [5, 0, 0, 1.5]], np.float32)
    assert found.set_params(n_neighbors=1).predict(queries).tolist() == [25130987, 25130988]
    assert found._fit_X.dtype == np.float32


def test_r40_labels_bit_for_bit_through_the_box(job):
    """R40: what a label is, it stays, through either format, the sample and the model files."""
    labels = np.array([25130987, 25130988, 16777217, 2**31 - 1, -5])
    rows = np.arange(20, dtype=np.float32).reshape(5, 4)
    for kind in (CSV, RECORDIO):
        job.channel("train", {"x": encoded(kind, rows, labels)}, kind)
        job.hyperparameters["k"] = "1"
        job.run()
        found = kneighbors.load(job.model)
        assert found.predict(rows).tolist() == labels.tolist() and found.classes_.dtype == np.int64


def test_text_labels_are_taken_although_the_service_does_not(job, table):
    rows, labels, test_rows, test_labels = table
    names = np.array(["ant", "bee", "cat", "7"])
    job.channel("train", {"x": as_csv(rows, names[labels])}, CSV)
    job.channel("test", {"x": as_csv(test_rows, names[test_labels])}, CSV)
    said = job.run()
    assert kneighbors.load(job.model).classes_.tolist() == sorted(names.tolist())
    assert metric(said, "test:accuracy") > 0.5


def test_hidden_and_empty_files_hold_no_rows(job, table):
    rows, labels, _, _ = table
    job.channel(
        "train",
        {"data": as_recordio(rows, labels), ".amazon.manifest": b'[{"prefix": "x"}]', "_SUCCESS": b""},
    )
    job.run()
    assert kneighbors.load(job.model).n_samples_fit_ == 1_000


def refused(job, *words):
    """The job ends with 1, one line in the failure file, and no model."""
    said = job.run(code=1)
    failure = job.failure
    assert failure.startswith("ClientError: ") and "\n" not in failure and len(failure) <= 1024
    assert failure in said and "Traceback" not in said
    for word in words:
        assert word in failure
    assert os.listdir(job.model) == []
    return failure


def test_more_neighbours_than_rows_are_refused(job, table):
    rows, labels, _, _ = table
    job.hyperparameters |= {"sample_size": "2"}
    job.channel("train", {"x": as_recordio(rows, labels)})
    refused(job, "Hyperparameter k: 3", "expected 1 to 2")


def test_data_of_another_width_are_refused(job, table):
    rows, labels, _, _ = table
    job.hyperparameters["feature_dim"] = "5"
    job.channel("train", {"x": as_recordio(rows, labels)})
    refused(job, "feature_dim: 5", "Set feature_dim to 4")


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"1,2,3,4,5\n1,2,x,4,5\n", CSV, ["line 2", "'x'"]),
        (b"label,a,b,c,d\n1,2,3,4,5\n", CSV, ["line 1", "'a'"]),
        (b"1,2,3,4,5\n1,nan,3,4,5\n", CSV, ["line 2"]),
        (b"1,2,3,4,5\n1,1e39,3,4,5\n", CSV, ["1e+39", "float32"]),
        (b"1,2,3,4,5\n", RECORDIO, ["magic word"]),
        (b"", RECORDIO, ["there are no rows"]),
    ],
)
def test_bad_data_are_refused_by_place(job, content, kind, words):
    job.channel("train", {"part-0": content}, kind)
    refused(job, *words)


def test_a_truncated_pipe_is_refused(job, table):
    rows, labels, _, _ = table
    job.channel("train", {"x": as_recordio(rows, labels)[:-9]}, mode="Pipe")
    refused(job, "record 999", "cut short")


def test_a_fault_of_ours_or_of_the_machine_is_told_apart(job, table):
    rows, labels, _, _ = table
    job.channel("train", {"x": as_recordio(rows, labels)})
    (job.model / "notes").write_text("mine")
    job.run(code=2)
    assert job.failure.startswith("AlgorithmError: ") and len(job.failure) <= 1024
    assert os.listdir(job.model) == ["notes"]


def test_sigterm_stops_the_job(job):
    """Nobody ever writes to the pipe: the job waits, and ends at once when told to."""
    job.channel("train", {}, mode="Pipe")
    job._pipes.clear()
    process = job.start()
    deadline = time.monotonic() + 30
    while "Final configuration" not in process.stdout.readline():
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=10)
    assert process.returncode == 143 and "Stopped by SIGTERM" in said
    assert os.listdir(job.model) == [] and not (job.base / "output" / "failure").exists()
