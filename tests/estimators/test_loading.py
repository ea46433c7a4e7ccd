# SPDX-License-Identifier: Apache-2.0
"""save and load: the same answers bit for bit, edits of the JSON, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.metrics import pairwise_distances

import kneighbors
from kneighbors import KNeighborsClassifier, KNeighborsRegressor, KNeighborsTransformer, NearestNeighbors
from kneighbors.errors import KneighborsError, ModelFileError, ParameterError

generator = np.random.default_rng(11)
ROWS = generator.normal(size=(60, 5))
CODES = generator.integers(0, 3, 60)
TARGETS = generator.normal(size=60)
QUERIES = generator.normal(size=(20, 5))


def manhattan(one: Any, other: Any) -> float:
    return float(np.abs(one - other).sum())


def again(model: Any, folder: Path, **how: Any) -> Any:
    model.save(folder / "model")
    assert sorted(entry.name for entry in (folder / "model").iterdir()) == [
        "model_algo-1",
        "model_algo-1.json",
        "model_algo-1.labels",
    ]
    return kneighbors.load(folder / "model", **how)


def assert_same_answers(one: Any, other: Any, queries: Any = QUERIES) -> None:
    for asked in (queries, None):
        for ours, theirs in zip(one.kneighbors(asked, 4), other.kneighbors(asked, 4), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        for method in ("predict", "predict_proba"):
            assert hasattr(one, method) == hasattr(other, method)
            if hasattr(one, method):
                ours, theirs = getattr(one, method)(asked), getattr(other, method)(asked)
                if isinstance(ours, list):
                    for part, counterpart in zip(ours, theirs, strict=True):
                        np.testing.assert_array_equal(part, counterpart)
                else:
                    assert ours.dtype == theirs.dtype
                    np.testing.assert_array_equal(ours, theirs)


METRICS: list[dict[str, Any]] = [
    {},
    {"metric": "cosine"},
    {"metric": "inner_product"},
    {"metric": "sqeuclidean"},
    {"p": 1},
    {"p": np.inf},
    {"p": 1.7, "metric_params": {"w": np.linspace(1, 2, 5)}},
    {"metric": "mahalanobis"},
    {"metric": "mahalanobis", "metric_params": {"VI": np.eye(5) * 2}},
    {"metric": "seuclidean"},
    {"algorithm": "kd_tree", "leaf_size": 7},
    {"algorithm": "ball_tree", "metric": "chebyshev"},
]


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("more", METRICS, ids=str)
def test_answers_come_back_bit_for_bit(tmp_path: Path, more: dict[str, Any], mmap: bool) -> None:
    model = KNeighborsClassifier(7, **more).fit(ROWS, CODES)
    loaded = again(model, tmp_path, mmap=mmap)
    assert_same_answers(model, loaded)
    assert type(loaded) is KNeighborsClassifier
    ours, theirs = model.get_params(), loaded.get_params()
    for name in ours:
        np.testing.assert_equal(ours[name], theirs[name])
    for name in ("effective_metric_", "n_features_in_", "n_samples_fit_", "outputs_2d_", "_fit_method"):
        assert getattr(model, name) == getattr(loaded, name)
    np.testing.assert_equal(model.effective_metric_params_, loaded.effective_metric_params_)
    np.testing.assert_array_equal(model.classes_, loaded.classes_)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_rows_of_any_dtype(tmp_path: Path, dtype: Any) -> None:
    model = KNeighborsRegressor(3, weights="distance").fit((ROWS * 9).astype(dtype), TARGETS)
    assert_same_answers(model, again(model, tmp_path), (QUERIES * 9).astype(dtype))


@pytest.mark.parametrize(
    "names",
    [
        np.array([10, -3, 2**24 + 1]),
        np.array([2**53 + 1, 5, -(2**63)]),
        np.array([1, 2, 2**64 - 1], dtype=np.uint64),
        np.array([1.0, -0.0, 2.0**70]),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([True, False, True]),
        np.array(["", "a,b", "ünï→☃\n"]),
        np.array(["b", "a", "c"], dtype=object),
    ],
    ids=str,
)
def test_r41_x8_labels_come_back_with_value_and_type(tmp_path: Path, names: Any) -> None:
    """R41, X8: class labels through the model files, bit for bit and of the same type."""
    model = KNeighborsClassifier(1).fit(ROWS, names[CODES])
    loaded = again(model, tmp_path)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.predict(ROWS).tolist() == names[CODES].tolist()
    assert_same_answers(model, loaded)


@given(bits=st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=20))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_x8_targets_of_any_bits_come_back(tmp_path_factory: pytest.TempPathFactory, bits: list[int]) -> None:
    """X8: finite float64 targets survive the files bit for bit."""
    targets = np.array(bits, dtype=np.uint64).view(np.float64)
    targets[~np.isfinite(targets)] = -0.0
    rows = np.arange(len(targets), dtype=float)[:, None]
    model = KNeighborsRegressor(1).fit(rows, targets)
    loaded = again(model, tmp_path_factory.mktemp("x8"))
    np.testing.assert_array_equal(loaded.predict(rows).view(np.uint64), targets.view(np.uint64))


@pytest.mark.parametrize(
    "targets", [[2**62 + 1, 5, -(2**63)], [1, 2, 3], [0.1, 1e300, -5e-324], [1.5, -0.0, 2.0**100]]
)
def test_targets_are_kept_as_given(tmp_path: Path, targets: list[Any]) -> None:
    model = KNeighborsRegressor(2).fit([[0.0], [1.0], [2.0]], np.array(targets))
    loaded = again(model, tmp_path)
    np.testing.assert_array_equal(loaded._y, model._y)
    assert loaded._y.dtype == model._y.dtype
    np.testing.assert_array_equal(loaded.predict([[0.4], [1.6]]), model.predict([[0.4], [1.6]]))


def test_several_outputs_weights_priors_and_names(tmp_path: Path) -> None:
    frame = pandas.DataFrame(ROWS, columns=["a", "b b", "ç", "d", "e"])
    outputs = pandas.DataFrame({"name": np.array(list("xyz"))[CODES], "number": CODES * 2, "flag": CODES > 0})
    model = KNeighborsClassifier(5, weights="distance", priors=[[1, 2, 3], [3, 2, 1], [1, 4]])
    model.fit(frame, outputs, sample_weight=generator.integers(0, 3, 60))
    loaded = again(model, tmp_path)
    queries = pandas.DataFrame(QUERIES, columns=frame.columns)
    assert_same_answers(model, loaded, queries)
    assert loaded.feature_names_in_.tolist() == list(frame.columns)
    np.testing.assert_array_equal(loaded.sample_indices_, model.sample_indices_)
    assert loaded.n_samples_fit_ == 60
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(queries[list(frame.columns)[::-1]])
    regressor = KNeighborsRegressor(3).fit(
        ROWS, np.stack([TARGETS, TARGETS**2], axis=1), generator.uniform(size=60)
    )
    assert_same_answers(regressor, again(regressor, tmp_path))
    column = KNeighborsRegressor(3).fit(ROWS, TARGETS[:, None])
    assert again(column, tmp_path).predict(QUERIES).shape == (20, 1)


def test_sparse_and_precomputed_models(tmp_path: Path) -> None:
    sparse = KNeighborsClassifier(3).fit(
        scipy.sparse.random(60, 30, 0.3, format="csr", random_state=0), CODES
    )
    assert_same_answers(
        sparse, again(sparse, tmp_path), scipy.sparse.random(9, 30, 0.3, format="csr", random_state=1)
    )
    given_distances = KNeighborsRegressor(3, metric="precomputed").fit(pairwise_distances(ROWS), TARGETS)
    loaded = again(given_distances, tmp_path)
    assert_same_answers(given_distances, loaded, pairwise_distances(QUERIES, ROWS))
    weighted = KNeighborsRegressor(3, metric="precomputed")
    weighted.fit(pairwise_distances(ROWS), TARGETS, sample_weight=CODES)
    assert_same_answers(weighted, again(weighted, tmp_path), pairwise_distances(QUERIES, ROWS))


def test_models_without_labels(tmp_path: Path) -> None:
    model = NearestNeighbors(n_neighbors=4, radius=2.5).fit(ROWS)
    loaded = again(model, tmp_path)
    assert type(loaded) is NearestNeighbors and loaded.radius == 2.5
    assert_same_answers(model, loaded)
    assert (tmp_path / "model" / "model_algo-1.labels").stat().st_size == 0
    for ours, theirs in zip(model.radius_neighbors(QUERIES), loaded.radius_neighbors(QUERIES), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    unset = NearestNeighbors(n_neighbors=None).fit(ROWS)
    assert again(unset, tmp_path).n_neighbors == 5


def test_a_transformer_is_saved_as_a_model_without_labels(tmp_path: Path) -> None:
    model = KNeighborsTransformer(n_neighbors=3, mode="distance").fit(ROWS)
    loaded = again(model, tmp_path)
    assert type(loaded) is NearestNeighbors and loaded.n_neighbors == 3
    np.testing.assert_array_equal(
        loaded.kneighbors_graph(QUERIES, 4, mode="distance").toarray(), model.transform(QUERIES).toarray()
    )


def test_a_loaded_model_saves_and_pickles_to_the_same(tmp_path: Path) -> None:
    import pickle

    model = KNeighborsClassifier(3, weights="distance").fit(ROWS, np.array(list("abc"))[CODES])
    loaded = again(model, tmp_path)
    (tmp_path / "second").mkdir()
    assert_same_answers(loaded, again(loaded, tmp_path / "second"))
    assert_same_answers(loaded, pickle.loads(pickle.dumps(loaded)))
    for name in ("model_algo-1.labels",):
        assert (tmp_path / "model" / name).read_bytes() == (tmp_path / "second" / "model" / name).read_bytes()
    loaded.fit(ROWS[:9], CODES[:9])  # and is an ordinary estimator otherwise
    assert loaded.n_samples_fit_ == 9


def test_settings_changed_after_fit_are_saved_as_they_are_now(tmp_path: Path) -> None:
    model = (
        KNeighborsClassifier(3)
        .fit(ROWS, CODES)
        .set_params(n_neighbors=9, weights="distance", priors=[1, 2, 1])
    )
    assert_same_answers(model, again(model, tmp_path))


def edit(folder: Path, **values: Any) -> None:
    file = folder / "model" / "model_algo-1.json"
    content = json.loads(file.read_text())
    content.update(values)
    file.write_text(json.dumps(content))


def test_a_person_edits_k_and_the_next_load_obeys(tmp_path: Path) -> None:
    model = KNeighborsClassifier(3).fit(ROWS, CODES)
    model.save(tmp_path / "model")
    edit(tmp_path, k=11)
    loaded = kneighbors.load(tmp_path / "model")
    assert loaded.n_neighbors == 11
    assert_same_answers(model.set_params(n_neighbors=11), loaded)
    for k, message in (
        (61, "k is 61"),
        (0, "k is 0"),
        ("7", "k is '7'"),
        (2.5, "k is 2.5"),
        (True, "k is True"),
    ):
        edit(tmp_path, k=k)
        with pytest.raises(ModelFileError, match=message):
            kneighbors.load(tmp_path / "model")


@pytest.mark.parametrize("values", [[1, 2, 3], [0.5, 1.5, -2.0], [2**60 + 1, 7, 2**53 + 1]])
def test_a_person_edits_predictor_type(tmp_path: Path, values: list[Any]) -> None:
    """Labels that are numbers can be classes or targets; the JSON decides at the next load."""
    labels = np.array(values)[CODES]
    KNeighborsRegressor(4).fit(ROWS, labels).save(tmp_path / "model")
    edit(tmp_path, predictor_type="classifier")
    loaded = kneighbors.load(tmp_path / "model")
    assert type(loaded) is KNeighborsClassifier
    assert sorted(loaded.classes_.tolist()) == sorted(values)
    by_rank = KNeighborsClassifier(4).fit(ROWS, np.argsort(np.argsort(values))[CODES])
    assert loaded.predict(QUERIES).tolist() == np.sort(values)[by_rank.predict(QUERIES)].tolist()
    if all(value == int(value) for value in values):
        classifier = KNeighborsClassifier(4).fit(ROWS, labels)
        classifier.save(tmp_path / "model")
        edit(tmp_path, predictor_type="regressor")
        loaded = kneighbors.load(tmp_path / "model")
        assert type(loaded) is KNeighborsRegressor
        np.testing.assert_array_equal(
            loaded.predict(QUERIES), KNeighborsRegressor(4).fit(ROWS, labels).predict(QUERIES)
        )


def test_a_regressor_over_strings_is_refused_with_the_file_named(tmp_path: Path) -> None:
    KNeighborsClassifier(4).fit(ROWS, np.array(list("abc"))[CODES]).save(tmp_path / "model")
    edit(tmp_path, predictor_type="regressor")
    with pytest.raises(ModelFileError, match=r"model_algo-1\.json.*'regressor' but the labels are strings"):
        kneighbors.load(tmp_path / "model")
    edit(tmp_path, predictor_type=None)
    with pytest.raises(ModelFileError, match="predictor_type"):
        kneighbors.load(tmp_path / "model")


@pytest.mark.parametrize(
    "kind", [KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors, KNeighborsTransformer]
)
def test_there_must_be_something_to_save(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(NotFittedError):
        kind().save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"metric": manhattan}, "metric is a function"),
        ({"weights": np.exp}, "weights is a function"),
        ({"metric": "pyfunc", "metric_params": {"func": manhattan}}, "files cannot hold|function"),
        ({"n_neighbors": 61}, "61"),
    ],
)
def test_what_files_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    model = KNeighborsClassifier(**more).fit(ROWS, CODES)
    with pytest.raises(KneighborsError, match=message) as caught:
        model.save(tmp_path / "model")
    assert isinstance(caught.value, ParameterError) or more == {"n_neighbors": 61}
    assert not (tmp_path / "model").exists()


def test_a_generator_as_random_state_does_not_stop_a_save(tmp_path: Path) -> None:
    model = NearestNeighbors(random_state=np.random.RandomState(3)).fit(ROWS)
    assert again(model, tmp_path).random_state is None


def test_damaged_contents_name_the_file(tmp_path: Path) -> None:
    """Contents that pass the files' own checks but contradict each other are refused as model file errors."""
    from kneighbors import model_files, pipeline

    model = KNeighborsClassifier(3).fit(ROWS, np.array(list("abc"))[CODES], sample_weight=CODES)._model

    def broken(**changes: Any) -> None:
        contents = pipeline.to_contents(model, model.settings)
        for name, change in changes.items():
            change(getattr(contents, name))
        model_files.write(tmp_path / "model", contents)
        with pytest.raises(ModelFileError, match=r"model_algo-1\.json") as caught:
            kneighbors.load(tmp_path / "model")
        assert "Error" not in str(caught.value) and "__" not in str(caught.value)

    broken(sections=lambda sections: sections.pop("classes.0.text"))
    broken(sections=lambda sections: sections.update({"classes.0.offsets": np.array([0, 9, 3, 3])}))
    broken(sections=lambda sections: sections.update({"row_ids": np.arange(3)}))
    broken(sections=lambda sections: sections.pop("row_ids"))
    unequal = lambda weights: np.where(np.arange(weights.size) == 0, -1.0, 2.0 * weights)  # noqa: E731
    broken(sections=lambda sections: sections.update(sample_weight=unequal(sections["sample_weight"])))
    broken(sections=lambda sections: sections.pop("index.rows"))
    broken(settings=lambda values: values.pop("index"))
    broken(settings=lambda values: values.update(leaf_size=0))
    broken(settings=lambda values: values.update(weights="sideways"))
    broken(settings=lambda values: values.update(metric="nonsense"))
    broken(settings=lambda values: values["index"].update(kind="magic"))
    broken(settings=lambda values: values["labels"].update(stored="values"))
    broken(settings=lambda values: values.update(priors=1))
    broken(settings=lambda values: values.update(steps=[{"nonsense": 1}]))
    broken(settings=lambda values: values.update(n_rows_seen="many"))
    broken(labels=lambda labels: labels.__setitem__(0, 99))
