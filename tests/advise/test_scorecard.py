# SPDX-License-Identifier: Apache-2.0
"""The scorecard: what is measured is there, adds up, and is the same for the same seed; the budget holds."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine, make_moons

import kneighbors
from kneighbors.advise import grading, planning, tables
from kneighbors.errors import DataError, ParameterError
from kneighbors.metrics import resolve
from kneighbors.parameters import REDUCTIONS, SCALINGS


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def card(wine):
    return kneighbors.scorecard(*wine, budget=6, n_jobs=1)


def cell_of(card, name):
    return next(cell for cell in card.cells if cell.name == name)


def test_every_scaling_and_reduction_is_measured_or_said_to_be_left_out(card):
    names = {choice.name for choice in planning.plan(["brute"], list(SCALINGS), list(REDUCTIONS), [None])}
    there = {cell.name for cell in card.cells}
    missing = {name for name, _ in card.left_out}
    assert not there & missing
    assert names <= there | missing
    assert {"brute", *(f"brute, {scale}" for scale in SCALINGS)} <= there


def test_exact_search_on_the_rows_as_they_are_is_first_and_is_its_own_yardstick(card):
    first = card.cells[0]
    assert (first.name, first.recall, first.agreement, first.index) == ("brute", 1.0, 1.0, "flat")
    exact = [cell for cell in card.cells if cell.reduce is None and cell.algorithm == "brute"]
    assert len(exact) == 5 and all(cell.recall == 1.0 == cell.agreement for cell in exact)
    assert any(cell.recall < 1.0 for cell in card.cells if cell.reduce is not None)


def test_accuracy_is_that_of_the_estimator_on_the_rows_held_out(card, wine):
    rows, labels = wine
    table = tables.read_table(rows, labels, None)
    parts = tables.split(table, most=2000)
    assert card.data["rows_scored"] == len(parts.test)
    for scale in (None, "standard"):
        model = kneighbors.KNeighborsClassifier(scale=scale).fit(rows[parts.train], labels[parts.train])
        cell = cell_of(card, "brute" if scale is None else f"brute, {scale}")
        assert cell.score == model.score(rows[parts.test], labels[parts.test])
        assert cell.score_low < cell.score <= cell.score_high


def test_recall_and_agreement_are_against_exact_search_in_the_same_scaling(card, wine):
    rows, labels = wine
    parts = tables.split(tables.read_table(rows, labels, None), most=2000)
    cell = next(cell for cell in card.cells if cell.reduce == "pca")
    fitted = [
        kneighbors.KNeighborsClassifier(scale=cell.scale, **reduction).fit(
            rows[parts.train], labels[parts.train]
        )
        for reduction in ({}, {"reduce": "pca", "reduce_dim": cell.reduce_dim})
    ]
    true, found = (model.kneighbors(rows[parts.test], return_distance=False) for model in fitted)
    hits = [len(set(a) & set(b)) for a, b in zip(true.tolist(), found.tolist(), strict=True)]
    assert cell.recall == pytest.approx(np.mean(hits) / 5)
    same = fitted[0].predict(rows[parts.test]) == fitted[1].predict(rows[parts.test])
    assert cell.agreement == same.mean()


def test_bytes_on_disk_are_those_of_a_saved_model(card, wine, tmp_path):
    rows, labels = wine
    train = tables.split(tables.read_table(rows, labels, None), most=2000).train
    kneighbors.KNeighborsClassifier().fit(rows[train], labels[train]).save(tmp_path / "model")
    written = sum(path.stat().st_size for path in (tmp_path / "model").iterdir())
    assert abs(card.cells[0].disk_bytes - written) < 200  # the JSON tells seconds, whose digits differ


def test_times_are_positive_ordered_and_tell_their_repetitions(card):
    for cell in card.cells:
        assert 0 < cell.single.p50 <= cell.single.p99
        assert cell.single.repetitions >= 5 and cell.single.rows == 1
        assert cell.fit_seconds > 0 and cell.memory_bytes > 0
        if cell.batch is None:  # a busy machine left the budget no room for it
            assert cell.queries_per_second is None
            continue
        assert cell.batch.rows == 1000 and cell.batch.repetitions >= 3
        assert cell.queries_per_second == pytest.approx(1000 / cell.batch.p50)


def test_scores_follow_from_the_figures_by_the_printed_formulas(card):
    for cell in card.cells:
        assert set(cell.scores) == set(card.formulas) == set(grading.FORMULAS)
        assert all(0 <= score <= 1 for score in cell.scores.values())
        assert cell.scores["inference"] == pytest.approx(np.clip(np.log10(1 / cell.single.p50) / 5, 0, 1))
        assert cell.scores["training"] == pytest.approx(np.clip(np.log10(100 / cell.fit_seconds) / 6, 0, 1))
        raw = card.data["bytes_fitted"]
        assert cell.scores["size"] == pytest.approx(raw / (raw + cell.disk_bytes))
        assert cell.scores["accuracy"] == cell.score


def test_the_same_seed_gives_the_same_answers(wine, card):
    again = kneighbors.scorecard(*wine, budget=2, n_jobs=1, scalings=["standard"], reductions=[])
    for cell in again.cells:
        other = cell_of(card, cell.name)
        assert (cell.score, cell.recall, cell.agreement) == (other.score, other.recall, other.agreement)
    brute = [cell.name for cell in again.cells if cell.algorithm == "brute"]
    assert brute == ["brute", "brute, standard"]


def test_json_and_picture(card):
    told = json.loads(json.dumps(card.to_dict()))
    assert (told["format"], told["version"]) == ("kneighbors-scorecard", 1)
    assert len(told["cells"]) == len(card.cells)
    picture = ElementTree.fromstring(card.to_svg())
    words = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {cell.name for cell in card.cells} <= set(words)
    bars = [node for node in picture.iter("{http://www.w3.org/2000/svg}rect") if node.get("fill")]
    assert [float(bar.get("width")) for bar in bars] == pytest.approx(
        [84 * score for cell in card.cells for score in cell.scores.values()], abs=0.06
    )


def test_a_regressor_is_scored_by_r2_with_its_interval():
    rows, targets = load_diabetes(return_X_y=True)
    targets = targets + 0.5
    card = kneighbors.scorecard(rows, targets, budget=1, scalings=["standard"], reductions=["pca"])
    assert (card.data["task"], card.data["score"]) == ("regressor", "R2")
    first = card.cells[0]
    assert first.score_low < first.score < first.score_high < 1
    assert first.agreement == 1.0


def test_a_small_budget_is_kept_and_what_it_left_out_is_told():
    rows, labels = make_moons(500, noise=0.2, random_state=0)
    calls = []
    started = time.perf_counter()
    card = kneighbors.scorecard(rows, labels, budget=1, progress=lambda *told: calls.append(told))
    assert time.perf_counter() - started < 15  # on a machine that others use too
    assert card.cells[0].name == "brute"
    assert [told[0] for told in calls] == [*range(len(calls) - 1), len(card.cells)]
    kinds, _ = planning.algorithms(resolve("minkowski"), rows[:50])
    assert calls[-1][2] == "done" and calls[0] == (0, 25 * len(kinds), "brute")
    spent = [name for name, reason in card.left_out if "budget" in reason]
    assert len(card.cells) + len(spent) == 25 * len(kinds)


def test_index_kinds_come_from_the_table_of_settings(monkeypatch):
    """A name that joins the table, with an index of its own, is measured without a word said here."""
    from kneighbors.index import FlatIndex

    class Other(FlatIndex):
        def describe(self):
            return {**super().describe(), "kind": "other"}

    def make(name, metric, **settings):
        return (Other if name == "kd_tree" else FlatIndex)(metric.formula)

    rows = np.random.default_rng(0).normal(size=(50, 3))
    monkeypatch.setattr(planning, "make_index", make)
    assert planning.algorithms(resolve("euclidean"), rows)[0] == ["brute", "kd_tree"]
    monkeypatch.undo()
    kept, left_out = planning.algorithms(resolve("cosine"), rows)
    assert "brute" in kept and "auto" not in kept
    assert {name for name, _ in left_out} >= {"kd_tree", "ball_tree"} - set(kept)


def test_functions_cannot_be_saved_and_are_measured_all_the_same(wine):
    rows, labels = wine

    def gap(a, b):
        return float(np.abs(a - b).max())

    card = kneighbors.scorecard(rows[::4], labels[::4], metric=gap, budget=1, scalings=[], reductions=[])
    assert card.cells[0].disk_bytes is None
    assert 0 < card.cells[0].scores["size"] < 1
    assert "not saved" in card.to_svg()


def test_the_split_holds_out_a_fair_share_of_each_class_and_never_the_last_row_of_one():
    codes = np.array([0] * 80 + [1] * 19 + [2])
    table = tables.read_table(np.arange(100.0)[:, None], codes, None)
    parts = tables.split(table, most=2000)
    assert sorted([*parts.train, *parts.test]) == list(range(100))
    assert np.bincount(codes[parts.test], minlength=3).tolist() == [16, 4, 0]
    assert (tables.split(table, most=2000).test == parts.test).all()
    assert (tables.split(table, most=2000, seed=1).test != parts.test).any()


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"budget": 0}, ParameterError, "budget"),
        ({"budget": "soon"}, ParameterError, "90s"),
        ({"budget": float("nan")}, ParameterError, "budget"),
        ({"task": "ranker"}, ParameterError, "classifier"),
        ({"scalings": ["log"]}, ParameterError, "standard"),
        ({"reductions": ["tsne"]}, ParameterError, "fjlt"),
        ({"reduce_dim": 99}, ParameterError, "1 to 13"),
        ({"n_neighbors": 0}, ParameterError, "n_neighbors"),
        ({"n_neighbors": 150}, DataError, "fewer neighbours"),
        ({"metric": "precomputed"}, ParameterError, "precomputed"),
        ({"metric": "euclid"}, ParameterError, "euclidean"),
        ({"random_state": -1}, ParameterError, "random_state"),
        ({"weights": "squared"}, ParameterError, "weights"),
        ({"y": None}, DataError, "y is None"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(wine, change, kind, words):
    given = {"X": wine[0], "y": wine[1], "budget": 1, **change}
    with pytest.raises(kind, match=words):
        kneighbors.scorecard(given.pop("X"), given.pop("y"), **given)


def test_sparse_rows_and_a_wrong_number_of_labels_are_refused(wine):
    from scipy.sparse import csr_matrix

    with pytest.raises(DataError, match="toarray"):
        kneighbors.scorecard(csr_matrix(wine[0]), wine[1])
    with pytest.raises(DataError, match="178 rows and y 177"):
        kneighbors.scorecard(wine[0], wine[1][:-1])
    with pytest.raises(DataError, match="one label"):
        kneighbors.scorecard(wine[0], np.stack([wine[1], wine[1]], axis=1))
