# SPDX-License-Identifier: Apache-2.0
"""The random projections as scikit-learn transformers: every check it yields, and what it does not check."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from kneighbors import reduce
from kneighbors.errors import ParameterError, ParameterTypeError
from kneighbors.reduce import FastJohnsonLindenstrauss, SignProjection

TRANSFORMERS = [SignProjection, FastJohnsonLindenstrauss]
both = pytest.mark.parametrize("transformer", TRANSFORMERS)
X = np.random.default_rng(0).standard_normal((50, 20))


@parametrize_with_checks(
    [make(**settings) for make in TRANSFORMERS for settings in ({}, {"n_components": 1})]
)
def test_x9_scikit_learn_check(estimator: Any, check: Any) -> None:
    check(estimator)


@both
def test_x9_every_check_is_yielded(transformer):
    names = {
        getattr(check, "func", check).__name__
        for _, check in estimator_checks_generator(transformer(), legacy=True, expected_failed_checks={})
    }
    assert {
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
        "check_estimator_sparse_array",
    } <= names


@both
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_dataframe_column_names_consistency,
        estimator_checks.check_global_output_transform_pandas,
        estimator_checks.check_global_set_output_transform_polars,
        estimator_checks.check_set_output_transform,
        estimator_checks.check_set_output_transform_pandas,
        estimator_checks.check_set_output_transform_polars,
        estimator_checks.check_transformer_get_feature_names_out,
        estimator_checks.check_transformer_get_feature_names_out_pandas,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.filterwarnings("ignore:X has feature names", "ignore:X does not have valid feature names")
def test_checks_that_scikit_learn_has_but_does_not_yield(transformer, check):
    check(transformer.__name__, transformer())


@both
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_gives_what_the_step_gives(transformer, dtype):
    kind = "sign" if transformer is SignProjection else "fjlt"
    rows = (8 * X).astype(dtype)
    projected = transformer(n_components=7, random_state=3).fit_transform(rows)
    expected = reduce.fit(kind, rows, 7, random_state=3).transform(rows)
    assert projected.dtype == expected.dtype and projected.tobytes() == expected.tobytes()


@both
def test_names_and_output(transformer):
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(20)])
    fitted = transformer(n_components=3).set_output(transform="pandas").fit(frame)
    projected = fitted.transform(frame)
    prefix = transformer.__name__.lower()
    assert (
        list(projected.columns) == [f"{prefix}{i}" for i in range(3)] == list(fitted.get_feature_names_out())
    )
    np.testing.assert_array_equal(projected, transformer(n_components=3).fit_transform(X))


@both
def test_the_default_keeps_at_most_128_columns(transformer):
    assert transformer().fit(X).n_components_ == 20
    assert transformer().fit(np.zeros((2, 500))).n_components_ == 128


@both
def test_refusals(transformer):
    with pytest.raises(ParameterError, match="n_components == 21, must be at most 20"):
        transformer(n_components=21).fit(X)
    name = transformer.__name__
    for wrong, kind in (
        (0, ParameterError),
        (2.0, ParameterTypeError),
        ("2", ParameterTypeError),
        (True, ParameterTypeError),
    ):
        words = (
            rf"The 'n_components' parameter of {name} must be an int in the range .* Got {wrong!r} instead"
        )
        with pytest.raises(kind, match=words):
            transformer(n_components=wrong).fit(X)
    for wrong, kind in ((-1, ParameterError), ("0", ParameterTypeError)):
        with pytest.raises(kind, match="The 'random_state' parameter"):
            transformer(random_state=wrong).fit(X)
    with pytest.raises(NotFittedError):
        transformer().transform(X)
    with pytest.raises(ValueError, match="NaN"):
        transformer().fit(np.where(X > 1, np.nan, X))


@both
def test_pickled_cloned_and_in_a_pipeline(transformer):
    fitted = transformer(n_components=5, random_state=1).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    assert clone(fitted).get_params() == {"n_components": 5, "random_state": 1}
    assert make_pipeline(StandardScaler(), transformer(n_components=5)).fit_transform(X).shape == (50, 5)


@both
def test_sparse_rows(transformer):
    rows = np.where(abs(X) < 1, 0, X)
    fitted = transformer(n_components=5).fit(scipy.sparse.csr_matrix(rows))
    np.testing.assert_array_equal(fitted.transform(scipy.sparse.csc_array(rows)), fitted.transform(rows))
