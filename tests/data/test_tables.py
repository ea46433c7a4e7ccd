# SPDX-License-Identifier: Apache-2.0
"""pandas, polars and Arrow: columns by name, types, missing values, labels beside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from kneighbors import data
from kneighbors.errors import DataError, DataTypeError, ParameterError

COLUMNS = {"a": [1.0, 2.0, 3.5], "b": [4, 5, 6], "y": ["u", "v", "w"]}
MAKERS = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": pa.table,
    "record batch": pa.record_batch,
    "pandas of Arrow": lambda columns: pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype),
    "chunks": lambda columns: pa.concat_tables([pa.table(columns).slice(0, 1), pa.table(columns).slice(1)]),
}
each_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


@each_kind
@pytest.mark.parametrize("size", [1, 2, 100])
def test_names_features_and_labels(make, size: int) -> None:
    source = data.open(make(COLUMNS), label="y")
    assert (source.feature_names, source.label_name) == (("a", "b"), "y")
    assert (source.n_rows, source.n_features, source.feature_dtype) == (3, 2, np.float64)
    assert source.label_dtype == np.dtype(object) and source.has_labels
    batches = list(source.batches(size))
    assert np.concatenate([batch.features for batch in batches]).tolist() == [
        [1.0, 4.0],
        [2.0, 5.0],
        [3.5, 6.0],
    ]
    assert np.concatenate([batch.labels for batch in batches]).tolist() == ["u", "v", "w"]
    assert all(batch.features.flags.c_contiguous for batch in batches)
    chosen = data.open(make(COLUMNS), columns=["b", "a"]).read()
    assert chosen.features.tolist() == [[4.0, 1.0], [5.0, 2.0], [6.0, 3.5]] and chosen.labels is None


@each_kind
def test_text_in_a_feature_column(make) -> None:
    with pytest.raises(DataTypeError, match="column 'y'") as caught:
        data.open(make(COLUMNS))
    assert caught.value.column == 2


@each_kind
def test_missing_values(make) -> None:
    table = make({"a": pa.array([1.0, None, 3.0]).to_pylist(), "b": [1, 2, None]})
    with pytest.raises(DataError, match="row 1, column 'a'") as caught:
        data.open(table).read()
    assert (caught.value.row, caught.value.column) == (1, 0)
    found = data.open(table, allow_nan=True).read().features
    assert np.array_equal(found, [[1, 1], [np.nan, 2], [3, np.nan]], equal_nan=True)


@each_kind
def test_infinity_and_missing_labels(make) -> None:
    with pytest.raises(DataError, match=r"row 2, column 'a'.*infinity"):
        data.open(make({"a": [1.0, 2.0, float("inf")]}), allow_nan=True).read()
    for labels in (["x", None, "z"], [1.5, None, 2.0], [1, None, 3], [True, None, False]):
        with pytest.raises(DataError, match="row 1"):
            data.open(make({"a": [1.0, 2.0, 3.0], "y": labels}), label="y").read()


@each_kind
@pytest.mark.parametrize(
    "labels, dtype",
    [
        ([2**63 - 1, -(2**63), 2**53 + 1], np.int64),
        ([True, False, True], np.bool_),
        ([0.5, -0.0, 5e-324], np.float64),
    ],
)
def test_r40_labels_keep_their_kind(make, labels, dtype) -> None:
    source = data.open(make({"a": [1.0, 2.0, 3.0], "y": labels}), label="y")
    found = source.read().labels
    assert found.dtype == source.label_dtype == dtype and found.tolist() == labels
    assert found.tobytes() == np.array(labels, dtype=dtype).tobytes()


@each_kind
def test_no_rows(make) -> None:
    empty = make({"a": pa.array([], pa.float64()).to_numpy(), "b": pa.array([], pa.float64()).to_numpy()})
    with pytest.raises(DataError, match="0 rows of 2 features"):
        data.open(empty)
    assert data.open(empty, allow_empty=True).read().features.shape == (0, 2)


@pytest.mark.parametrize(
    "types, expected",
    [
        ((pa.float32(), pa.float32()), np.float32),
        ((pa.float16(), pa.float32()), np.float32),
        ((pa.float32(), pa.float64()), np.float64),
        ((pa.float32(), pa.int8()), np.float64),
        ((pa.bool_(), pa.uint64()), np.float64),
    ],
)
def test_dtype_rule_over_columns(types, expected) -> None:
    table = pa.table(
        {name: pa.array([1, 0], pa.int8()).cast(kind) for name, kind in zip("ab", types, strict=True)}
    )
    source = data.open(table)
    assert source.feature_dtype == source.read().features.dtype == expected
    assert source.read().features.tolist() == [[1.0, 1.0], [0.0, 0.0]]
    frame = table.to_pandas()
    assert data.open(frame).read().features.dtype == expected


@pytest.mark.parametrize(
    "kind",
    [pa.decimal128(5, 2), pa.date32(), pa.timestamp("s"), pa.binary(), pa.list_(pa.float64()), pa.null()],
)
def test_arrow_types_that_are_no_numbers(kind) -> None:
    table = pa.table({"a": [1.0], "b": pa.array([None], kind)})
    with pytest.raises(DataTypeError, match="column 'b': found a column of type"):
        data.open(table)
    with pytest.raises(DataTypeError, match="column 'b': found labels of type"):
        data.open(table, label="b")


@each_kind
def test_float32_range(make) -> None:
    with pytest.raises(DataError, match=r"row 1, column 'a'.*float32"):
        data.open(make({"a": [1.0, 1e39]}), dtype="float32").read()


def test_arrow_columns_named_twice() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="both named 'a'"):
        data.open(table)
    with pytest.raises(DataError, match="both named 'a'"):
        data.open(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_sliced_and_dictionary_arrow_columns() -> None:
    table = pa.table({"a": [0.0, 1.0, 2.0, 3.0], "f": [True, True, False, True], "y": ["p", "q", "p", "r"]})
    table = table.set_column(2, "y", table.column("y").dictionary_encode()).slice(1, 2)
    batch = data.open(table, label="y").read()
    assert batch.features.tolist() == [[1.0, 1.0], [2.0, 0.0]] and batch.labels.tolist() == ["q", "p"]


# --- pandas only


def test_pandas_object_columns() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "o": pd.Series([1, "x"], dtype=object)})
    with pytest.raises(DataTypeError, match="column 'o': found Python objects"):
        data.open(frame)
    with pytest.raises(
        DataTypeError, match=r"row 1, column 'o': found the label 'x' .text. after whole numbers"
    ):
        data.open(frame, label="o")
    frame["o"] = pd.Series(["p", "q"], dtype=object)
    assert [batch.labels.tolist() for batch in data.open(frame, label="o").batches(1)] == [["p"], ["q"]]
    frame["o"] = pd.Series([2**63 - 1, 5], dtype=object)
    assert data.open(frame, label="o").read().labels.tolist() == [2**63 - 1, 5]


def test_pandas_index_is_no_feature_and_numbers_are_no_names() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=[10, 20])
    assert data.open(frame).read().features.tolist() == [[1.0], [2.0]]
    numbered = data.open(pd.DataFrame([[1.0, 2.0]]), label=1)
    assert numbered.feature_names is None and numbered.read().labels.tolist() == [2.0]


def test_pandas_extension_types() -> None:
    frame = pd.DataFrame(
        {
            "i": pd.array([1, 2], dtype="Int64"),
            "f": pd.array([1.5, 2.5], dtype="Float32"),
            "b": pd.array([True, False], dtype="boolean"),
            "y": pd.Categorical(["u", "v"]),
        }
    )
    batch = data.open(frame, label="y").read()
    assert batch.features.tolist() == [[1.0, 1.5, 1.0], [2.0, 2.5, 0.0]] and batch.labels.tolist() == [
        "u",
        "v",
    ]


# --- pairs


@pytest.mark.parametrize(
    "labels",
    [
        ["u", "v", "w"],
        ("u", "v", "w"),
        np.array(["u", "v", "w"]),
        np.array(["u", "v", "w"], dtype=object),
        pd.Series(["u", "v", "w"], name="kind"),
        pd.Series(["u", "v", "w"], dtype=object),
        pd.Series(["u", "v", "w"], dtype="category"),
        pl.Series(["u", "v", "w"]),
        pa.array(["u", "v", "w"]),
        pa.chunked_array([["u"], ["v", "w"]]),
    ],
    ids=lambda labels: type(labels).__module__ + "." + type(labels).__name__,
)
def test_labels_beside_the_rows(labels) -> None:
    for rows in (np.ones((3, 2)), pd.DataFrame({"a": [1, 2, 3]}), b"1\n2\n3\n"):
        source = data.open((rows, labels), format="csv" if isinstance(rows, bytes) else None)
        assert source.label_dtype.kind in "UO"
        assert [part.labels.tolist() for part in source.batches(2)] == [["u", "v"], ["w"]]
    assert source.label_name == ("kind" if getattr(labels, "name", None) == "kind" else None)


def test_labels_of_another_length(refused) -> None:
    assert "found 2 labels for 3 rows" in str(refused((np.ones((3, 2)), [1, 2])))
    assert "found 4 labels for 3 rows" in str(refused((np.ones((3, 2)), [1, 2, 3, 4])))
    assert "found 2 labels for 3 rows" in str(refused((b"1\n2\n3\n", [1, 2]), format="csv"))
    assert "found 4 labels for 3 rows" in str(refused((b"1\n2\n3\n", [1, 2, 3, 4]), format="csv"))


def test_a_pair_takes_no_label_column() -> None:
    with pytest.raises(ParameterError, match="one or the other"):
        data.open((np.ones((2, 2)), [1, 2]), label=0)


def test_what_is_no_table() -> None:
    with pytest.raises(DataTypeError, match="Collect it first"):
        data.open(pl.DataFrame(COLUMNS).lazy())
    for column in (pl.Series([1.0]), pd.Series([1.0]), pa.array([1.0]), pa.chunked_array([[1.0]])):
        with pytest.raises(DataTypeError, match="not one column"):
            data.open(column)
