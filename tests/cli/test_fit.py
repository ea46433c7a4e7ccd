# SPDX-License-Identifier: Apache-2.0
"""``fit``: from a file to a model folder, the same as in Python."""

from __future__ import annotations

import json
import os

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

import kneighbors
from kneighbors.cli.options import SETTINGS
from tests.cli.conftest import KINDS, LABELS, NAMES, ROWS, write_csv


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_the_model_is_the_one_that_python_fits(run, train, tmp_path):
    """Every setting arrives where it belongs."""
    given = (
        "--k 3 --weights distance --algorithm kd_tree --leaf-size 7 --metric minkowski --p 3 --seed 9 "
        "--sample-size 40 --scale robust --reduce pca --reduce-dim 3 --n-jobs 1"
    )
    run("fit", train, *given.split(), "--model-dir", "m")
    settings = {"n_neighbors": 3, "weights": "distance", "algorithm": "kd_tree", "leaf_size": 7}
    settings |= {"metric": "minkowski", "p": 3, "random_state": 9, "sample_size": 40}
    settings |= {"scale": "robust", "reduce": "pca", "reduce_dim": 3}
    assert len(settings) == len(SETTINGS) - 1  # n_jobs belongs to the machine, not to the model
    loaded = kneighbors.load("m")
    assert {name: value for name, value in loaded.get_params().items() if name in settings} == settings
    expected = kneighbors.KNeighborsClassifier(**settings).fit(ROWS, KINDS[LABELS])
    np.testing.assert_array_equal(loaded.sample_indices_, expected.sample_indices_)
    for one, other in zip(loaded.kneighbors(ROWS), expected.kneighbors(ROWS), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.predict_proba(ROWS), expected.predict_proba(ROWS))
    assert loaded.feature_names_in_.tolist() == list(NAMES)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("kind", ["parquet", "npy", "folder", "pattern", "standard input"])
def test_every_kind_of_file_gives_the_same_model(run, tmp_path, kind):
    write_csv(tmp_path / "train.csv", ROWS, LABELS)
    run("fit", "train.csv", "--sample-size", "40", "--model-dir", "expected")
    table, source, more = np.column_stack([LABELS, ROWS]), "-", None
    if kind == "parquet":
        source = "train.parquet"
        columns = [pyarrow.array(LABELS), *(pyarrow.array(column) for column in ROWS.T)]
        parquet.write_table(pyarrow.table(columns, names=["kind", *NAMES]), tmp_path / source)
    elif kind == "npy":
        source = "train.npy"
        np.save(tmp_path / source, table)
    elif kind == "standard input":
        more = (tmp_path / "train.csv").read_bytes()
    else:
        (tmp_path / "parts").mkdir()
        for part, rows in enumerate(np.array_split(np.arange(60), 3)):
            write_csv(tmp_path / "parts" / f"day-{part}.csv", ROWS[rows], LABELS[rows])
        source = "parts" if kind == "folder" else "parts/day-*.csv"
    run("fit", source, "--sample-size", "40", "--model-dir", "m", input=more)
    expected, found = kneighbors.load("expected"), kneighbors.load("m")
    np.testing.assert_array_equal(found.sample_indices_, expected.sample_indices_)
    np.testing.assert_array_equal(found.predict(ROWS), expected.predict(ROWS))
    np.testing.assert_array_equal(found._fit_X, expected._fit_X)


def test_the_summary_goes_to_standard_error(run, train):
    given = "--sample-size 40 --scale standard --reduce pca --reduce-dim 2 --model-dir m"
    result = run("fit", train, *given.split())
    assert result.stdout == ""
    for words in ("60 read, 40 kept", "4 read, 2 searched", "cat, dog, emu", "pca, 4 to 2 columns"):
        assert words in result.stderr
    for words in ("variance kept", "read, sample", "scale", "reduce", "index", "model_algo-1.labels"):
        assert words in result.stderr


def test_json_is_the_account_that_inspect_gives(run, train):
    told = json.loads(run("fit", train, "--sample-size", "40", "--model-dir", "m", "--json").stdout)
    assert told.pop("seconds") > 0
    assert told == json.loads(run("inspect", "m", "--json").stdout)
    assert (told["rows_seen"], told["rows_kept"], told["columns_in"]) == (60, 40, 4)
    assert told["files"] == {path.name: path.stat().st_size for path in os.scandir("m")}


def test_a_model_that_stands_there_is_replaced(run, train):
    run("fit", train, "--model-dir", "m")
    run("fit", train, "--k", "2", "--model-dir", "m")
    assert kneighbors.load("m").n_neighbors == 2


@pytest.mark.parametrize("target", ["missing/m", "train.csv", "full", ""])
def test_a_target_that_cannot_be_written_is_refused_before_the_file_is_read(run, train, tmp_path, target):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    result = run("fit", "no-such-file.csv", "--model-dir", target, code=1)
    assert "no-such-file" not in result.stderr and result.stdout == ""
    assert (tmp_path / "full" / "thesis.txt").read_text() == "years of work"


def test_settings_that_do_not_fit_are_refused_before_the_rows_are_read(run, tmp_path):
    write_csv(tmp_path / "t.csv", np.tile(ROWS, (50, 1)), np.tile(LABELS, 50))
    with open(tmp_path / "t.csv", "a", encoding="utf-8") as file:
        file.write("0,1,2,x,4\n")
    run("fit", "t.csv", "--model-dir", "m", "--metric", "mahalanobi", code=2)
    message = run("fit", "t.csv", "--model-dir", "m", "--reduce", "pca", "--reduce-dim", "5", code=1).stderr
    assert "--reduce-dim 5 was given for rows of 4 columns" in message
    assert "line 3001" in run("fit", "t.csv", "--model-dir", "m", code=1).stderr


def test_k_above_the_rows_kept(run, train, tmp_path):
    message = run("fit", train, "--k", "9", "--sample-size", "8", "--model-dir", "m", code=1).stderr
    assert "--k 9 was given, but 8 rows were kept" in message
    assert not (tmp_path / "m").exists()


def test_a_regressor_needs_numbers_and_a_classifier_no_fractions(run, train, tmp_path):
    message = run("fit", train, "--predictor-type", "regressor", "--model-dir", "m", code=1).stderr
    assert "a regressor's targets must be numbers" in message
    write_csv(tmp_path / "t.csv", ROWS, ROWS[:, 0])
    message = run("fit", "t.csv", "--model-dir", "m", code=1).stderr
    assert "continuous" in message and "--predictor-type regressor" in message
    run("fit", "t.csv", "--predictor-type", "regressor", "--model-dir", "m")
    expected = kneighbors.KNeighborsRegressor().fit(ROWS, ROWS[:, 0]).predict(ROWS)
    np.testing.assert_array_equal(kneighbors.load("m").predict(ROWS), expected)


def test_labels_kept_as_text(run, tmp_path):
    write_csv(tmp_path / "t.csv", ROWS[:4], ["007", "7", "07", "7"])
    run("fit", "t.csv", "--k", "1", "--label-dtype", "string", "--model-dir", "m")
    assert kneighbors.load("m").classes_.tolist() == ["007", "07", "7"]
    result = run("evaluate", "m", "t.csv", "--json")
    assert json.loads(result.stdout)["accuracy"] == 1.0


def test_x8_labels_and_values_arrive_bit_for_bit(run, tmp_path):
    """X8: whole numbers beyond float64, float64 bit patterns; through CSV, the folder and back to CSV."""
    generator = np.random.default_rng(1)
    labels = np.array([2**24 + 1, 2**53 + 1, 2**63 - 1, -(2**63), *range(16)])
    rows = generator.integers(0, 2**64, (20, 2), dtype=np.uint64).view(np.float64)
    rows[~(np.abs(rows) < 1e150)] = 0.5
    rows[:, 0] = np.arange(20) * 1e160  # so that each row is nearest to itself
    write_csv(tmp_path / "t.csv", rows, labels)
    write_csv(tmp_path / "q.csv", rows)
    run("fit", "t.csv", "--k", "1", "--model-dir", "m")
    np.testing.assert_array_equal(kneighbors.load("m")._fit_X.view(np.uint64), rows.view(np.uint64))
    assert run("predict", "m", "q.csv").stdout.split()[1:] == [str(label) for label in labels]
