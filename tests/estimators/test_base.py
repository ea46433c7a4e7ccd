# SPDX-License-Identifier: Apache-2.0
"""What all estimators share: parameters, cloning, pickling, grid searches, memory, feature names."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import joblib
import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
from sklearn import neighbors as theirs
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

import kneighbors as ours
from kneighbors.errors import ParameterError, ParameterTypeError
from kneighbors.index import BlockIndex, FlatIndex
from kneighbors.parameters import PARAMETERS

NAMES = ["KNeighborsClassifier", "KNeighborsRegressor", "NearestNeighbors", "KNeighborsTransformer"]
OURS_ALONE = {"priors", "random_state", "sample_size", "scale", "reduce", "reduce_dim"}
IRIS = load_iris()
ROWS, LABELS = IRIS.data, IRIS.target


def manhattan(one: Any, other: Any) -> float:
    return float(np.abs(one - other).sum())


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_scikit_learns_first_then_ours_by_keyword(name: str) -> None:
    mine = inspect.signature(getattr(ours, name).__init__).parameters
    reference = inspect.signature(getattr(theirs, name).__init__).parameters
    assert list(mine)[: len(reference)] == list(reference)
    for parameter in reference.values():
        assert mine[parameter.name].default == parameter.default
        assert mine[parameter.name].kind == parameter.kind
    more = list(mine)[len(reference) :]
    assert set(more) <= OURS_ALONE
    assert all(mine[extra].kind == inspect.Parameter.KEYWORD_ONLY for extra in more)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_those_of_the_table(name: str) -> None:
    for parameter, value in getattr(ours, name)().get_params().items():
        if parameter != "mode":
            assert PARAMETERS[parameter].default == value


@pytest.mark.parametrize("name", NAMES)
def test_tags_equal_scikit_learns(name: str) -> None:
    for settings in ({}, {"metric": "precomputed"}, {"metric": "nan_euclidean"}):
        mine, reference = (get_tags(getattr(module, name)(**settings)) for module in (ours, theirs))
        assert mine.input_tags == reference.input_tags
        assert mine.classifier_tags == reference.classifier_tags
        assert mine.regressor_tags == reference.regressor_tags
        assert mine.estimator_type == reference.estimator_type
        assert mine.target_tags.required == reference.target_tags.required
    assert is_classifier(ours.KNeighborsClassifier()) and is_regressor(ours.KNeighborsRegressor())


@pytest.mark.parametrize("name", NAMES)
def test_fitted_attributes_equal_scikit_learns(name: str) -> None:
    frame = pandas.DataFrame(ROWS, columns=IRIS.feature_names)
    mine = getattr(ours, name)(p=3).fit(frame, LABELS)
    reference = getattr(theirs, name)(p=3).fit(frame, LABELS)
    public = {attribute for attribute in vars(reference) if attribute.endswith("_") and attribute[0] != "_"}
    assert public <= set(vars(mine))
    for attribute in public - {"effective_metric_params_"}:
        np.testing.assert_array_equal(getattr(mine, attribute), getattr(reference, attribute))
    assert mine.effective_metric_params_ == reference.effective_metric_params_ == {"p": 3, "w": None}
    np.testing.assert_array_equal(mine._fit_X, reference._fit_X)
    if hasattr(reference, "_y"):
        np.testing.assert_array_equal(mine._y, reference._y)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"n_neighbors": 0}, ParameterError),
        ({"n_neighbors": 2.0}, ParameterTypeError),
        ({"n_neighbors": "3"}, ParameterTypeError),
        ({"n_neighbors": True}, ParameterTypeError),
        ({"algorithm": "magic"}, ParameterError),
        ({"algorithm": 7}, ParameterError),
        ({"leaf_size": 0}, ParameterError),
        ({"p": 0}, ParameterError),
        ({"metric": "nonsense"}, ParameterError),
        ({"metric": 3}, ParameterError),
        ({"metric_params": [1]}, ParameterTypeError),
        ({"n_jobs": 0}, ParameterError),
        ({"n_jobs": 1.5}, ParameterTypeError),
        ({"random_state": "seed"}, ParameterError),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_settings_out_of_range_are_refused_at_fit(name: str, settings: dict[str, Any], kind: type) -> None:
    model = getattr(ours, name)(**settings)
    with pytest.raises(kind) as caught:
        model.fit(ROWS, LABELS)
    (parameter,) = settings
    assert parameter in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("weights", ["sideways", 3])
def test_weights_out_of_range(weights: Any) -> None:
    for kind in (ours.KNeighborsClassifier, ours.KNeighborsRegressor):
        with pytest.raises(ParameterError, match="'weights' parameter"):
            kind(weights=weights).fit(ROWS, LABELS)


@pytest.mark.parametrize(
    "settings", [{}, {"metric": "manhattan"}, {"metric": manhattan}, {"algorithm": "ball_tree"}]
)
@pytest.mark.parametrize("name", NAMES)
def test_r49_every_class_pickles_copies_and_clones(name: str, settings: dict[str, Any]) -> None:
    """R49: pickle, deepcopy and joblib give back an estimator with the same answers, bit for bit."""
    model = getattr(ours, name)(n_neighbors=4, **settings).fit(ROWS[::3], LABELS[::3])
    expected = model.kneighbors(ROWS[:20])
    unfitted = clone(model)
    assert unfitted.get_params() == model.get_params() and not unfitted.__sklearn_is_fitted__()
    for again in (
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model, 5)),
    ):
        for one, other in zip(again.kneighbors(ROWS[:20]), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert again.get_params() == model.get_params()


def test_r49_read_only_and_mapped_rows_are_taken(tmp_path: Any) -> None:
    """R49: rows from shared memory (Ray, joblib) are read-only, and stay untouched."""
    joblib.dump(ROWS, tmp_path / "rows")
    mapped = joblib.load(tmp_path / "rows", mmap_mode="r")
    frozen = ROWS.copy()
    frozen.flags.writeable = False
    expected = ours.KNeighborsClassifier().fit(ROWS, LABELS).predict(ROWS)
    for rows in (mapped, frozen):
        model = ours.KNeighborsClassifier().fit(rows, LABELS)
        np.testing.assert_array_equal(model.predict(rows), expected)
    sparse = scipy.sparse.csr_matrix(ROWS)
    for part in (sparse.data, sparse.indices, sparse.indptr):
        part.flags.writeable = False
    np.testing.assert_array_equal(ours.KNeighborsClassifier().fit(sparse, LABELS).predict(sparse), expected)


def test_rows_are_kept_by_reference() -> None:
    model = ours.NearestNeighbors().fit(ROWS)
    assert np.shares_memory(model._fit_X, ROWS)


def test_grid_search_and_cross_validation_equal_scikit_learns() -> None:
    grid = {"n_neighbors": [1, 5, 9], "weights": ["uniform", "distance"], "p": [1, 2]}
    mine = GridSearchCV(ours.KNeighborsClassifier(), grid, cv=3, n_jobs=2).fit(ROWS, LABELS)
    reference = GridSearchCV(theirs.KNeighborsClassifier(), grid, cv=3).fit(ROWS, LABELS)
    np.testing.assert_allclose(
        mine.cv_results_["mean_test_score"], reference.cv_results_["mean_test_score"], atol=0.021
    )  # iris has ties: one flower of fifty may fall the other way
    chained = make_pipeline(StandardScaler(), ours.KNeighborsRegressor(3))
    scores = cross_val_score(chained, ROWS, LABELS, cv=3)
    expected = cross_val_score(
        make_pipeline(StandardScaler(), theirs.KNeighborsRegressor(3)), ROWS, LABELS, cv=3
    )
    np.testing.assert_allclose(scores, expected, atol=0.05)


def test_precomputed_distances_are_split_by_row_and_column() -> None:
    from sklearn.metrics import pairwise_distances

    given = cross_val_score(
        ours.KNeighborsClassifier(metric="precomputed"), pairwise_distances(ROWS), LABELS, cv=4
    )
    measured = cross_val_score(ours.KNeighborsClassifier(), ROWS, LABELS, cv=4)
    np.testing.assert_allclose(given, measured, atol=0.03)


def test_inside_other_estimators() -> None:
    both = np.stack([LABELS, LABELS == 1], axis=1)
    wrapped = MultiOutputClassifier(ours.KNeighborsClassifier(3)).fit(ROWS, both)
    np.testing.assert_array_equal(
        wrapped.predict(ROWS), ours.KNeighborsClassifier(3).fit(ROWS, both).predict(ROWS)
    )


def test_feature_names_are_remembered_and_compared() -> None:
    frame = pandas.DataFrame(ROWS, columns=list("abcd"))
    model = ours.KNeighborsClassifier().fit(frame, LABELS)
    assert model.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(
        model.predict(polars.DataFrame(ROWS, schema=list("abcd"))), model.predict(frame)
    )
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(ROWS)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[list("dcba")])
    model.fit(ROWS, LABELS)
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "seuclidean", "correlation"])
def test_memory_is_stated_before_fit(metric: str, dtype: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 37)).astype(dtype)
    model = ours.NearestNeighbors(metric=metric)
    stated = model.memory_estimate(1000, 37, dtype=dtype)
    assert stated == model.fit(rows)._model.index.memory_bytes
    model.kneighbors(rows[:3])
    assert stated == model._model.index.memory_bytes
    assert (stated > 0) == (metric != "correlation")


def test_an_index_object_says_which_kind_to_use() -> None:
    pattern = BlockIndex("manhattan")
    model = ours.KNeighborsClassifier(3, algorithm=pattern, metric="manhattan").fit(ROWS, LABELS)
    assert isinstance(model._model.index, BlockIndex) and pattern.n_rows == 0  # the pattern stays empty
    expected = ours.KNeighborsClassifier(3, metric="manhattan").fit(ROWS, LABELS).predict(ROWS)
    np.testing.assert_array_equal(clone(model).fit(ROWS, LABELS).predict(ROWS), expected)
    flat = ours.NearestNeighbors(algorithm=FlatIndex("cosine"), metric="cosine").fit(ROWS)
    np.testing.assert_array_equal(
        flat.kneighbors(ROWS[:5])[1], ours.NearestNeighbors(metric="cosine").fit(ROWS).kneighbors(ROWS[:5])[1]
    )
    with pytest.raises(ParameterError, match="measures 'cosine', but metric is 'euclidean'"):
        ours.NearestNeighbors(algorithm=FlatIndex("cosine")).fit(ROWS)


def test_a_failed_fit_leaves_no_half_model() -> None:
    model = ours.KNeighborsClassifier(3).fit(ROWS, LABELS)
    expected = model.predict(ROWS[:9])
    with pytest.raises(ValueError):
        model.fit(ROWS, LABELS[:-1])
    np.testing.assert_array_equal(model.predict(ROWS[:9]), expected)
