# SPDX-License-Identifier: Apache-2.0
"""``predict``: labels, neighbours and probabilities of the rows of a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

import kneighbors
from tests.cli.conftest import KINDS, LABELS, NAMES, ROWS, lines_of, write_csv


@pytest.fixture
def estimator():
    return kneighbors.KNeighborsClassifier().fit(ROWS, KINDS[LABELS])


def test_standard_output_is_csv_and_nothing_else(run, model, queries, estimator):
    result = run("predict", model, queries)
    assert result.stdout.splitlines() == ["predicted_label", *estimator.predict(ROWS)]
    assert result.stderr == ""


def test_json_is_a_line_for_each_query(run, model, queries, estimator):
    result = run("predict", model, queries, "--json")
    assert lines_of(result.stdout) == [{"predicted_label": label} for label in estimator.predict(ROWS)]
    assert result.stderr == ""


def test_verbose_names_the_neighbours(run, model, queries, estimator):
    distances, ids = estimator.kneighbors(ROWS, 2)
    found = lines_of(run("predict", model, queries, "--verbose", "--k", "2", "--json").stdout)
    assert [one["ids"] for one in found] == ids.tolist()
    assert [one["distances"] for one in found] == distances.tolist()
    assert [one["labels"] for one in found] == KINDS[LABELS][ids].tolist()
    assert [one["predicted_label"] for one in found] == estimator.set_params(n_neighbors=2).predict(
        ROWS
    ).tolist()


def test_verbose_after_sampling_names_rows_of_the_training_file(run, train, queries):
    run("fit", train, "--sample-size", "20", "--seed", "5", "--model-dir", "m")
    estimator = kneighbors.KNeighborsClassifier(sample_size=20, random_state=5).fit(ROWS, KINDS[LABELS])
    found = lines_of(run("predict", "m", queries, "--verbose", "--json").stdout)
    ids = np.array([one["ids"] for one in found])
    np.testing.assert_array_equal(ids, estimator.kneighbors(ROWS)[1])
    assert len(np.unique(ids)) <= 20 and ids.max() > 20
    assert [one["labels"] for one in found] == KINDS[LABELS][ids].tolist()


def test_probabilities(run, model, queries, estimator):
    shares = estimator.predict_proba(ROWS)
    found = lines_of(run("predict", model, queries, "--proba", "--json").stdout)
    assert [one["probabilities"] for one in found] == [
        dict(zip(KINDS.tolist(), row, strict=True)) for row in shares.tolist()
    ]
    header = run("predict", model, queries, "--proba").stdout.splitlines()[0]
    assert header == "predicted_label,probability_cat,probability_dog,probability_emu"


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".npy"])
def test_to_a_file_by_its_ending(run, model, queries, estimator, ending, tmp_path):
    result = run("predict", model, queries, "--output", f"out{ending}")
    assert result.stdout == "" and "60 rows answered" in result.stderr and f"out{ending}" in result.stderr
    path = tmp_path / f"out{ending}"
    labels = {
        ".csv": lambda: arrow_csv.read_csv(path)["predicted_label"].to_pylist(),
        ".jsonl": lambda: [one["predicted_label"] for one in lines_of(path.read_text())],
        ".parquet": lambda: parquet.read_table(path)["predicted_label"].to_pylist(),
        ".npy": lambda: np.load(path).tolist(),
    }[ending]()
    assert labels == estimator.predict(ROWS).tolist()


def test_to_a_file_with_json_tells_what_was_done(run, model, queries):
    told = json.loads(run("predict", model, queries, "-o", "out.csv", "--json").stdout)
    assert (told["rows"], told["output"]) == (60, "out.csv") and told["seconds"] > 0


@pytest.mark.parametrize("name", ["out", "out.txt", "out.json", "out.csv.gz"])
def test_an_unknown_ending_is_wrong_usage(run, model, queries, name):
    result = run("predict", model, queries, "-o", name, code=2)
    assert "expected a name that ends in .csv, .jsonl, .parquet, .npy" in result.stderr


def test_npy_holds_one_array(run, model, queries):
    assert (
        "which holds one array" in run("predict", model, queries, "-o", "a.npy", "--verbose", code=2).stderr
    )
    run("predict", model, queries, "-o", "a.npy", "--proba")
    assert np.load("a.npy").shape == (60, 3)


def test_columns_are_matched_by_name(run, model, estimator, tmp_path):
    shuffled = write_csv(
        tmp_path / "q.csv", ROWS[:, [2, 0, 3, 1]], KINDS[LABELS], ("kind", "depth", "height", "mass", "width")
    )
    assert run("predict", model, shuffled).stdout.splitlines()[1:] == estimator.predict(ROWS).tolist()
    write_csv(shuffled, ROWS, names=("height", "width", "depth", "weight"))
    message = run("predict", model, shuffled, code=1).stderr
    assert "found no column 'mass'; expected every feature of the model by its name" in message


def test_without_names_columns_are_matched_by_position(run, model, estimator, tmp_path):
    bare = write_csv(tmp_path / "q.csv", ROWS)
    assert run("predict", model, bare).stdout.splitlines()[1:] == estimator.predict(ROWS).tolist()


@pytest.mark.parametrize("label", ["first", "0", "-5"])
def test_a_column_of_labels_is_left_out_when_told(run, model, estimator, tmp_path, label):
    labelled = write_csv(tmp_path / "q.csv", ROWS, np.where(LABELS == 1, "", "cat"))  # whatever it holds
    assert (
        run("predict", model, labelled, "--label", label).stdout.splitlines()[1:]
        == estimator.predict(ROWS).tolist()
    )
    write_csv(labelled, ROWS, LABELS)
    message = run("predict", model, labelled, code=1).stderr
    assert "found 5 feature columns; expected 4" in message and "--label first" in message
    write_csv(labelled, ROWS, KINDS[LABELS])
    assert "--label first" in run("predict", model, labelled, code=1).stderr


def test_standard_input_is_a_csv(run, model, queries, estimator):
    result = run("predict", model, "-", input=queries.read_bytes())
    assert result.stdout.splitlines()[1:] == estimator.predict(ROWS).tolist()


def test_no_queries_give_no_answers(run, model, queries, tmp_path):
    write_csv(queries, np.empty((0, 4)), names=NAMES)
    assert run("predict", model, queries).stdout == "predicted_label\n"
    assert run("predict", model, queries, "--json", "--verbose").stdout == ""
    np.save(tmp_path / "none.npy", np.empty((0, 4)))
    run("predict", model, "none.npy", "-o", "out.npy")
    assert np.load("out.npy").shape == (0,)


def test_without_labels_the_neighbours_are_the_answer(run, train, queries):
    run("fit", train, "--predictor-type", "none", "--label", "kind", "--model-dir", "m", "--k", "2")
    distances, ids = kneighbors.NearestNeighbors(n_neighbors=2).fit(ROWS).kneighbors(ROWS)
    expected = [{"ids": i, "distances": d} for i, d in zip(ids.tolist(), distances.tolist(), strict=True)]
    assert lines_of(run("predict", "m", queries, "--json").stdout) == expected
    assert run("predict", "m", queries).stdout.startswith("id_1,id_2,distance_1,distance_2\n")
    run("predict", "m", queries, "-o", "ids.npy")
    np.testing.assert_array_equal(np.load("ids.npy"), ids)
    assert (
        "--proba was given, but the model is a model without labels"
        in run("predict", "m", queries, "--proba", code=1).stderr
    )


def test_several_outputs_have_a_column_each(run, queries):
    both = np.stack([LABELS, LABELS + 10], axis=1)
    kneighbors.KNeighborsClassifier().fit(ROWS, both).save("m")
    lines = lines_of(run("predict", "m", queries, "--json", "--proba", "--verbose").stdout)
    expected = kneighbors.load("m").predict(ROWS).tolist()
    assert [one["predicted_label"] for one in lines] == expected
    assert list(lines[0]) == [
        "predicted_label", "probabilities_1", "probabilities_2", "ids", "distances", "labels_1", "labels_2"
    ]  # fmt: skip
    header = run("predict", "m", queries, "--proba").stdout.splitlines()[0]
    assert (
        header.startswith("predicted_label_1,predicted_label_2,probability_1_0,")
        and "probability_2_12" in header
    )
    run("predict", "m", queries, "-o", "a.parquet", "--verbose")
    table = parquet.read_table("a.parquet").to_pydict()
    assert list(zip(table["predicted_label_1"], table["predicted_label_2"], strict=True)) == [
        *map(tuple, expected)
    ]


def test_answers_do_not_depend_on_the_batches(run, model, queries, monkeypatch):
    from kneighbors.cli import rows

    whole = run("predict", model, queries, "--verbose", "--proba").stdout
    monkeypatch.setattr(rows, "_CELLS_AT_ONCE", 35)  # 7 rows of 5 neighbours
    assert run("predict", model, queries, "--verbose", "--proba").stdout == whole


def test_k_above_the_rows_is_refused_before_anything_is_written(run, model, queries):
    result = run("predict", model, queries, "--k", "61", code=1)
    assert result.stdout == ""
    assert "--k 61 was given" in result.stderr and "Give 1 to 60" in result.stderr


def test_a_model_of_float32_rows_reads_queries_as_float32(run, tmp_path):
    rows = np.array([[0.1, 0.7], [0.3, 0.2]])
    write_csv(tmp_path / "t.csv", rows, [0, 1])
    write_csv(tmp_path / "q.csv", rows)
    run("fit", "t.csv", "--dtype", "float32", "--k", "1", "--model-dir", "m")
    found = lines_of(run("predict", "m", "q.csv", "--verbose", "--json").stdout)
    assert [one["distances"] for one in found] == [[0.0], [0.0]]
    apart = lines_of(run("predict", "m", "q.csv", "--verbose", "--json", "--dtype", "float64").stdout)
    assert all(one["distances"][0] > 0 for one in apart)


def test_missing_values_are_for_nan_euclidean_alone(run, tmp_path):
    rows = ROWS.copy()
    rows[3, 1] = np.nan
    write_csv(tmp_path / "t.csv", rows, LABELS)
    write_csv(tmp_path / "q.csv", rows)
    assert "--metric nan_euclidean" in run("fit", "t.csv", "--model-dir", "m", code=1).stderr
    run("fit", "t.csv", "--metric", "nan_euclidean", "--model-dir", "m")
    expected = kneighbors.KNeighborsClassifier(metric="nan_euclidean").fit(rows, LABELS).predict(rows)
    assert run("predict", "m", "q.csv").stdout.split()[1:] == [str(label) for label in expected]


def test_a_damaged_model_is_refused(run, model, queries):
    path = model / "model_algo-1"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    result = run("predict", model, queries, "--json", code=1)
    assert result.stdout == "" and json.loads(result.stderr)["error"]["type"] == "ModelFileError"
