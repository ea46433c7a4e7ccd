# SPDX-License-Identifier: Apache-2.0
"""Real tables through the command line: files in, predictions out.

The predictions equal those of the Python estimator to the last bit, and those of scikit-learn's
``Pipeline(StandardScaler, PCA, KNeighbors...)`` for every query whose neighbours are not tied: where the k-th
and the next neighbour are equally far, the two may keep different ones.

The tables that scikit-learn bundles are always there; larger ones are read from the folder that
``KNEIGHBORS_SHARED_DATA`` names.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, mean_squared_error, r2_score
from sklearn.neighbors import KNeighborsClassifier as TheirClassifier
from sklearn.neighbors import KNeighborsRegressor as TheirRegressor
from sklearn.neighbors import NearestNeighbors as TheirNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kneighbors
from tests.cli.conftest import write_csv

K = 5
BUNDLED = {
    "iris": (datasets.load_iris, "classifier", 3),
    "wine": (datasets.load_wine, "classifier", 6),
    "breast_cancer": (datasets.load_breast_cancer, "classifier", 10),
    "digits": (datasets.load_digits, "classifier", 30),
    "diabetes": (datasets.load_diabetes, "regressor", 7),
}
SHARED = {
    "letter": ("letter.csv", 0, "classifier", 12),
    "forest cover": ("forest_cover_15k.csv", 0, "classifier", 30),
    "California housing": ("california_housing.csv", 1, "regressor", 6),
}


@pytest.fixture(params=[*BUNDLED, *SHARED])
def table(request: Any, tmp_path: Any) -> dict[str, Any]:
    """A table cut into training rows and test rows, as arrays and as files in ``tmp_path``."""
    if request.param in BUNDLED:
        load, task, dim = BUNDLED[request.param]
        rows, labels = load(return_X_y=True)
    else:
        name, n_header, task, dim = SHARED[request.param]
        folder = request.getfixturevalue("shared_data")
        whole = np.loadtxt(folder / name, delimiter=",", skiprows=n_header)
        labels, rows = whole[:, 0], whole[:, 1:]
    labels = labels.astype(int) if task == "classifier" else labels.astype(float)
    order = np.random.default_rng(0).permutation(len(rows))
    cut = len(rows) * 3 // 4
    parts = {"train": order[:cut], "test": order[cut:]}
    for name, chosen in parts.items():
        write_csv(tmp_path / f"{name}.csv", rows[chosen], labels[chosen])
    write_csv(tmp_path / "queries.csv", rows[parts["test"]])
    return {
        "task": task,
        "dim": dim,
        **{name: (rows[chosen], labels[chosen]) for name, chosen in parts.items()},
    }


def predicted(run: Any, path: str) -> Any:
    run("predict", "model", "queries.csv", "--output", path)
    return np.load(path)


def test_equal_to_python_and_to_scikit_learn(run, table):
    (rows, labels), (queries, truth), task = table["train"], table["test"], table["task"]
    settings = ["--scale", "standard", "--reduce", "pca", "--reduce-dim", table["dim"]]
    run("fit", "train.csv", "--k", K, "--predictor-type", task, *settings, "--model-dir", "model")
    found = predicted(run, "found.npy")
    kind = kneighbors.KNeighborsClassifier if task == "classifier" else kneighbors.KNeighborsRegressor
    ours = kind(K, scale="standard", reduce="pca", reduce_dim=table["dim"]).fit(rows, labels)
    np.testing.assert_array_equal(found, ours.predict(queries))

    their_kind = TheirClassifier if task == "classifier" else TheirRegressor
    theirs = make_pipeline(StandardScaler(), PCA(table["dim"]), their_kind(K)).fit(rows, labels)
    expected = theirs.predict(queries)
    free = ~tied(theirs, rows, queries)
    assert free.mean() > 0.85
    told = json.loads(run("evaluate", "model", "test.csv", "--json").stdout)
    if task == "classifier":
        np.testing.assert_array_equal(found[free], expected[free])
        assert told["accuracy"] == pytest.approx(accuracy_score(truth, found), abs=1e-15)
        assert told["macro_f1"] == pytest.approx(f1_score(truth, found, average="macro"), abs=1e-12)
        assert abs(told["accuracy"] - accuracy_score(truth, expected)) <= np.mean(~free)
    else:
        np.testing.assert_allclose(found[free], expected[free], rtol=1e-12)
        for name, score in (("r2", r2_score), ("mse", mean_squared_error), ("mae", mean_absolute_error)):
            assert told[name] == pytest.approx(score(truth, found), rel=1e-12)
            assert told[name] == pytest.approx(score(truth, expected), rel=1e-3)


def tied(theirs: Any, rows: Any, queries: Any) -> Any:
    """Queries whose k-th and next neighbour are equally far, up to the rounding of the PCA."""
    reduced = theirs[:-1].transform(rows)
    distances = TheirNeighbors(n_neighbors=K + 1).fit(reduced).kneighbors(theirs[:-1].transform(queries))[0]
    return distances[:, K] - distances[:, K - 1] <= 1e-9 * distances[:, K]


@pytest.mark.parametrize("reduce", ["sign", "fjlt", "select"])
def test_sample_scale_and_every_other_reduction_equal_python(run, table, reduce):
    (rows, labels), (queries, _), task = table["train"], table["test"], table["task"]
    size, dim = len(rows) // 2, max(2, table["dim"] // 2)
    steps = ["--sample-size", size, "--scale", "minmax", "--reduce", reduce, "--reduce-dim", dim, "--seed", 7]
    run("fit", "train.csv", "--k", K, "--predictor-type", task, *steps, "--model-dir", "model")
    kind = kneighbors.KNeighborsClassifier if task == "classifier" else kneighbors.KNeighborsRegressor
    settings = {
        "sample_size": size,
        "scale": "minmax",
        "reduce": reduce,
        "reduce_dim": dim,
        "random_state": 7,
    }
    ours = kind(K, **settings).fit(rows, labels)
    np.testing.assert_array_equal(predicted(run, "found.npy"), ours.predict(queries))
    account = json.loads(run("inspect", "model", "--json").stdout)
    assert (account["rows_seen"], account["rows_kept"]) == (len(rows), size)
    assert [step["step"] for step in account["steps"]] == ["sample", "scale", "reduce", "index"]


def test_neighbours_equal_scikit_learns_brute_force(run, table):
    (rows, labels), (queries, _) = table["train"], table["test"]
    run("fit", "train.csv", "--k", K, "--predictor-type", table["task"], "--model-dir", "model")
    run("predict", "model", "queries.csv", "--verbose", "--output", "found.jsonl")
    with open("found.jsonl", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    distances = TheirNeighbors(n_neighbors=K, algorithm="kd_tree").fit(rows).kneighbors(queries)[0]
    np.testing.assert_allclose([one["distances"] for one in found], distances, rtol=1e-12)
    np.testing.assert_array_equal([one["labels"] for one in found], labels[[one["ids"] for one in found]])
