# SPDX-License-Identifier: Apache-2.0
"""``inspect``: what happened to the data, for people and for programs."""

from __future__ import annotations

import json

from kneighbors import data, pipeline


def test_for_programs_it_is_the_pipelines_account(run, train, tmp_path):
    run("fit", train, "--scale", "standard", "--reduce", "pca", "--reduce-dim", "2", "--model-dir", "m")
    told = json.loads(run("inspect", "m", "--json").stdout)
    settings = pipeline.Settings(scale="standard", reduce="pca", reduce_dim=2)
    expected = pipeline.inspect(pipeline.fit_source(data.open(train, label="kind"), settings, "classifier"))
    for account in (told, expected):
        for step in account["steps"]:
            step["seconds"] = 0.0
    assert told.pop("model") == "m"
    assert sorted(told.pop("files")) == ["model_algo-1", "model_algo-1.json", "model_algo-1.labels"]
    assert told == json.loads(json.dumps(expected))


def test_for_people_it_is_on_standard_output(run, train):
    run("fit", train, "--sample-size", "30", "--reduce", "sign", "--reduce-dim", "2", "--model-dir", "m")
    result = run("inspect", "m")
    assert result.stderr == ""
    for words in (
        "classifier",
        "60 read, 30 kept",
        "4 read, 2 searched",
        "sign, 4 to 2 columns",
        "euclidean",
    ):
        assert words in result.stdout
    steps = result.stdout.partition("\nSteps\n")[2].splitlines()
    assert [line.split()[0] for line in steps[:4]] == ["step", "read,", "reduce", "index"]


def test_names_from_the_file_cannot_steer_the_terminal(run, tmp_path):
    (tmp_path / "t.csv").write_text("kind\x1b[2J,a\x1b]0;x\x07\nu\x1b[1m,1\nv,2\n")
    run("fit", "t.csv", "--k", "1", "--model-dir", "m")
    text = run("inspect", "m").stdout
    assert "\x1b" not in text and "\x07" not in text and "a\\x1b]0;x\\x07" in text


def test_no_model(run, tmp_path):
    assert "no such folder" in run("inspect", "m", code=1).stderr
    (tmp_path / "m").mkdir()
    assert "Error: m" in run("inspect", "m", code=1).stderr
