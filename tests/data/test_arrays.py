# SPDX-License-Identifier: Apache-2.0
"""Arrays, nested lists, sparse matrices and .npy files: the dtype rule, batches, refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sparse

from kneighbors import data
from kneighbors.errors import DataError, DataTypeError, ParameterError

ROWS = np.array([[1.0, 2.5, -3.0], [4.0, 0.0, 6.0], [0.0, 8.0, 9.5], [7.0, 7.0, 7.0]])


@pytest.mark.parametrize(
    "dtype, expected",
    [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), (">f8", "f8"), (">f4", "f4"), ("?", "f8")]
    + [(kind + size, "f8") for kind in "iu" for size in "1248"],
)
def test_dtype_rule(dtype: str, expected: str) -> None:
    """decisions, "Input": float16 and float32 as float32; float64, integers (and booleans) as float64."""
    rows = np.abs(ROWS).astype(dtype)
    source = data.open(rows)
    batch = source.read()
    assert batch.features.dtype == source.feature_dtype == np.dtype(expected)
    assert batch.features.dtype.isnative
    assert np.array_equal(batch.features, rows.astype(expected))


def test_layouts_give_the_same_rows() -> None:
    read_only = ROWS.copy()
    read_only.flags.writeable = False
    for rows in (
        ROWS.tolist(),
        (*tuple(map(tuple, ROWS.tolist())),),
        np.asfortranarray(ROWS),
        np.repeat(ROWS, 2, axis=0)[::2],
        np.repeat(ROWS, 2, axis=1)[:, ::2],
        ROWS[::-1][::-1],
        read_only,
        np.matrix(ROWS),
        sparse.csr_matrix(ROWS),
        sparse.csc_array(ROWS),
        sparse.coo_matrix(ROWS),
        sparse.lil_array(ROWS),
        memoryview_like(ROWS),
    ):
        batch = data.open(rows).read()
        assert batch.features.tolist() == ROWS.tolist()
        assert batch.features.flags.c_contiguous and type(batch.features) is np.ndarray


def memoryview_like(rows: np.ndarray):
    """Something that only offers ``__array__``."""

    class Thing:
        def __array__(self, dtype=None, copy=None):
            return rows

    return Thing()


def test_batches_of_an_array_are_views() -> None:
    batches = list(data.open(ROWS).batches(3))
    assert [batch.first_row for batch in batches] == [0, 3] and [len(batch) for batch in batches] == [3, 1]
    assert all(np.shares_memory(batch.features, ROWS) for batch in batches)


def test_labels_in_a_column_and_beside() -> None:
    batch = data.open(ROWS, label=-1).read()
    assert batch.features.tolist() == ROWS[:, :2].tolist() and batch.labels.tolist() == ROWS[:, 2].tolist()
    whole = data.open(np.array([[1, 2**53 + 1], [3, 4]]), label=1).read()
    assert whole.labels.dtype == np.int64 and whole.labels.tolist() == [2**53 + 1, 4]
    several = data.open(ROWS, label=[2, 0]).read()
    assert (
        several.labels.tolist() == ROWS[:, [2, 0]].tolist()
        and several.features.tolist() == ROWS[:, [1]].tolist()
    )
    source = data.open((ROWS, ["a", "b", "a", "c"]))
    assert [batch.labels.tolist() for batch in source.batches(3)] == [["a", "b", "a"], ["c"]]
    assert data.open(ROWS, columns=[2, -3]).read().features.tolist() == ROWS[:, [2, 0]].tolist()


@pytest.mark.parametrize(
    "rows, words, row",
    [
        ([1.0, 2.0], "1 dimension(s), shape (2,)", None),
        (np.zeros((2, 2, 2)), "3 dimension(s)", None),
        (np.float64(3.0), "0 dimension(s)", None),
        ([[1, 2], [3, 4], [5]], "row 2 has 1 values where row 0 has 2", 2),
        (np.zeros((0, 3)), "0 rows of 3 features", None),
        (np.zeros((3, 0)), "no feature column", None),
        (
            [[1.0, float("nan")], [float("nan"), 2.0]],
            "row 0, column 1 (counting from 0): found NaN (2 such values",
            0,
        ),
        ([[1.0, 2.0], [float("inf"), 2.0]], "row 1, column 0 (counting from 0): found infinity", 1),
        (
            sparse.csr_matrix([[0.0, 1.0], [float("-inf"), 0.0]]),
            "row 1, column 0 (counting from 0): found -infinity",
            1,
        ),
        (np.array([[1.0], [65_504.0], [np.inf]], dtype=np.float16), "row 2, column 0", 2),
    ],
)
def test_refusals(refused, rows, words: str, row: int | None) -> None:
    error = refused(rows)
    assert words in str(error) and error.row == row


@pytest.mark.parametrize(
    "rows",
    [
        ROWS.astype(object),
        ROWS.astype(complex),
        ROWS.astype(str),
        ROWS.astype("S"),
        ROWS.astype("M8[s]"),
        ROWS.astype("m8[s]"),
        ROWS.astype(np.longdouble),
        np.zeros((2, 2), dtype=[("a", "f8")]),
        [[1, None], [2, 3]],
        [["a", "b"]],
        sparse.csr_matrix(ROWS.astype(complex)),
        None,
        3 + 4j,
        {"a": [1, 2]},
        object(),
        (x for x in [[1.0]]),
    ],
)
def test_types_that_have_no_distance(rows) -> None:
    """The input table: object, text and complex dtypes are a TypeError (and a DataError)."""
    with pytest.raises((DataTypeError, DataError)) as caught:
        data.open(rows)
    assert isinstance(caught.value, TypeError) or np.ndim(rows) == 0


def test_the_row_of_a_refusal_counts_from_the_start_of_the_source() -> None:
    rows = np.ones((1_000, 2))
    rows[777, 1] = np.nan
    with pytest.raises(DataError, match="row 777, column 1") as caught:
        list(data.open(rows).batches(100, first_row=5_000))
    assert (caught.value.row, caught.value.column) == (777, 1)


def test_missing_values_where_allowed() -> None:
    rows = np.array([[np.nan, 1.0], [2.0, np.nan]])
    assert np.array_equal(data.open(rows, allow_nan=True).read().features, rows, equal_nan=True)
    rows[1, 0] = np.inf
    with pytest.raises(DataError, match=r"row 1, column 0.*infinity"):
        data.open(rows, allow_nan=True).read()


def test_r27_float32_on_request_is_range_checked() -> None:
    """R27: narrowing never makes a silent infinity."""
    most = float(np.finfo(np.float32).max)
    assert data.open([[most, -most, 1e-46]], dtype="float32").read().features.tolist() == [[most, -most, 0.0]]
    assert data.open(ROWS.astype(np.float32), dtype="float64").read().features.dtype == np.float64
    for beyond in (most * 1.0000001, -1e39, 1e308):
        with pytest.raises(DataError, match=r"row 1, column 0 .*float32's range") as caught:
            data.open([[1.0, 2.0], [beyond, 3.0]], dtype="float32").read()
        assert (caught.value.row, caught.value.column) == (1, 0)
    assert data.open([[2**62]], dtype="float32").read().features.tolist() == [[float(2**62)]]
    with pytest.raises(ParameterError, match="dtype"):
        data.open(ROWS, dtype="int64")


def test_nan_stays_nan_as_float32() -> None:
    found = data.open([[np.nan, 1.0]], dtype="float32", allow_nan=True).read().features
    assert np.isnan(found[0, 0]) and found.dtype == np.float32


def test_no_rows_where_none_is_fine() -> None:
    source = data.open(np.zeros((0, 3), dtype=np.float32), allow_empty=True)
    assert list(source.batches()) == []
    assert source.read().features.shape == (0, 3) and source.read().features.dtype == np.float32


def test_large_sums_are_no_refusal() -> None:
    """The quick check adds everything up; an overflowing sum must only lead to a closer look."""
    rows = np.full((10, 2), 1.7e308)
    assert data.open(rows).read().features.tolist() == rows.tolist()
    rows = np.array([[1.7e308, 1.7e308], [-1.7e308, -1.7e308]])
    assert data.open(rows).read().features.tolist() == rows.tolist()


def test_arrays_need_neither_arrow_nor_pandas() -> None:
    """Everything heavy is loaded when first used."""
    code = (
        "import sys, numpy as np; from kneighbors import data; data.open((np.ones((3, 2)), [1, 2, "
        "3])).read();"
        "print(sorted({'pyarrow', 'pandas', 'polars', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# --- .npy files


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path: Path, dtype: str, order: str) -> None:
    rows = np.asarray(np.trunc(ROWS), dtype=dtype, order=order)
    np.save(tmp_path / "rows.npy", rows)
    source = data.open(tmp_path / "rows.npy", label=0)
    assert (source.n_rows, source.n_features) == (4, 2) and source.name.endswith("rows.npy")
    batches = list(source.batches(3))
    assert np.array_equal(np.concatenate([batch.features for batch in batches]), rows[:, 1:])
    assert np.array_equal(np.concatenate([batch.labels for batch in batches]), rows[:, 0])


def test_npy_is_mapped_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    batch = next(data.open(tmp_path / "rows.npy").batches(2))
    base = batch.features
    while base.base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


class Trap:
    """Unpickling this would leave a mark."""

    def __reduce__(self):
        return (open, ("trap-was-sprung", "w"))


def test_r53_pickled_npy_never_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R53: an .npy of Python objects is refused unread, also under another name."""
    monkeypatch.chdir(tmp_path)
    np.save("objects.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    Path("objects").write_bytes(Path("objects.npy").read_bytes())
    for name in ("objects.npy", "objects"):
        with pytest.raises(DataTypeError, match="never read"):
            data.open(name)
    assert not Path("trap-was-sprung").exists()


def test_npy_refusals(tmp_path: Path, refused) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, ROWS)
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:100], whole[:6], b"\x93NUMPY\x09\x00", b"", b"PK\x03\x04", b"1,2\n"):
        path.write_bytes(content)
        assert str(path) in str(refused(path))
    for shape in (b"(4, -3)", b"(9999999999999999999, 3)", b"(4,", b"[4, 3]", b"(2**9,3)"):
        path.write_bytes(
            whole.replace(b"(4, 3)", shape.ljust(6), 1)
            if len(shape) <= 6
            else whole.replace(b"(4, 3), }" + b" " * (len(shape) - 6), shape + b", }", 1)
        )
        assert str(path) in str(refused(path)), shape
    np.save(path, ROWS.ravel())
    assert "shape (12,)" in str(refused(path))
    np.save(path, ROWS.astype(complex))
    assert "complex" in str(refused(path))


def test_cities(real_tables: Path) -> None:
    source = data.open(real_tables / "cities_2d.npy")
    assert (source.n_rows, source.n_features, source.feature_dtype) == (144_563, 2, np.float32)
    assert sum(len(batch) for batch in source.batches()) == 144_563
