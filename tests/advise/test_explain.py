# SPDX-License-Identifier: Apache-2.0
"""Explanations: what they tell is what the model does; the flip set flips when the rows really go."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError

import kneighbors
from kneighbors import KNeighborsClassifier, KNeighborsRegressor
from kneighbors.errors import ParameterError, ParameterTypeError


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize(
    "settings", [{}, {"scale": "standard"}, {"metric": "manhattan"}, {"sample_size": 90}]
)
def test_the_answer_is_explained_as_it_is_given(wine, weights, settings):
    rows, labels = wine
    names = np.array(["red", "white", "rose"])[labels]
    model = KNeighborsClassifier(7, weights=weights, **settings).fit(rows, names)
    queries = rows[::9] * 1.01
    why = model.explain(queries)
    distances, ids = model.kneighbors(queries)
    assert (why.ids == ids).all() and (why.distances == distances).all()
    assert (why.answers == model.predict(queries)).all()
    assert (why.labels == names[ids]).all()
    assert np.allclose(why.votes / why.votes.sum(axis=1, keepdims=True), model.predict_proba(queries))
    ranked = np.sort(model.predict_proba(queries), axis=1)
    assert np.allclose(why.margin, ranked[:, -1] - ranked[:, -2])
    assert np.allclose(why.shares.sum(axis=2), distances)
    assert why.share_names == [f"column {place}" for place in range(13)]
    assert len(why) == len(queries)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("priors", [None, [0.2, 0.5, 0.3]])
def test_a_model_fitted_without_the_set_answers_otherwise_and_with_one_row_more_it_does_not(
    wine, weights, priors
):
    """Really gone: the rows are left out of fit. No scaling, so nothing else changes."""
    rows, labels = wine
    settings = {"n_neighbors": 5, "weights": weights, "priors": priors}
    model = KNeighborsClassifier(**settings).fit(rows, labels)
    queries = rows[::12] + 0.01
    why = model.explain(queries)
    n_flips = 0
    for place, flip in enumerate(why.flips):
        if flip is None:
            assert why.flip_notes[place] and why.flip_answers[place] is None
            continue
        n_flips += 1
        assert why.flip_notes[place] == ""
        gone = np.delete(np.arange(len(rows)), flip)
        without = KNeighborsClassifier(**settings).fit(rows[gone], labels[gone])
        assert without.predict(queries[place : place + 1])[0] == why.flip_answers[place]
        assert why.flip_answers[place] != why.answers[place]
        for spared in flip:  # smallest: no set of one row fewer, of these, is enough
            gone = np.delete(np.arange(len(rows)), flip[flip != spared])
            without = KNeighborsClassifier(**settings).fit(rows[gone], labels[gone])
            assert without.predict(queries[place : place + 1])[0] == why.answers[place]
    assert n_flips >= 10


def test_how_far_the_search_for_a_flip_goes_is_said():
    rows = np.arange(60.0)[:, None]
    labels = np.repeat([0, 1], 30)
    model = KNeighborsClassifier(5).fit(rows, labels)
    assert model.explain([[0.0]], max_removals=3).flip_notes == ["no set of up to 3 rows changes the answer"]
    why = model.explain([[0.0]])
    assert len(why.flips[0]) == 28 and why.flip_answers == [1]
    assert KNeighborsClassifier(5).fit(rows, labels * 0).explain([[0.0]]).flip_notes == [
        "no set of rows changes the answer"
    ]
    assert KNeighborsClassifier(60).fit(rows, labels).explain([[0.0]]).flip_notes == [
        "only 60 rows can answer, so none can be removed"
    ]
    assert KNeighborsClassifier(5).fit(rows, labels * 0).explain([[0.0]]).margin.tolist() == [1.0]


def test_a_function_as_weights_is_searched_set_by_set_or_said_not_to_be(wine):
    rows, labels = wine

    def soft(distances):
        return 1.0 / (1.0 + distances)

    model = KNeighborsClassifier(3, weights=soft).fit(rows, labels)
    why = model.explain(rows[:5])
    assert (why.answers == model.predict(rows[:5])).all()
    for flip, note in zip(why.flips, why.flip_notes, strict=True):
        assert (flip is None) == bool(note)
    assert any("20,000" in note for note in model.set_params(n_neighbors=30).explain(rows[:5]).flip_notes)


def test_leave_one_out_explains_each_row_by_the_others(wine):
    rows, labels = wine
    model = KNeighborsClassifier(5).fit(rows, labels)
    why = model.explain()
    assert (why.answers == model.predict(None)).all()
    assert (why.ids != np.arange(len(rows))[:, None]).all()
    assert all(flip is None or place not in flip for place, flip in enumerate(why.flips))
    assert np.allclose(why.shares.sum(axis=2), why.distances)


def test_a_regressor_tells_what_the_answer_would_be_without_each_neighbour():
    rows, targets = load_diabetes(return_X_y=True)
    for weights in ("uniform", "distance"):
        settings = {"n_neighbors": 4, "weights": weights}
        model = KNeighborsRegressor(**settings).fit(rows, targets)
        queries = rows[::60] + 0.001
        why = model.explain(queries)
        assert np.allclose(why.answers, model.predict(queries), rtol=1e-15)
        assert (why.labels == targets[why.ids]).all()
        for place in range(len(queries)):
            for rank in range(4):
                gone = np.delete(np.arange(len(rows)), why.ids[place, rank])
                without = KNeighborsRegressor(**settings).fit(rows[gone], targets[gone])
                change = without.predict(queries[place : place + 1])[0] - why.answers[place]
                assert why.changes[place, rank] == pytest.approx(change, abs=1e-9)
    alone = KNeighborsRegressor(2).fit([[0.0], [1.0]], [1.0, 2.0]).explain([[0.5]])
    assert np.isnan(alone.changes).all()


def test_columns_are_those_that_are_measured():
    import pandas

    rows, labels = load_iris(return_X_y=True)
    frame = pandas.DataFrame(rows, columns=["sepal length", "sepal width", "petal length", "petal width"])
    selected = KNeighborsClassifier(reduce="select", reduce_dim=2).fit(frame, labels).explain(frame[:3])
    assert selected.share_names == ["petal length", "petal width"]
    turned = KNeighborsClassifier(reduce="pca", reduce_dim=2, scale="standard").fit(frame, labels)
    why = turned.explain(frame[:3])
    assert why.share_names == ["component 1", "component 2"]
    assert np.allclose(why.shares.sum(axis=2), why.distances)


def test_estimated_metrics_and_those_without_shares(wine):
    rows, labels = wine
    model = KNeighborsClassifier(metric="seuclidean").fit(rows, labels)
    why = model.explain(rows[:4] + 0.5)
    assert np.allclose(why.shares.sum(axis=2), why.distances)
    why = KNeighborsClassifier(metric="mahalanobis").fit(rows, labels).explain(rows[:4])
    assert why.shares is None and "pairs" in why.shares_note and why.share_names == []
    square = np.abs(rows[:, None, 0] - rows[None, :, 0])
    why = KNeighborsClassifier(metric="precomputed").fit(square, labels).explain(square[:4])
    assert why.shares is None and "no columns" in why.shares_note
    sparse = KNeighborsClassifier().fit(csr_matrix(rows), labels)
    assert "sparse" in sparse.explain(csr_matrix(rows[:4])).shares_note
    dense = KNeighborsClassifier().fit(rows, labels)
    assert np.allclose(dense.explain(csr_matrix(rows[:4])).shares, dense.explain(rows[:4]).shares)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "mahalanobis", "seuclidean"])
def test_a_model_that_grew_and_shrank_is_explained_as_it_answers(wine, metric):
    rows, labels = wine
    model = KNeighborsClassifier(metric=metric).fit(rows[:120], labels[:120])
    model.add_rows(rows[120:170], labels[120:170])
    model.remove_rows([3, 50, 130])
    why = model.explain(rows[170:])
    assert (why.answers == model.predict(rows[170:])).all()
    assert (why.ids == model.kneighbors(rows[170:])[1]).all()
    assert {*why.ids.ravel(), *(row for flip in why.flips if flip is not None for row in flip)}.isdisjoint(
        {3, 50, 130}
    )
    if metric in ("euclidean", "manhattan"):
        assert np.allclose(why.shares.sum(axis=2), why.distances)
    else:  # the variances are those of the rows fitted first, which are gone
        assert why.shares is None and why.shares_note


def test_a_loaded_model_explains_the_same(wine, tmp_path):
    model = KNeighborsClassifier(scale="standard", reduce="pca", reduce_dim=4).fit(*wine)
    model.save(tmp_path / "model")
    queries = wine[0][:6] * 1.01
    again = kneighbors.load(tmp_path / "model").explain(queries).to_dict()
    assert json.dumps(again) == json.dumps(model.explain(queries).to_dict())


def test_the_dictionary_is_plain(wine):
    told = json.loads(json.dumps(KNeighborsClassifier().fit(*wine).explain(wine[0][:2]).to_dict()))
    assert {"ids", "distances", "weights", "labels", "answers", "shares", "votes", "margin", "flips"} <= set(
        told
    )
    told = KNeighborsRegressor().fit(*wine).explain(wine[0][:2]).to_dict()
    assert json.dumps(told) and len(told["changes"][0]) == 5


def test_no_queries_explain_nothing(wine):
    why = KNeighborsClassifier().fit(*wine).explain(np.empty((0, 13)))
    assert len(why) == 0 and why.flips == []


def test_what_cannot_be_explained_is_refused_in_words(wine):
    rows, labels = wine
    with pytest.raises(NotFittedError):
        KNeighborsClassifier().explain(rows)
    model = KNeighborsClassifier().fit(rows, labels)
    with pytest.raises(ParameterTypeError, match="max_removals"):
        model.explain(rows[:1], max_removals=1.5)
    with pytest.raises(ParameterError, match="1 or more"):
        model.explain(rows[:1], max_removals=0)
    with pytest.raises(ParameterError, match="sample_weight"):
        KNeighborsClassifier().fit(rows, labels, np.full(len(rows), 2.0)).explain(rows[:1])
    with pytest.raises(ParameterError, match="2 labels"):
        KNeighborsClassifier().fit(rows, np.stack([labels, labels], 1)).explain(rows[:1])
    with pytest.raises(ParameterError, match="n_neighbors"):
        model.set_params(n_neighbors=500).explain(rows[:1])
    with pytest.raises(ParameterError, match="at once"):
        KNeighborsClassifier(100).fit(rows, labels).explain(np.zeros((60000, 13)))
