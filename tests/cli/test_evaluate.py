# SPDX-License-Identifier: Apache-2.0
"""``evaluate``: scores of a model on labelled rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics

import kneighbors
from tests.cli.conftest import KINDS, LABELS, NAMES, ROWS, write_csv


def test_a_classifier(run, model, train):
    predicted = kneighbors.KNeighborsClassifier().fit(ROWS, KINDS[LABELS]).predict(ROWS)
    told = json.loads(run("evaluate", model, train, "--json").stdout)
    assert told["rows"] == 60
    assert told["accuracy"] == pytest.approx(metrics.accuracy_score(KINDS[LABELS], predicted), abs=1e-15)
    f1 = metrics.f1_score(KINDS[LABELS], predicted, average="macro")
    assert told["macro_f1"] == pytest.approx(f1, abs=1e-15)
    shown = run("evaluate", model, train)
    assert shown.stderr == ""
    assert f"accuracy   {told['accuracy']:.6f}\nmacro F1   {f1:.6f}\n" in shown.stdout
    worst = told["classes"][0]
    assert f"{worst['taken_for'][0]['class']} ({worst['taken_for'][0]['rows']})" in shown.stdout


def test_the_worst_classes(run, model, train):
    text = run("evaluate", model, train, "--worst", "1").stdout
    assert "The 1 worst of 3 classes" in text
    assert sum(text.count(f"\n{kind} ") for kind in KINDS) == 1
    assert "taken for" not in run("evaluate", model, train, "--worst", "0").stdout


def test_a_regressor(run, tmp_path):
    truth = ROWS @ [1.0, -2.0, 0.5, 0.0]
    write_csv(tmp_path / "t.csv", ROWS, truth)
    run("fit", "t.csv", "--predictor-type", "regressor", "--model-dir", "m")
    predicted = kneighbors.KNeighborsRegressor().fit(ROWS, truth).predict(ROWS)
    told = json.loads(run("evaluate", "m", "t.csv", "--json").stdout)
    assert told["r2"] == pytest.approx(metrics.r2_score(truth, predicted), rel=1e-12)
    assert told["mse"] == pytest.approx(metrics.mean_squared_error(truth, predicted), rel=1e-12)
    assert told["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted), rel=1e-12)
    assert f"R2                    {told['r2']:.6f}" in run("evaluate", "m", "t.csv").stdout


def test_another_k(run, model, train):
    assert json.loads(run("evaluate", model, train, "--k", "1", "--json").stdout)["accuracy"] == 1.0


def test_the_label_is_the_first_column_or_the_first_that_is_no_feature(run, model, tmp_path):
    names = ("height", "width", "kind", "depth", "mass")
    lines = [",".join(names)]
    for row, kind in zip(ROWS.tolist(), KINDS[LABELS], strict=True):
        lines.append(",".join(map(str, [*row[:2], kind, *row[2:]])))
    (tmp_path / "t.csv").write_text("\n".join(lines))
    named = json.loads(run("evaluate", model, "t.csv", "--json").stdout)
    first = json.loads(
        run("evaluate", model, write_csv(tmp_path / "u.csv", ROWS, KINDS[LABELS]), "--json").stdout
    )
    assert named["accuracy"] == first["accuracy"] > 0.5
    for label in ("kind", "2"):
        assert (
            json.loads(run("evaluate", model, "t.csv", "--label", label, "--json").stdout)["accuracy"]
            == named["accuracy"]
        )


def test_labels_that_are_missing_or_of_another_kind(run, model, tmp_path):
    write_csv(tmp_path / "q.csv", ROWS, names=NAMES)
    assert "every column is a feature of the model" in run("evaluate", model, "q.csv", code=1).stderr
    write_csv(tmp_path / "q.csv", ROWS)
    message = run("evaluate", model, "q.csv", code=1).stderr
    assert "found 3 feature columns beside the label (column 0); expected 4" in message
    np.save(tmp_path / "q.npy", np.column_stack([LABELS, ROWS]))
    message = run("evaluate", model, "q.npy", code=1).stderr
    assert "found labels that are numbers; expected text, as in the rows of fit, such as cat" in message
    assert "--label none" in run("evaluate", model, "q.csv", "--label", "none", code=2).stderr
    run("fit", write_csv(tmp_path / "n.csv", ROWS, LABELS), "--model-dir", "numbers")
    write_csv(tmp_path / "q.csv", ROWS, KINDS[LABELS])
    assert (
        "found labels that are text; expected numbers" in run("evaluate", "numbers", "q.csv", code=1).stderr
    )


def test_a_label_the_model_never_saw_counts_as_wrong(run, model, tmp_path):
    write_csv(tmp_path / "t.csv", ROWS, np.where(LABELS == 0, "yak", KINDS[LABELS]), ("kind", *NAMES))
    told = json.loads(run("evaluate", model, "t.csv", "--json").stdout)
    yak = next(one for one in told["classes"] if one["class"] == "yak")
    assert (yak["rows"], yak["recall"], yak["f1"]) == (20, 0.0, 0.0)


def test_a_model_that_cannot_be_scored(run, train, tmp_path):
    run("fit", train, "--predictor-type", "none", "--label", "kind", "--model-dir", "m")
    assert "is a model without labels" in run("evaluate", "m", train, code=1).stderr
    both = np.empty((60, 2), dtype=object)
    both[:, 0], both[:, 1] = KINDS[LABELS], LABELS
    kneighbors.KNeighborsClassifier().fit(ROWS, both).save(tmp_path / "mixed")
    assert "text beside numbers" in run("evaluate", "mixed", train, code=1).stderr


TWO = np.stack([KINDS[LABELS], KINDS[(LABELS + ROWS[:, 0] > 1).astype(int)]], axis=1)


def write_two(path, labels, names=("kind", "other", *NAMES)):
    lines = [",".join(names)] if names else []
    for row, pair in zip(ROWS.tolist(), labels.tolist(), strict=True):
        lines.append(",".join(map(str, [*pair, *row])))
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.parametrize("label", [None, "kind,other", "0,1"])
def test_a_classifier_of_two_labels(run, tmp_path, label):
    estimator = kneighbors.KNeighborsClassifier().fit(ROWS, TWO)
    estimator.feature_names_in_ = np.array(NAMES, dtype=object)
    estimator._model.feature_names = list(NAMES)
    estimator.save(tmp_path / "two")
    predicted = estimator.predict(ROWS)
    test = write_two(tmp_path / "t.csv", TWO)
    options = [] if label is None else ["--label", label]
    told = json.loads(run("evaluate", "two", test, *options, "--json").stdout)
    assert told["accuracy"] == pytest.approx((predicted == TWO).all(axis=1).mean())
    assert [one["label"] for one in told["outputs"]] == ["kind", "other"]
    for output, one in enumerate(told["outputs"]):
        truth, found = TWO[:, output], predicted[:, output]
        assert one["accuracy"] == pytest.approx(metrics.accuracy_score(truth, found))
        assert one["macro_f1"] == pytest.approx(metrics.f1_score(truth, found, average="macro"))
    shown = run("evaluate", "two", test, *options, "--worst", "1").stdout
    assert "rows right throughout" in shown and shown.count("\nlabel ") == 2
    bare = write_two(tmp_path / "bare.csv", TWO, names=None)
    assert json.loads(run("evaluate", "two", bare, "--json").stdout)["accuracy"] == told["accuracy"]
    assert (
        "found 1 columns of labels; expected 2"
        in run("evaluate", "two", write_csv(tmp_path / "u.csv", ROWS, LABELS), "--label", "0", code=1).stderr
    )


def test_a_regressor_of_two_targets(run, tmp_path):
    truth = ROWS[:, :2] * [2.0, -1.0] + 0.5
    estimator = kneighbors.KNeighborsRegressor().fit(ROWS, truth)
    estimator.save(tmp_path / "two")
    test = write_two(tmp_path / "t.csv", truth)
    told = json.loads(run("evaluate", "two", test, "--json").stdout)
    predicted = estimator.predict(ROWS)
    assert told["r2"] == pytest.approx(metrics.r2_score(truth, predicted))
    mse = metrics.mean_squared_error(truth, predicted, multioutput="raw_values")
    assert [one["mse"] for one in told["outputs"]] == pytest.approx(mse)
    assert "mean R2" in run("evaluate", "two", test).stdout


def test_no_rows_have_no_score(run, model, tmp_path):
    write_csv(tmp_path / "t.csv", np.empty((0, 4)), [], ("kind", *NAMES))
    assert "found 0 rows" in run("evaluate", model, "t.csv", code=1).stderr
