# SPDX-License-Identifier: Apache-2.0
"""``scorecard``, ``check`` and ``explain``: the library's answers, as tables and as JSON."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import kneighbors
from tests.cli.conftest import KINDS, LABELS, NAMES, ROWS, write_csv

KIND = KINDS[LABELS]


def test_a_scorecard_as_table_json_and_picture(run, train, tmp_path):
    shown = run("scorecard", train, "--budget", "1s", "--picture", "card.svg").stdout
    for words in ("Scores, from 0 to 1", "brute", "95 % interval", "p99", "queries/s", "log10(1 s / t) / 5"):
        assert words in shown
    assert ElementTree.parse(tmp_path / "card.svg").getroot().tag.endswith("svg")
    told = json.loads(run("scorecard", train, "--budget", "1s", "--k", "3", "--json").stdout)
    assert (told["format"], told["version"]) == ("kneighbors-scorecard", 1)
    assert (told["settings"]["n_neighbors"], told["data"]["classes"]) == (3, 3)
    assert told["data"]["rows_fitted"] == 48


def test_a_scorecard_of_targets(run, tmp_path):
    write_csv(tmp_path / "t.csv", ROWS, ROWS @ [1.0, -2.0, 0.5, 0.0], ("y", *NAMES))
    told = json.loads(run("scorecard", "t.csv", "--budget", "1s", "--json").stdout)
    assert (told["data"]["task"], told["data"]["score"]) == ("regressor", "R2")


def test_a_check_finds_what_was_planted(run, tmp_path):
    rows = np.column_stack([ROWS, np.arange(60.0) * 1e6, np.full(60, 7.0)])
    write_csv(tmp_path / "t.csv", rows, KIND, ("kind", *NAMES, "id", "unit"))
    shown = run("check", "t.csv").stdout
    for words in (
        "warning: numbering columns",
        "Leave out id.",
        "note: constant columns",
        "Measured: accuracy",
    ):
        assert words in shown
    told = json.loads(run("check", "t.csv", "--json", "--k", "3").stdout)
    assert (told["format"], told["version"]) == ("kneighbors-check", 1)
    same = kneighbors.preflight(rows, KIND, n_neighbors=3, feature_names=[*NAMES, "id", "unit"]).to_dict()
    assert [one["name"] for one in told["findings"]] == [one["name"] for one in same["findings"]]
    assert told["findings"][0]["gain"] == same["findings"][0]["gain"]


def test_a_check_speaks_the_shells_words(run, tmp_path):
    rows = ROWS.copy()
    rows[:, 1] *= 1e5
    labels = (ROWS[:, 0] + ROWS[:, 2] > 0).astype(int)
    write_csv(tmp_path / "t.csv", rows, labels, ("kind", *NAMES))
    shown = run("check", "t.csv").stdout
    assert "warning: dominating columns\n  width: " in shown and "Set --scale " in shown


def test_missing_values_are_found_not_refused(run, tmp_path):
    (tmp_path / "t.csv").write_text("y,a,b\n" + "0,1,2\n1,,3\n0,2,NA\n1,4,5\n" * 5)
    shown = run("check", "t.csv").stdout
    assert "error: missing values" in shown and "--metric nan_euclidean" in shown
    assert "10 values are missing, in 10 rows" in shown


def test_clean_rows_are_told_to_be(run, tmp_path):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(200, 3)) + 3 * np.eye(3)[np.arange(200) % 3]
    write_csv(tmp_path / "t.csv", rows, np.arange(200) % 3, ("y", "a", "b", "c"))
    assert run("check", "t.csv").stdout.endswith("\nNothing found.\n")


def test_an_explanation_is_the_estimators(run, model, queries):
    told = json.loads(run("explain", model, queries, "--first", "4", "--json").stdout)
    with pytest.warns(UserWarning, match="valid feature names"):
        why = kneighbors.load(model).explain(ROWS[:4]).to_dict()
    assert {**told, "share_names": None} == {**why, "share_names": None}
    assert told["share_names"] == list(NAMES)
    shown = run("explain", model, queries, "--first", "1", "--k", "3").stdout
    assert "Row 0: " in shown and "mostly due to" in shown and "leads by " in shown
    assert "Row 1" not in shown and shown.count("%") >= 3


def test_an_explanation_of_a_regressor_and_of_no_rows(run, tmp_path, queries):
    write_csv(tmp_path / "t.csv", ROWS, ROWS.sum(axis=1), ("y", *NAMES))
    run("fit", "t.csv", "--predictor-type", "regressor", "--model-dir", "m")
    shown = run("explain", "m", queries, "--first", "2").stdout
    assert "without it" in shown and "leads by" not in shown
    (tmp_path / "none.csv").write_text(",".join(NAMES) + "\n")
    assert json.loads(run("explain", "m", "none.csv", "--json").stdout)["answers"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["scorecard", "train.csv", "--budget", "soon"], 1, "90s"),
        (["scorecard", "train.csv", "--label", "none"], 2, "--label"),
        (["scorecard", "train.csv", "--metric", "precomputed"], 2, "--metric"),
        (["scorecard", "train.csv", "--picture", "nowhere/card.svg"], 1, "nowhere"),
        (["scorecard", "train.csv", "--picture", "."], 1, "file"),
        (["scorecard", "train.csv", "--k", "55", "--budget", "1s"], 1, "--k"),
        (["scorecard", "lost.csv"], 1, "lost.csv"),
        (["check", "train.csv", "--label", "none"], 2, "--label"),
        (["check", "train.csv", "--rows", "0"], 2, "--rows"),
        (["explain", "lost", "queries.csv"], 1, "lost"),
        (["explain", "search", "queries.csv"], 1, "without labels"),
    ],
)
def test_mistakes_are_told_in_words(run, train, queries, arguments, code, words):
    run("fit", queries, "--predictor-type", "none", "--model-dir", "search")
    assert words in run(*arguments, code=code).stderr
