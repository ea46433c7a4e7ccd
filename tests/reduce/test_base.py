# SPDX-License-Identifier: Apache-2.0
"""What every reduction promises about the rows it takes and the form it gives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from kneighbors import reduce
from kneighbors.errors import DataError, DataTypeError
from kneighbors.reduce import base

ROWS = np.random.default_rng(0).poisson(1.0, (80, 12)).astype(np.float64)
LABELS = np.arange(80) % 3
every_kind = pytest.mark.parametrize("kind", ["sign", "fjlt", "pca", "select"])


def fitted(kind, rows=ROWS):
    return reduce.fit(kind, rows, 4, labels=LABELS)


@every_kind
def test_the_dtype_goes_through(kind):
    """float16 and float32 are taken as float32; float64, integers and booleans as float64."""
    reducer = fitted(kind)
    for given, expected in (
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.int8, np.float64),
        (np.uint64, np.float64),
        (bool, np.float64),
    ):
        reduced = reducer.transform(ROWS.astype(given))
        assert reduced.dtype == expected and reduced.shape == (80, 4)
        assert reduced.flags.c_contiguous and not np.shares_memory(reduced, ROWS)
        wide = ROWS.astype(given).astype(expected)
        np.testing.assert_array_equal(reduced, reducer.transform(wide))


@every_kind
def test_wrong_columns_say_got_and_expected(kind):
    with pytest.raises(DataError, match=r"have 11 columns; 12 are expected"):
        fitted(kind).transform(ROWS[:, :11])


@every_kind
def test_what_is_no_matrix_of_numbers_is_refused(kind):
    reducer = fitted(kind)
    with pytest.raises(DataError, match=r"two dimensions .* \(12,\)"):
        reducer.transform(ROWS[0])
    for values, words in (
        (ROWS.astype(object), "Python objects"),
        (ROWS.astype(str), "text"),
        (ROWS + 1j, "complex"),
    ):
        with pytest.raises(DataTypeError, match=words):
            reducer.transform(values)


@every_kind
def test_no_rows_give_no_rows(kind):
    reduced = fitted(kind).transform(np.empty((0, 12), dtype=np.float32))
    assert reduced.shape == (0, 4) and reduced.dtype == np.float32


@every_kind
def test_sparse_rows_answer_as_dense_ones(kind, monkeypatch):
    monkeypatch.setattr(base, "_BLOCK_BYTES", 12 * 8 * 7)  # seven rows at a time
    reducer = fitted(kind)
    for dtype in (np.float32, np.float64):
        rows = ROWS.astype(dtype)
        for sparse in (scipy.sparse.csr_matrix(rows), scipy.sparse.coo_array(rows)):
            reduced = reducer.transform(sparse, 2)
            assert reduced.dtype == dtype
            np.testing.assert_array_equal(reduced, reducer.transform(rows))


def test_overflow_in_sparse_rows_names_the_row_of_the_whole(monkeypatch):
    monkeypatch.setattr(base, "_BLOCK_BYTES", 12 * 8 * 7)
    rows = ROWS.copy()
    rows[45] = 1.7e308
    with pytest.raises(DataError, match="Row 45 leaves the range of float64") as caught:
        fitted("sign").transform(scipy.sparse.csr_matrix(rows))
    assert caught.value.row == 45


@every_kind
def test_the_description_is_plain(kind):
    import json

    reducer = fitted(kind)
    description = reducer.description()
    assert json.loads(json.dumps(description)) == description
    assert {name: description[name] for name in ("type", "seed", "input_dim", "target_dim")} == {
        "type": kind,
        "seed": 0,
        "input_dim": 12,
        "target_dim": 4,
    }
    assert kind in repr(reducer) and "12 to 4" in repr(reducer)


@every_kind
def test_memory_is_counted(kind):
    reducer = fitted(kind)
    reducer.transform(ROWS)
    held = reducer.memory_bytes
    assert held >= sum(array.nbytes for array in reducer.arrays().values())
    assert held > 0
