# SPDX-License-Identifier: Apache-2.0
"""``pca``: scikit-learn's fit, the core's arithmetic, plain arrays between them."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.decomposition import PCA

from kneighbors import _native, reduce
from kneighbors.errors import DataError, DataTypeError, ParameterError
from tests.reference import projections

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.standard_normal((300, 40)) * np.linspace(3, 0.1, 40) @ RANDOM.standard_normal((40, 40))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_columns", [1, 3, 8, 13, 40, 65])
def test_equals_the_judge_on_every_instruction_set(dtype, n_columns, instruction_set):
    random = np.random.default_rng(n_columns)
    rows = (
        random.standard_normal((37, n_columns)) * np.exp(4 * random.standard_normal((37, n_columns)))
    ).astype(dtype)
    mean = random.standard_normal(n_columns)
    for target_dim in {1, min(5, n_columns), n_columns}:
        components = random.standard_normal((target_dim, n_columns))
        expected = projections.linear(rows, mean, components)
        for n_threads in (1, 2, 8):
            reduced = _native.LinearProjection(mean, components).transform(rows, n_threads)
            assert reduced.dtype == dtype and reduced.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_x5_batches_never_show(dtype):
    rows = ROWS.astype(dtype)
    reducer = reduce.fit("pca", rows, 7)
    whole = reducer.transform(rows, 2)
    for size in (1, 3, 16, 17, 100):
        parts = [reducer.transform(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_gives_what_scikit_learn_gives():
    reducer = reduce.fit("pca", ROWS, 9)
    model = PCA(9, random_state=0).fit(ROWS)
    np.testing.assert_allclose(reducer.transform(ROWS), model.transform(ROWS), atol=1e-9)
    assert reducer.variance_kept == pytest.approx(model.explained_variance_ratio_.sum(), rel=1e-9)
    assert reducer.description()["variance_kept"] == reducer.variance_kept


def test_wide_rows_are_fitted_by_the_randomised_solver():
    rows = np.random.default_rng(1).standard_normal((600, 1500)) * np.linspace(5, 0.1, 1500)
    reducers = [reduce.fit("pca", rows, 10, random_state=3) for _ in range(2)]
    np.testing.assert_array_equal(reducers[0].components, reducers[1].components)
    model = PCA(10, svd_solver="randomized", random_state=3).fit(rows - rows.mean(axis=0))
    np.testing.assert_allclose(reducers[0].components, model.components_, atol=1e-8)
    assert reducers[0].seed == 3


def test_r21_a_common_offset_costs_float32_rows_nothing():
    """Centred before scikit-learn sees them; in float32 its sums of squares would drown in 1e5 squared."""
    rows = (ROWS + 1e4).astype(np.float32)
    reducer = reduce.fit("pca", rows, 5)
    exact = PCA(5).fit(rows.astype(np.float64))
    overlap = np.linalg.svd(reducer.components @ exact.components_.T, compute_uv=False)
    assert overlap.min() > 1 - 1e-6
    assert reducer.variance_kept == pytest.approx(exact.explained_variance_ratio_.sum(), rel=1e-4)
    distances = np.linalg.norm(np.diff(reducer.transform(rows), axis=0), axis=1)
    np.testing.assert_allclose(
        distances, np.linalg.norm(np.diff(exact.transform(rows), axis=0), axis=1), rtol=1e-4
    )


def test_the_rows_of_the_caller_are_left_alone():
    rows = ROWS.copy()
    reduce.fit("pca", rows, 3)
    np.testing.assert_array_equal(rows, ROWS)


def test_saved_and_loaded_from_read_only_arrays(tmp_path):
    reducer = reduce.fit("pca", ROWS.astype(np.float32), 6, random_state=11)
    arrays = {}
    for name, array in reducer.arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
        arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    rows = ROWS.astype(np.float32)
    for again in (reduce.load(reducer.description(), arrays), pickle.loads(pickle.dumps(reducer))):
        assert again.transform(rows, 2).tobytes() == reducer.transform(rows).tobytes()
        assert again.description() == reducer.description()


def test_damaged_arrays_are_refused():
    reducer = reduce.fit("pca", ROWS, 6)
    description, arrays = reducer.description(), reducer.arrays()
    spoiled = arrays["components"].copy()
    spoiled[0, 0] = np.nan
    for name, value in (
        ("mean", arrays["mean"][:-1]),
        ("mean", arrays["mean"].astype(np.float32)),
        ("components", arrays["components"].T),
        ("components", spoiled),
        ("components", None),
    ):
        broken = {key: array for key, array in {**arrays, name: value}.items() if array is not None}
        with pytest.raises(DataError, match=name):
            reduce.load(description, broken)
    for kept in (None, "0.5", 1.5, float("nan"), True):
        with pytest.raises(DataError, match="variance_kept"):
            reduce.load({**description, "variance_kept": kept}, arrays)


def test_more_columns_than_rows_are_refused():
    with pytest.raises(ParameterError, match=r"needs as many rows; there are 5"):
        reduce.fit("pca", ROWS[:5], 6)
    with pytest.raises(DataError, match="there are none"):
        reduce.fit("pca", ROWS[:0], 2)


def test_sparse_rows_are_refused_with_a_way_out():
    with pytest.raises(DataTypeError, match="Use reduce='sign'"):
        reduce.fit("pca", scipy.sparse.csr_matrix(ROWS), 2)


def test_rows_without_variance_lose_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reducer = reduce.fit("pca", np.ones((10, 4)), 2)
    assert reducer.variance_kept == 1.0
    np.testing.assert_array_equal(reducer.transform(np.ones((3, 4))), 0.0)


def test_a_result_beyond_the_range_names_its_row():
    reducer = reduce.fit("pca", ROWS, 2)
    rows = np.zeros((20, 40), dtype=np.float32)
    rows[13] = np.sign(reducer.components[0]) * 3e38
    with pytest.raises(DataError, match="Row 13 leaves the range of float32"):
        reducer.transform(rows)


def test_values_whose_squares_overflow_are_refused_with_a_way_out():
    with pytest.raises(DataError, match=r"leave the range of float64.*scale='standard'"):
        reduce.fit("pca", np.random.default_rng(0).normal(size=(50, 4)) * 1e300, 2)
