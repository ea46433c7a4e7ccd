# SPDX-License-Identifier: Apache-2.0
"""Planted faults are found, with the fix and its gain; clean rows stay quiet."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_moons,
)

import kneighbors
from kneighbors import KNeighborsClassifier
from kneighbors.advise import column_faults, gains, row_faults, tables
from kneighbors.errors import DataError, ParameterError
from kneighbors.metrics import resolve


def found_in(rows, labels, **settings):
    return {one.name: one for one in kneighbors.preflight(rows, labels, **settings).findings}


@pytest.fixture
def blobs():
    return make_blobs(400, 4, centers=3, cluster_std=2.5, random_state=0)


CLEAN = {
    "iris": lambda: load_iris(return_X_y=True),
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "moons": lambda: make_moons(500, noise=0.2, random_state=0),
    "blobs": lambda: make_blobs(600, 8, centers=4, cluster_std=3.0, random_state=1),
    "scaled wine": lambda: (lambda rows, labels: ((rows - rows.mean(0)) / rows.std(0), labels))(
        *load_wine(return_X_y=True)
    ),
    "plane": lambda: (lambda rows: (rows, rows.sum(axis=1)))(np.random.default_rng(0).normal(size=(500, 3))),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_rows_stay_quiet(name):
    rows, labels = CLEAN[name]()
    assert kneighbors.preflight(rows, labels).findings == []
    assert str(kneighbors.preflight(rows, labels)) == "no findings"


# --- planted faults -----------------------------------------------------------------------------------------


def test_a_column_that_drowns_the_others(blobs):
    rows, labels = blobs
    noise = np.random.default_rng(0).normal(size=(400, 1)) * 10_000
    found = found_in(np.hstack([rows, noise]), labels)
    assert set(found) == {"dominating_columns"}
    one = found["dominating_columns"]
    assert (one.severity, one.evidence["columns"]) == ("warning", [4])
    assert one.evidence["share"] > 0.99
    assert one.settings["scale"] in ("standard", "minmax", "robust")
    assert one.options == f"--scale {one.settings['scale']}"
    assert one.gain.low > 0.2 and one.gain.after > one.gain.before
    assert found_in(np.hstack([rows, noise]), labels, scale="standard") == {}


def test_a_dominating_column_that_is_all_that_matters_is_only_a_note():
    """The column that makes up the distance is also the one that decides: scaling does not pay."""
    generator = np.random.default_rng(0)
    rows = np.hstack([generator.normal(size=(400, 1)) * 1000, generator.normal(size=(400, 4))])
    one = found_in(rows, (rows[:, 0] > 0).astype(int))["dominating_columns"]
    assert one.severity == "note" and one.gain.gain < 0


def test_columns_that_are_only_somewhat_wider_are_no_fault():
    """Three of nine make up nine tenths of the distance, but spread five times as far, not ten."""
    generator = np.random.default_rng(0)
    for width, expected in ((5.0, []), (50.0, [0, 1, 2])):
        rows = generator.normal(size=(500, 9)) * np.repeat([width, 1.0], [3, 6])
        shares = column_faults.column_shares(resolve("euclidean"), rows, 0)
        assert shares[:3].sum() > 0.9 and shares.sum() == pytest.approx(1)
        assert column_faults.dominating_columns(rows, shares) == expected


def test_real_tables_with_columns_of_different_scale():
    for load in (load_wine, load_breast_cancer):
        one = found_in(*load(return_X_y=True))["dominating_columns"]
        assert one.severity == "warning" and one.gain.is_sure


def test_constant_columns(blobs):
    rows, labels = blobs
    found = found_in(np.insert(rows, [0, 2], 7.0, axis=1), labels)
    one = found.pop("constant_columns")
    assert (one.severity, one.evidence["columns"], one.drop) == ("note", [0, 3], [0, 3])
    assert one.gain.before == one.gain.after  # they never changed a distance
    assert not found
    assert found_in(*load_digits(return_X_y=True))["constant_columns"].evidence["columns"] == [0, 32, 39]


def test_copied_columns_also_in_another_unit(blobs):
    rows, labels = blobs
    copied = np.hstack([rows, rows[:, [1]] * -2.54 + 10, rows[:, [3]]])
    one = found_in(copied, labels)["copied_columns"]
    assert one.evidence["groups"] == [[1, 4], [3, 5]]
    assert one.drop == [4, 5]


def test_columns_that_number_the_rows(blobs):
    rows, labels = blobs
    order = np.random.default_rng(0).permutation(400)
    for ids in (np.arange(400.0), 1e6 + 3.0 * np.arange(400), 7000.0 + order):
        found = found_in(np.hstack([ids[:, None] / 1, rows]), labels, feature_names=["id", *"abcd"])
        one = found["numbering_columns"]
        assert (one.severity, one.drop, one.advice) == ("warning", [0], "Leave out id.")
        assert one.gain.low > 0


def test_identical_rows_with_different_labels(blobs):
    rows, labels = blobs
    doubled = np.vstack([rows, rows[:40]])
    flipped = np.concatenate([labels, (labels[:40] + 1) % 3])
    one = found_in(doubled, flipped)["contradicting_rows"]
    assert one.severity == "warning"
    assert (one.evidence["rows"], one.evidence["groups"]) == (80, 40)
    assert one.evidence["best_score"] == pytest.approx(1 - 40 / 440)
    assert one.evidence["first_group"] == [0, 400]
    assert one.settings["n_neighbors"] > 5 and one.gain is not None
    assert "contradicting_rows" not in found_in(doubled, np.concatenate([labels, labels[:40]]))


def test_identical_rows_with_different_targets():
    rows, targets = load_diabetes(return_X_y=True)
    doubled, apart = np.vstack([rows, rows[:20]]), np.concatenate([targets, targets[:20] + 100])
    one = found_in(doubled, apart)["contradicting_rows"]
    assert one.evidence["groups"] == 20 and 0 < one.evidence["best_score"] < 1


def test_classes_too_small_for_k(blobs):
    rows, labels = blobs
    labels = np.where(np.arange(400) < 3, 9, labels)
    rows[:3] = [[50, 50, 50, 50], [50, 50, 50, 51], [50, 50, 51, 50]]
    one = found_in(rows, labels, n_neighbors=15)["rare_classes"]
    assert (one.severity, one.evidence["classes"], one.evidence["rows"]) == ("warning", ["9"], [3])
    assert one.gain.score == "balanced accuracy" and one.gain.after > one.gain.before + 0.2
    assert one.settings in ({"weights": "distance"}, {"n_neighbors": 5}, {"n_neighbors": 1})
    assert "rare_classes" not in found_in(rows, labels, n_neighbors=5)


def test_more_neighbours_than_rows(blobs):
    one = found_in(*blobs, n_neighbors=401)["too_few_rows"]
    assert (one.severity, one.gain) == ("error", None)


def test_imbalance():
    rows, labels = make_blobs([600, 30], 3, centers=[[0] * 3, [1.2] * 3], random_state=0)
    one = found_in(rows, labels, n_neighbors=15)["imbalance"]
    assert one.evidence == {"largest": 600, "smallest": 30}
    assert one.gain.score == "balanced accuracy" and one.gain.low > 0
    assert np.allclose(np.array(one.settings["priors"]) * [600, 30], 1)


def test_missing_values(blobs):
    rows, labels = blobs
    rows[5, 2] = rows[9, 0] = rows[9, 2] = np.nan
    result = kneighbors.preflight(rows, labels)
    one = result.findings[0]
    assert (one.name, one.severity) == ("missing_values", "error")
    expected = {"values": 3, "rows": 2, "columns": [0, 2], "first_row": 5, "first_column": 2}
    assert one.evidence == expected
    assert "nan_euclidean" in one.advice and len(result.findings) == 1
    assert found_in(rows, labels, metric="nan_euclidean")["missing_values"].severity == "note"
    rows[:, 1] = np.nan  # all of a column
    assert set(found_in(rows, labels)) == {"missing_values", "constant_columns"}


def test_columns_of_noise_take_the_contrast_and_selection_brings_it_back():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(600, 60))
    result = kneighbors.preflight(rows, (rows[:, 0] + rows[:, 1] > 0).astype(int))
    one = result.findings[0]
    assert (one.name, one.severity) == ("low_contrast", "warning")
    assert one.evidence["relative_contrast"] < 1.6 and result.facts["intrinsic_dimension"] > 20
    assert one.settings["reduce"] == "select" and one.gain.low > 0.1
    assert one.options == f"--reduce select --reduce-dim {one.settings['reduce_dim']}"


def test_hubs():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(800, 20))
    found = found_in(rows, (rows[:, 0] > 0).astype(int))
    assert set(found) == {"hubs"} and found["hubs"].evidence["hubness"] > 2


# --- what gains are made of ---------------------------------------------------------------------------------


def test_a_gain_is_cross_validated_accuracy():
    rows, labels = load_wine(return_X_y=True)
    judge = gains.Judge(tables.read_table(rows, labels, None), {"n_neighbors": 5}, 0)
    _, gain = judge.best([gains.Fix({"scale": "standard"})])
    folds, right = judge._folds(0), []
    assert np.bincount(folds).max() - np.bincount(folds).min() <= 1
    for fold in range(5):
        model = KNeighborsClassifier(scale="standard").fit(rows[folds != fold], labels[folds != fold])
        right.append((model.predict(rows[folds == fold]) == labels[folds == fold]).sum())
    assert gain.after == pytest.approx(sum(right) / len(rows))
    assert (gain.rows, gain.folds, gain.score) == (178, 5, "accuracy")
    assert gain.low < gain.gain < gain.high
    assert gain.gain == pytest.approx(gain.after - gain.before)


def test_the_best_of_several_fixes_is_reported_and_one_that_cannot_be_fitted_is_passed_over():
    table = tables.read_table(*load_wine(return_X_y=True), None)
    judge = gains.Judge(table, {"n_neighbors": 5}, 0)
    impossible = gains.Fix({"reduce": "pca", "reduce_dim": 99})
    fix, _ = judge.best([impossible, gains.Fix({"scale": "unit"}), gains.Fix({"scale": "standard"})])
    assert fix.settings == {"scale": "standard"}
    assert judge.best([impossible, gains.Fix({}, tuple(range(13)))]) is None


def test_a_gain_of_r2_is_the_difference_of_two_r2():
    rows, targets = load_diabetes(return_X_y=True)
    judge = gains.Judge(tables.read_table(rows, targets, "regressor"), {"n_neighbors": 5}, 0)
    _, gain = judge.best([gains.Fix({"n_neighbors": 20})])
    assert gain.score == "R2" and 0 < gain.before < gain.after < 1 and gain.is_sure


def test_columns_of_a_lattice_of_ids_need_many_rows_and_whole_numbers():
    assert column_faults.numbering_columns(np.arange(49.0)[:, None]) == []
    assert column_faults.numbering_columns(np.arange(60.0)[:, None] + 0.5) == []
    assert column_faults.numbering_columns((np.arange(60.0) // 2)[:, None]) == []
    assert column_faults.numbering_columns(np.arange(60.0)[:, None]) == [0]


def test_identical_rows_are_counted_and_minus_zero_is_zero():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 1.0], [0.0, 1.0]])
    assert row_faults.identical_rows(rows) == 2
    table = tables.read_table(rows, [0, 1, 1, 1], None)
    assert row_faults.contradictions(table).n_rows == 3
    assert row_faults.contradictions(table).best_score == 0.75


# --- the result ---------------------------------------------------------------------------------------------


def test_facts_json_and_progress():
    calls = []
    result = kneighbors.preflight(*load_wine(return_X_y=True), progress=lambda *told: calls.append(told))
    told = json.loads(json.dumps(result.to_dict()))
    assert (told["format"], told["version"]) == ("kneighbors-check", 1)
    assert told["facts"]["class_rows"] == {"0": 59, "1": 71, "2": 48}
    assert told["findings"][0]["gain"]["score"] == "accuracy"
    assert calls == [(0, 1, "dominating_columns"), (1, 1, "done")]
    assert "--scale" not in str(result) and "scale='standard'" in str(result)


def test_the_sample_is_fair_and_the_same_for_the_same_seed():
    rows, labels = make_blobs(5000, 3, centers=4, random_state=0)
    results = [kneighbors.preflight(rows, labels, sample_size=300).to_dict() for _ in range(2)]
    for one in results:
        assert one.pop("seconds") > 0 and one["facts"]["rows_examined"] == 300
    assert results[0] == results[1]


def test_a_few_rows_are_enough_to_ask():
    assert kneighbors.preflight([[0.0], [1.0]], [0, 1], n_neighbors=1).facts["hubness"] is None
    assert kneighbors.preflight([[0.0, 1.0]], [0], n_neighbors=1).findings == []


@pytest.mark.parametrize(
    "metric", ["manhattan", "cosine", "chebyshev", "inner_product", "mahalanobis", "canberra"]
)
def test_every_metric_can_be_asked_about(metric):
    result = kneighbors.preflight(*load_wine(return_X_y=True), metric=metric)
    assert (result.facts["relative_contrast"] is None) == (metric == "inner_product")


@pytest.mark.parametrize("factor", [1e300, 1e-300, 0.0])
def test_rows_at_the_ends_of_the_range_are_looked_at_too(blobs, factor):
    rows, labels = blobs
    result = kneighbors.preflight(rows * factor, labels)
    assert json.dumps(result.to_dict(), allow_nan=False)
    assert kneighbors.scorecard(rows * factor, labels, budget=0.2, reductions=["pca"]).cells


def test_what_cannot_be_read_is_refused(blobs):
    rows, labels = blobs
    with pytest.raises(ParameterError, match="precomputed"):
        kneighbors.preflight(rows, labels, metric="precomputed")
    with pytest.raises(ParameterError, match="n_neighbors"):
        kneighbors.preflight(rows, labels, n_neighbors=0)
    with pytest.raises(ParameterError, match="sample_size"):
        kneighbors.preflight(rows, labels, sample_size=True)
    for change in ({"weights": "bad"}, {"scale": "log"}, {"p": 0}):
        with pytest.raises(ParameterError, match=next(iter(change))):
            kneighbors.preflight(rows, labels, **change)
    with pytest.raises(DataError, match="infinity"):
        kneighbors.preflight(np.where(rows > 5, np.inf, rows), labels)
