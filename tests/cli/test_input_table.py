# SPDX-License-Identifier: Apache-2.0
"""The input table of the trust targets, through the command line, for every file format.

Each bad input ends with exit code 1, a message that names the place, nothing on standard output and no
model.
"""

from __future__ import annotations

import json

import numpy as np
import pandas
import pyarrow
import pytest
from pyarrow import parquet

from tests.cli.conftest import LABELS, ROWS

FORMATS = ("csv", "parquet", "npy")
each_format = pytest.mark.parametrize("format", FORMATS)


@pytest.fixture
def table(tmp_path):
    """``table(format, rows, labels)`` writes a file, labels first, and returns its path."""

    def write(format, rows, labels=None, name="data"):
        path = tmp_path / f"{name}.{format}"
        columns = [*([] if labels is None else [labels]), *rows.T]
        if format == "csv":
            lines = zip(*(column.tolist() for column in columns), strict=True)
            path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
        elif format == "parquet":
            names = [f"c{i + (labels is None)}" for i in range(len(columns))]
            parquet.write_table(pyarrow.table([pyarrow.array(one) for one in columns], names=names), path)
        else:
            np.save(path, np.column_stack(columns))
        return path

    return write


@pytest.fixture
def refused(run, tmp_path):
    """The error that a command ends with; checks its code, its silence, and that nothing is left behind."""

    def call(*arguments):
        result = run(*arguments, "--json", code=1)
        assert result.stdout == ""
        assert not (tmp_path / "m").exists() and not (tmp_path / "out.csv").exists()
        return json.loads(result.stderr)["error"]

    return call


@pytest.fixture
def fitted(run, table):
    run("fit", table("csv", ROWS, LABELS, name="good"), "--model-dir", "fitted")
    return "fitted"


PLACES = {"csv": "line 8, column 3", "parquet": "row 7, column 'c3'", "npy": "row 7, column 3"}
QUERY_PLACES = {"csv": "line 8, column 2", "parquet": "row 7, column 'c3'", "npy": "row 7, column 2"}


@each_format
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_not_finite(refused, fitted, table, format, value):
    rows = ROWS.copy()
    rows[7, 2] = rows[9, 0] = value
    error = refused("fit", table(format, rows, LABELS), "--model-dir", "m")
    assert PLACES[format] in error["message"] and "2 such" in error["message"]
    assert (error["row"], error["column"]) == (7, 3)
    error = refused("predict", fitted, table(format, rows), "--output", "out.csv")
    assert QUERY_PLACES[format] in error["message"] and (error["row"], error["column"]) == (7, 2)
    error = refused("evaluate", fitted, table(format, rows, LABELS))
    assert PLACES[format] in error["message"]


@each_format
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_label_that_is_not_finite(refused, table, format, value):
    labels = LABELS.astype(float)
    labels[5] = value
    path = table(format, ROWS, labels)
    error = refused(
        "fit", path, "--predictor-type", "regressor", "--model-dir", "m", "--label-dtype", "float64"
    )
    assert {"csv": "line 6", "parquet": "row 5", "npy": "row 5"}[format] in error["message"]
    assert error["row"] == 5


@each_format
def test_no_rows_to_fit_and_no_rows_to_ask(run, refused, fitted, table, format, tmp_path):
    path = table(format, np.empty((0, 4)), np.empty(0, dtype=int))
    if format == "csv":
        assert "is empty" in refused("fit", path, "--model-dir", "m")["message"]
        path.write_text("a,b,c,d,e\n")
    assert "found 0 rows" in refused("fit", path, "--model-dir", "m")["message"]
    assert "found 0 rows" in refused("evaluate", fitted, path)["message"]
    assert run("predict", fitted, path, "--label", "first").stdout == "predicted_label\n"


@each_format
def test_other_numbers_of_columns(refused, fitted, table, format):
    error = refused("predict", "fitted", table(format, ROWS[:, :3]), "--output", "out.csv")
    assert "found 3 feature columns; expected 4, as in the rows of fit" in error["message"]
    error = refused("evaluate", fitted, table(format, ROWS[:, :3], LABELS))
    assert "found 3 feature columns beside the label (column 0); expected 4" in error["message"]
    error = refused("fit", table(format, LABELS[:, None]), "--model-dir", "m")
    assert "found no feature column" in error["message"]


@each_format
@pytest.mark.parametrize("k", ["0", "-1", "2.0", "True", "many"])
def test_k_that_is_no_positive_whole_number_is_wrong_usage(run, fitted, table, format, k):
    path = table(format, ROWS, LABELS)
    for arguments in (
        ("fit", path, "--model-dir", "m"),
        ("predict", fitted, path),
        ("evaluate", fitted, path),
    ):
        result = run(*arguments, "--k", k, code=2)
        assert "'--k'" in result.stderr and result.stdout == ""


@each_format
def test_k_above_the_rows(refused, fitted, table, format):
    path = table(format, ROWS, LABELS)
    assert (
        "--k 61 was given, but 60 rows were kept"
        in refused("fit", path, "--k", "61", "--model-dir", "m")["message"]
    )
    error = refused("predict", fitted, path, "--k", "61", "--output", "out.csv")
    assert "--k 61 was given" in error["message"] and "at most 60 rows" in error["message"]


@each_format
def test_beyond_float32_where_float32_was_asked_for(run, refused, table, format):
    rows = ROWS.copy()
    rows[7, 2] = 1e300
    path = table(format, rows, LABELS)
    error = refused("fit", path, "--dtype", "float32", "--model-dir", "m")
    assert PLACES[format] in error["message"] and "3.4028235e38" in error["message"]
    assert "--dtype float32" in error["message"]
    run("fit", path, "--model-dir", "wide")
    found = run("predict", "wide", path, "--label", "first", "--k", "1").stdout.split()[1:]
    assert [float(label) for label in found] == LABELS.tolist()


@each_format
def test_a_zero_vector_with_cosine_and_rows_that_are_all_equal(run, table, format):
    rows = ROWS.copy()
    rows[3] = 0.0
    run("fit", table(format, rows, LABELS), "--metric", "cosine", "--model-dir", "cosine")
    asked = table(format, rows[3:4], name="zero")
    found = json.loads(run("predict", "cosine", asked, "--verbose", "--json").stdout)
    assert found["ids"] == [0, 1, 2, 3, 4] and found["distances"] == [1.0] * 5
    run("fit", table(format, np.ones((60, 4)), LABELS), "--model-dir", "equal")
    asked = table(format, np.ones((1, 4)), name="one")
    found = json.loads(run("predict", "equal", asked, "--verbose", "--json").stdout)
    assert found["ids"] == [0, 1, 2, 3, 4] and found["distances"] == [0.0] * 5


@each_format
def test_one_class_and_labels_the_model_never_saw(run, table, format):
    path = table(format, ROWS, np.zeros(60, dtype=int))
    run("fit", path, "--model-dir", "one")
    assert json.loads(run("evaluate", "one", path, "--json").stdout)["accuracy"] == 1.0
    other = table(format, ROWS, np.full(60, 9), name="other")
    assert json.loads(run("evaluate", "one", other, "--json").stdout)["accuracy"] == 0.0


@each_format
def test_number_types_give_the_answer_of_the_plain_copy(run, table, format):
    """float32, ints and booleans; for .npy also big-endian, Fortran order and float16."""
    rows = np.abs(ROWS * 8).round()
    run("fit", table(format, rows, LABELS.astype(float)), "--model-dir", "plain")
    expected = run("predict", "plain", table(format, rows, name="q"), "--verbose").stdout
    dtypes = [np.float32, np.int64, np.uint8] if format != "csv" else [np.int64, np.float32]
    for dtype in dtypes:
        assert (
            run("predict", "plain", table(format, rows.astype(dtype), name="q"), "--verbose").stdout
            == expected
        )
    if format == "npy":
        for array in (rows.astype(">f8"), np.asfortranarray(rows), rows.astype(np.float16)):
            np.save("q.npy", array)
            assert run("predict", "plain", "q.npy", "--verbose").stdout == expected


# --- what only one format can hold


def test_a_csv_with_text_a_short_line_or_a_long_one(refused, fitted, table):
    path = table("csv", ROWS, LABELS)
    good = path.read_text().splitlines()
    for bad, words in (
        ("1,2,3,x,5", "line 8, column 3 (counting from 0): found 'x'; expected a number"),
        ("1,2,3", "line 8: found 3 fields; expected 5"),
        ("1,2,3,4,5,6", "line 8: found 6 fields; expected 5"),
        ("1,2,3,,5", "line 8, column 3 (counting from 0): found an empty cell; expected a number"),
        ("1,2,3,1e999,5", "line 8, column 3"),
        (",2,3,4,5", "line 8, column 0 (counting from 0): found no label"),
        ("x,2,3,4,5", "line 8, column 0 (counting from 0): found the label 'x'; expected a number"),
    ):
        lines = [*good[:7], bad, *good[8:]]
        if bad == "x,2,3,4,5":  # far enough from the first lines, by which labels are told
            lines = [*good * 20, bad]
            words = words.replace("line 8", "line 1201")
        path.write_text("\n".join(lines))
        error = refused("fit", path, "--model-dir", "m")
        assert words in error["message"], error
        assert error["row"] == (1200 if bad == "x,2,3,4,5" else 7)
    path.write_text("\n".join(["1,2,3,4", "5,6,x,8"]))
    assert "line 2, column 2" in refused("predict", fitted, path, "-o", "out.csv")["message"]


def test_a_csv_in_another_encoding_or_with_a_header_that_is_half_one(refused, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("0,1,2\n1,2,3\n", encoding="utf-16")
    assert "UTF-16; expected UTF-8" in refused("fit", path, "--model-dir", "m")["message"]
    path.write_text("kind,width,2\n0,1,2\n")
    error = refused("fit", path, "--model-dir", "m")
    assert "Pass --header or --no-header" in error["message"]


def test_values_of_types_that_have_no_distance(refused, tmp_path):
    days = pandas.date_range("2024-01-01", periods=60)
    pandas.DataFrame({"kind": LABELS, "day": days}).to_parquet(tmp_path / "t.parquet")
    error = refused("fit", "t.parquet", "--model-dir", "m")
    assert error["type"] == "DataTypeError" and "column 'day'" in error["message"]
    np.save(tmp_path / "t.npy", ROWS.astype(complex))
    assert refused("fit", "t.npy", "--model-dir", "m")["type"] == "DataTypeError"
    np.save(tmp_path / "t.npy", ROWS.astype(object), allow_pickle=True)
    assert (
        "never read, because reading it could run code"
        in refused("fit", "t.npy", "--model-dir", "m")["message"]
    )
    np.save(tmp_path / "t.npy", ROWS[0])
    assert "expected 2 dimensions" in refused("fit", "t.npy", "--model-dir", "m")["message"]


@pytest.mark.parametrize("format", ["parquet", "npy"])
def test_r55_a_damaged_file(refused, table, format):
    path = table(format, ROWS, LABELS)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:7], whole[:-9] + bytes(9)):
        path.write_bytes(damaged)
        if format == "npy" and damaged == whole[:-9] + bytes(9):
            continue  # only numbers were changed
        assert str(path) in refused("fit", path, "--model-dir", "m")["message"]


def test_a_file_that_is_not_there_or_tells_no_format(refused, fitted, tmp_path):
    assert "there is no such file" in refused("fit", "no.csv", "--model-dir", "m")["message"]
    assert "there is no such file" in refused("predict", fitted, "no.csv", "-o", "out.csv")["message"]
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    assert "compressed" in refused("fit", "t.xlsx", "--model-dir", "m")["message"]
    (tmp_path / "t.dat").write_bytes(b"1,2\n")
    assert "Pass --format csv" in refused("fit", "t.dat", "--model-dir", "m")["message"]
