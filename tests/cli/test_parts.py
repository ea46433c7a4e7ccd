# SPDX-License-Identifier: Apache-2.0
"""Answers in a folder: every format in and out, and runs that were interrupted anywhere."""

from __future__ import annotations

import json
import os
import signal
import time

import numpy as np
import pyarrow.parquet as parquet
import pytest

import kneighbors
from kneighbors import data
from tests.cli.conftest import NAMES, ROWS, lines_of, write_csv
from tests.reference.records import records_of


def write_queries(folder, kind):
    """The 60 rows in a file of this format."""
    path = folder / f"rows.{kind}"
    if kind == "csv":
        write_csv(path, ROWS, names=NAMES)
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps({"features": row}) for row in ROWS.tolist()))
    elif kind == "pbr":
        path.write_bytes(data.encode_recordio({"values": np.arange(60)}, ROWS))
    elif kind == "npy":
        np.save(path, ROWS)
    else:
        import pyarrow

        parquet.write_table(pyarrow.table(dict(zip(NAMES, ROWS.T, strict=True))), path)
    return path


def read_answers(path):
    """Predicted labels in a file of answers; classes as numbers in RecordIO."""
    if path.suffix == ".csv":
        return path.read_text().splitlines()[1:]
    if path.suffix == ".jsonl":
        return [line["predicted_label"] for line in lines_of(path.read_text())]
    if path.suffix == ".parquet":
        return parquet.read_table(path)["predicted_label"].to_pylist()
    if path.suffix == ".npy":
        return np.load(path).tolist()
    codes = [
        record.label["predicted_label"].float32_tensor.values[0] for record in records_of(path.read_bytes())
    ]
    return [("cat", "dog", "emu")[int(code)] for code in codes]


pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")
FORMATS = ["csv", "jsonl", "parquet", "npy", "recordio"]


@pytest.mark.parametrize("into", FORMATS)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "npy", "pbr"])
def test_every_format_in_and_out(run, model, tmp_path, kind, into):
    expected = kneighbors.load(model).predict(ROWS).tolist()
    path = write_queries(tmp_path, kind)
    run("predict", model, path, "--output", "answers", "--output-format", into, "--rows-per-file", 25)
    files = sorted((tmp_path / "answers").glob("part-*"))
    assert [len(read_answers(file)) for file in files] == [25, 25, 10]
    assert [label for file in files for label in read_answers(file)] == expected
    single = tmp_path / f"all.{'pbr' if into == 'recordio' else into}"
    run("predict", model, path, "--output", single)
    assert read_answers(single) == expected


def test_neighbours_and_shares_in_recordio(run, model, queries, tmp_path):
    run("predict", model, queries, "--output", "x.pbr", "--verbose", "--proba")
    estimator = kneighbors.load(model)
    distances, ids = estimator.kneighbors(ROWS)
    shares = estimator.predict_proba(ROWS)
    for row, record in enumerate(records_of((tmp_path / "x.pbr").read_bytes())):
        assert list(record.label["ids"].float64_tensor.values) == ids[row].tolist()
        assert list(record.label["distances"].float64_tensor.values) == distances[row].tolist()
        assert list(record.label["probabilities"].float64_tensor.values) == shares[row].tolist()
        assert len(record.label["labels"].float32_tensor.values) == 5


@pytest.mark.parametrize(
    ("classes", "kind"),
    [([1, 25130987], "float64"), ([1, 7], "float32"), ([0.5, 1.5], "float64"), ([True, False], "float32")],
)
def test_classes_keep_their_value_in_recordio(run, tmp_path, classes, kind):
    """R40 on the way out: a label that float32 would round goes as float64."""
    estimator = (kneighbors.KNeighborsRegressor if kind == "float64" and 0.5 in classes else None) or (
        kneighbors.KNeighborsClassifier
    )
    estimator(1).fit(ROWS[:2], classes).save(tmp_path / "m")
    np.save(tmp_path / "q.npy", ROWS[:2])
    run("predict", "m", "q.npy", "--output", "a.pbr")
    found = records_of((tmp_path / "a.pbr").read_bytes())
    values = [getattr(record.label["predicted_label"], f"{kind}_tensor").values[0] for record in found]
    assert values == classes


def test_a_folder_of_files_is_answered_in_order(run, model, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, part in (("b", slice(20, 60)), ("a", slice(0, 20))):
        write_csv(folder / f"{name}.csv", ROWS[part], names=NAMES)
    run("predict", model, "in", "--output", "out", "--output-format", "csv", "--rows-per-file", 7)
    files = sorted((tmp_path / "out").glob("part-*"))
    found = [label for file in files for label in read_answers(file)]
    assert found == kneighbors.load(model).predict(ROWS).tolist() and len(files) == 9


def test_no_rows_give_one_file_without_rows(run, model, tmp_path):
    (tmp_path / "none.csv").write_text(",".join(NAMES) + "\n")
    run("predict", model, "none.csv", "--output", "out", "--output-format", "csv")
    assert (tmp_path / "out" / "part-00000.csv").read_text() == "predicted_label\n"


def test_a_run_that_is_done_is_not_repeated(run, model, queries, tmp_path):
    command = ("predict", model, queries, "--output", "out", "--output-format", "jsonl")
    run(*command)
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())]
    told = run(*command, "--json")
    assert json.loads(told.stdout)["rows_before"] == 60
    assert times == [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())]


def test_a_run_goes_on_after_the_files_that_are_complete(run, model, queries, tmp_path):
    command = ("predict", model, queries, "--output", "out", "--output-format", "csv", "--rows-per-file", 10)
    run(*command)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    state = json.loads(whole["progress.json"])
    for done in range(7):
        (tmp_path / "out" / "progress.json").write_text(
            json.dumps(state | {"files": done, "rows": 10 * done, "done": False})
        )
        for place in range(done + 1, 6):
            (tmp_path / "out" / f"part-{place:05d}.csv").unlink(missing_ok=True)
        run(*command) if done <= 6 else None
        found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        assert found == whole


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("--k", "2"), "k differ"),
        (("--verbose",), "options differ"),
        (("--rows-per-file", "20"), "rows_per_file differ"),
        (("--output-format", "jsonl"), "ending differ"),
    ],
)
def test_another_question_is_refused(run, model, queries, change, says):
    command = ("predict", model, queries, "--output", "out", "--output-format", "csv", "--rows-per-file", 10)
    run(*command)
    assert says in run(*command, *change, code=1).stderr


def test_changed_queries_models_and_strange_folders_are_refused(run, model, train, queries, tmp_path):
    command = ("predict", model, queries, "--output", "out", "--output-format", "csv")
    run(*command)
    os.utime(queries, ns=(1, 1))
    assert "queries differ" in run(*command, code=1).stderr
    run("fit", train, "--model-dir", model, "--k", 3)
    assert "model" in run(*command, code=1).stderr
    (tmp_path / "out" / "progress.json").write_text("{")
    assert "damaged" in run(*command, code=1).stderr
    (tmp_path / "out" / "progress.json").unlink()
    assert "no run of this command wrote" in run(*command, code=1).stderr
    assert "is no folder" in run(*command[:4], "train.csv", *command[5:], code=2).stderr
    assert "expected --output" in run("predict", model, queries, "--output-format", "csv", code=2).stderr
    assert "holds one array" in run(*command[:-1], "npy", "--verbose", code=2).stderr


def test_killed_runs_lose_no_row_and_answer_none_twice(run, start, tmp_path):
    """SIGKILL at some moment, again and again, until a run comes to its end."""
    rows = np.random.default_rng(3).normal(size=(6_000, 8)).astype(np.float32)
    kneighbors.KNeighborsClassifier(1).fit(rows[:2_000], np.arange(2_000)).save(tmp_path / "m")
    np.save(tmp_path / "q.npy", rows)
    command = ("predict", "m", "q.npy", "--output", "out", "--output-format", "csv", "--rows-per-file", "100")
    progress, kills = tmp_path / "out" / "progress.json", 0
    while True:
        process = start(*command)
        before = progress.read_text() if progress.exists() else ""
        while kills < 2 and process.poll() is None:
            if progress.exists() and progress.read_text() != before:
                time.sleep(0.01 * kills)
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.002)
        process.communicate(timeout=60)
        if process.returncode == 0:
            break
    assert kills >= 1
    expected = kneighbors.load(tmp_path / "m").predict(rows)
    files = sorted((tmp_path / "out").glob("part-*"))
    assert len(files) == 60
    assert [int(label) for file in files for label in read_answers(file)] == expected.tolist()
