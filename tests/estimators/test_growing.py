# SPDX-License-Identifier: Apache-2.0
"""Estimators that rows join and leave answer as those fitted on the rows that are left."""

import pickle
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

import kneighbors
from kneighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors, RadiusNeighborsClassifier
from kneighbors.errors import DataError, DataTypeError, ParameterError

RNG = np.random.default_rng(77)
X = RNG.normal(size=(400, 4))
Y = np.array(["cat", "dog", "fox"])[RNG.integers(0, 3, 400)]
TARGETS = RNG.normal(size=(400, 2))
QUERIES = RNG.normal(size=(30, 4))
OPTIONS = [
    {},
    {"metric": "cosine"},
    {"metric": "manhattan"},
    {"metric": "canberra"},
    {"algorithm": "kd_tree"},
    {"scale": "minmax", "metric": "chebyshev"},
]


def history(model, *labels):
    """Fit, add, remove, add, remove: returns the ids that are left."""
    model.fit(X[:200], *(y[:200] for y in labels))
    model.kneighbors(QUERIES[:1])
    assert model.add_rows(X[200:300], *(y[200:300] for y in labels)).tolist() == list(range(200, 300))
    model.kneighbors(QUERIES[:1])
    model.remove_rows([0, 5, 299, 200])
    assert model.add_rows(X[300:], *(y[300:] for y in labels)).tolist() == list(range(300, 400))
    model.remove_rows(np.arange(310, 399))
    return np.setdiff1d(np.arange(400), [0, 5, 299, 200, *range(310, 399)])


def reloaded(model, path):
    model.save(path)
    return kneighbors.load(path)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("how", ["as it is", "saved", "pickled"])
def test_neighbours_are_those_of_a_fit_on_what_is_left(options, how, tmp_path):
    model = NearestNeighbors(n_neighbors=7, radius=0.8, **options)
    left = history(model)
    if how == "saved":
        model = reloaded(model, tmp_path / "model")
    if how == "pickled":
        model = pickle.loads(pickle.dumps(model))
    model.set_params(radius=0.8)
    plain = NearestNeighbors(n_neighbors=7, radius=0.8, **options)
    if "scale" in options:  # learned from the rows given to fit, and kept
        plain = NearestNeighbors(n_neighbors=7, radius=0.8, metric="chebyshev")
        low, high = X[:200].min(axis=0), X[:200].max(axis=0)
        plain.fit((X[left] - low) / (high - low))
        queries = (QUERIES - low) / (high - low)
        distances, ids = model.kneighbors(QUERIES)
        expected = plain.kneighbors(queries)
        assert_array_equal(ids, left[expected[1]])
        assert_allclose(distances, expected[0], rtol=1e-12)
        return
    plain.fit(X[left])
    for given in (QUERIES, None):
        distances, ids = model.kneighbors(given)
        expected = plain.kneighbors(given)
        assert_array_equal(ids, left[expected[1]])
        assert_array_equal(distances, expected[0])
        distances, ids = model.radius_neighbors(given)
        expected = plain.radius_neighbors(given)
        for line in range(len(ids)):
            assert_array_equal(ids[line], left[expected[1][line]])
            assert_array_equal(distances[line], expected[0][line])
    # A graph is as wide as the ids that were ever given.
    assert model.n_samples_fit_ == 400 and model.sample_indices_.tolist() == left.tolist()
    graph = model.kneighbors_graph(QUERIES, mode="distance")
    assert graph.shape == (30, 400)
    assert_array_equal(graph.indices.reshape(30, 7), model.kneighbors(QUERIES, return_distance=False))
    assert model.add_rows(X[:1]).tolist() == [400]


@pytest.mark.parametrize("options", OPTIONS[:5], ids=str)
def test_labels_go_with_the_rows(options, tmp_path):
    classifier = KNeighborsClassifier(n_neighbors=5, weights="distance", **options)
    left = history(classifier, Y)
    plain = KNeighborsClassifier(n_neighbors=5, weights="distance", **options).fit(X[left], Y[left])
    for model in (classifier, reloaded(classifier, tmp_path / "classes")):
        for given in (QUERIES, None):
            assert_array_equal(model.predict(given), plain.predict(given))
            assert_array_equal(model.predict_proba(given), plain.predict_proba(given))
        assert model.score(None, Y[left]) == plain.score(None, Y[left])
        assert_array_equal(model.score_path([1, 4]).scores, plain.score_path([1, 4]).scores)
    regressor = KNeighborsRegressor(n_neighbors=5, **options)
    left = history(regressor, TARGETS)
    plain = KNeighborsRegressor(n_neighbors=5, **options).fit(X[left], TARGETS[left])
    for model in (regressor, reloaded(regressor, tmp_path / "targets")):
        assert_array_equal(model.predict(QUERIES), plain.predict(QUERIES))
        assert_array_equal(model.predict(None), plain.predict(None))


def test_sparse_rows_grow_too():
    rows = sp.random(100, 6, 0.4, format="csr", random_state=1)
    model = NearestNeighbors(n_neighbors=3).fit(rows[:60])
    model.add_rows(rows[60:])
    assert_array_equal(
        model.kneighbors(rows)[1], NearestNeighbors(n_neighbors=3).fit(rows).kneighbors(rows)[1]
    )
    with pytest.raises(DataTypeError, match="dense to dense"):
        model.add_rows(rows[:2].toarray())


def test_a_sampled_model_keeps_every_row_added():
    model = KNeighborsClassifier(n_neighbors=1, sample_size=50, random_state=3).fit(X[:300], Y[:300])
    kept = model.sample_indices_
    assert kept.size == 50
    assert model.add_rows(X[300:], Y[300:]).tolist() == list(range(300, 400))
    assert model.kneighbors(X[300:], 1, return_distance=False).ravel().tolist() == list(range(300, 400))
    model.remove_rows([kept[3], 350])
    assert_array_equal(model.sample_indices_, np.setdiff1d([*kept, *range(300, 400)], [kept[3], 350]))
    dropped = np.setdiff1d(np.arange(300), kept)[:1]
    with pytest.raises(ParameterError, match="is not held"):
        model.remove_rows(dropped)
    plain = KNeighborsClassifier(n_neighbors=1).fit(X[model.sample_indices_], Y[model.sample_indices_])
    assert_array_equal(model.predict(QUERIES), plain.predict(QUERIES))


def test_weights_go_with_the_rows(tmp_path):
    weights = RNG.integers(1, 4, 400).astype(float)
    model = KNeighborsClassifier(n_neighbors=6).fit(X[:200], Y[:200], weights[:200])
    model.add_rows(X[200:], Y[200:], weights[200:])
    model.remove_rows(np.arange(100, 150))
    left = np.delete(np.arange(400), np.arange(100, 150))
    plain = KNeighborsClassifier(n_neighbors=6).fit(X[left], Y[left], weights[left])
    for one in (model, reloaded(model, tmp_path / "model")):
        assert_array_equal(one.predict_proba(QUERIES), plain.predict_proba(QUERIES))
        assert_array_equal(one.predict(None), plain.predict(None))
    with pytest.raises(DataError, match="must be positive"):
        model.add_rows(X[:2], Y[:2], [1.0, 0.0])
    plain = KNeighborsClassifier(n_neighbors=6).fit(X[:200], Y[:200])
    plain.add_rows(X[200:], Y[200:], weights[200:])
    whole = KNeighborsClassifier(n_neighbors=6).fit(X, Y, np.concatenate([np.ones(200), weights[200:]]))
    assert_array_equal(plain.predict_proba(QUERIES), whole.predict_proba(QUERIES))


def test_unseen_classes_take_their_place_in_the_order(tmp_path):
    model = KNeighborsClassifier(n_neighbors=3).fit(X[:300], Y[:300])
    names = Y.astype("<U9")
    names[300:350], names[350:] = "crocodile", "ant"
    model.add_rows(X[300:], names[300:])
    assert model.classes_.tolist() == ["ant", "cat", "crocodile", "dog", "fox"]
    plain = KNeighborsClassifier(n_neighbors=3).fit(X, names)
    for one in (model, reloaded(model, tmp_path / "model")):
        assert_array_equal(one.predict_proba(QUERIES), plain.predict_proba(QUERIES))
        assert_array_equal(one.predict(QUERIES), plain.predict(QUERIES))
    model.remove_rows(np.arange(300, 350))  # a class whose rows are gone stays, and wins nothing
    assert model.classes_.tolist() == ["ant", "cat", "crocodile", "dog", "fox"]
    assert (model.predict_proba(QUERIES)[:, 2] == 0).all()
    assert reloaded(model, tmp_path / "less").classes_.tolist() == model.classes_.tolist()


def test_several_outputs_grow_each_in_its_classes():
    y = np.stack([RNG.integers(0, 3, 400), RNG.integers(5, 7, 400)], axis=1)
    model = KNeighborsClassifier(n_neighbors=3).fit(X[:200], y[:200])
    y[200:, 1] += 1
    model.add_rows(X[200:], y[200:])
    plain = KNeighborsClassifier(n_neighbors=3).fit(X, y)
    assert [classes.tolist() for classes in model.classes_] == [[0, 1, 2], [5, 6, 7]]
    for mine, theirs in zip(model.predict_proba(QUERIES), plain.predict_proba(QUERIES), strict=True):
        assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("rows", "labels", "error", "message"),
    [
        (X[:2], [1, 2], DataTypeError, "y holds number labels in column 0; the model was fitted with string"),
        (X[:2], Y[:3], DataError, "inconsistent|samples"),
        (X[:2, :3], Y[:2], DataError, "features"),
        (X[:2] * np.nan, Y[:2], DataError, "NaN"),
        (X[:2], np.stack([Y[:2], Y[:2]], axis=1), DataError, "2 outputs; the model was fitted with 1"),
    ],
)
def test_what_cannot_be_added_leaves_everything_as_it_was(rows, labels, error, message):
    model = KNeighborsClassifier(n_neighbors=3).fit(X[:100], Y[:100])
    before = model._model
    with pytest.raises(error, match=message):
        model.add_rows(rows, labels)
    assert model._model is before and model.n_samples_fit_ == 100


def test_further_refusals():
    model = KNeighborsClassifier(n_neighbors=3, priors=[1.0, 2.0, 1.0]).fit(X[:100], Y[:100])
    with pytest.raises(ParameterError, match=r"the class '?.*wolf.*for which priors has no entry"):
        model.add_rows(X[:1], ["wolf"])
    assert model.classes_.tolist() == ["cat", "dog", "fox"] and model.n_samples_fit_ == 100
    with pytest.raises(ParameterError, match=r"All 100 rows were named.*Nothing was removed"):
        model.remove_rows(np.arange(100))
    with pytest.raises(ParameterError, match="id 100 is not held"):
        model.remove_rows([100])
    with pytest.raises(ParameterError, match="named 2 times"):
        model.remove_rows([1, 1])
    model.remove_rows([])
    narrow = NearestNeighbors().fit(X.astype(np.float32))
    with pytest.raises(DataError, match="holds float32 rows and X is float64"):
        narrow.add_rows(X)
    own = np.zeros((5, 5))
    precomputed = NearestNeighbors(metric="precomputed", n_neighbors=1).fit(own)
    with pytest.raises(ParameterError, match="fit on the larger matrix"):
        precomputed.add_rows(own)
    with pytest.raises(ParameterError, match="fit on the smaller matrix"):
        precomputed.remove_rows([0])
    for ask in (lambda: NearestNeighbors().add_rows(X), lambda: NearestNeighbors().remove_rows([0])):
        with pytest.raises(NotFittedError):
            ask()
    exact = KNeighborsRegressor(n_neighbors=1).fit(X[:2], [2**53 + 1, 5])
    with pytest.raises(DataError, match="would lose digits"):
        exact.add_rows(X[:1], [0.5])


def test_votes_within_a_radius_grow_too():
    model = RadiusNeighborsClassifier(radius=2.0).fit(X[:200], Y[:200])
    model.add_rows(X[200:], Y[200:])
    model.remove_rows(np.arange(100))
    plain = RadiusNeighborsClassifier(radius=2.0).fit(X[100:], Y[100:])
    near = QUERIES[:10] / 2
    assert_array_equal(model.predict_proba(near), plain.predict_proba(near))


@pytest.mark.parametrize("sample_size", [None, 300])
def test_among_chosen_rows(sample_size):
    model = NearestNeighbors(n_neighbors=4, radius=1.5, sample_size=sample_size).fit(X)
    model.remove_rows(model.sample_indices_[:5])
    allowed = np.arange(0, 400, 3)
    held = np.intersect1d(allowed, model.sample_indices_)
    plain = NearestNeighbors(n_neighbors=4, radius=1.5).fit(X[held])
    for among in (allowed, np.isin(np.arange(400), allowed), allowed.tolist()):
        distances, ids = model.kneighbors(QUERIES, among=among)
        expected = plain.kneighbors(QUERIES)
        assert_array_equal(ids, held[expected[1]])
        assert_array_equal(distances, expected[0])
        found = model.radius_neighbors(QUERIES, return_distance=False, among=among)
        for one, other in zip(found, plain.radius_neighbors(QUERIES, return_distance=False), strict=True):
            assert_array_equal(one, held[other])
    with pytest.raises(ParameterError, match=f"lets only {held.size} of"):
        model.kneighbors(QUERIES, held.size + 1, among=allowed)
    with pytest.raises(ParameterError, match="names id 400, which was never given"):
        model.kneighbors(QUERIES, among=[400])
    with pytest.raises(DataError, match=r"\(400,\) is expected"):
        model.kneighbors(QUERIES, among=np.ones(300, dtype=bool))
    with pytest.raises(ParameterError, match="pad and among"):
        model.kneighbors(QUERIES, 4, pad=True, among=[1])
    own = model.kneighbors(None, 1, among=allowed, return_distance=False).ravel()
    assert not (own == model.sample_indices_).any() and np.isin(own, held).all()


def test_r43_predictions_while_rows_come_and_go():
    model = KNeighborsClassifier(n_neighbors=1).fit(X[:100], Y[:100])
    failures, stop = [], threading.Event()

    def asking():
        while not stop.is_set():
            try:
                assert_array_equal(model.predict(X[:20]), Y[:20])
                model.predict_proba(X[:3])
                model.kneighbors(None)
            except BaseException as error:
                failures.append(error)
                raise

    threads = [threading.Thread(target=asking) for _ in range(3)]
    changers = [
        threading.Thread(
            target=lambda: [model.remove_rows(model.add_rows(X[100:130] + 9, Y[100:130])) for _ in range(40)]
        )
        for _ in range(2)
    ]
    for thread in threads + changers:
        thread.start()
    for thread in changers:
        thread.join(60)
        assert not thread.is_alive()
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert model.n_samples_fit_ == 100 + 2 * 40 * 30 and model.sample_indices_.tolist() == list(range(100))
