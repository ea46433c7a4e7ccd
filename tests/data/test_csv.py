# SPDX-License-Identifier: Apache-2.0
"""CSV: what is read, to the bit, and what is refused, with its place."""

from __future__ import annotations

import csv
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors import data
from kneighbors.data import csv_blocks
from kneighbors.errors import DataError, DataTypeError, ParameterError


def read(text: str | bytes, **settings):
    """A batch of everything in a CSV given as text."""
    return opened(text, **settings).read()


def opened(text: str | bytes, **settings):
    return data.open(text.encode() if isinstance(text, str) else text, format="csv", **settings)


# --- what is read


def test_label_by_name_by_position_and_none() -> None:
    text = "kind,a,b\nx,1,2\ny,3,4\n"
    for label in ("kind", 0, -3, ["kind"]):
        source = opened(text, label=label)
        assert (source.feature_names, source.label_name) == (("a", "b"), "kind")
        batch = source.read()
        assert batch.features.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert batch.labels.tolist() == ["x", "y"]
    last = read("1,2,0.5\n3,4,1.5\n", label=-1)
    assert last.features.tolist() == [[1.0, 2.0], [3.0, 4.0]] and last.labels.tolist() == [0.5, 1.5]
    source = opened("1,2\n3,4\n")
    assert not source.has_labels and source.read().labels is None
    assert (source.feature_names, source.label_name, source.n_features) == (None, None, 2)


def test_several_labels() -> None:
    batch = read("a,y,z\n1,2,3\n4,5,6.5\n", label=["z", "y"])
    assert batch.labels.tolist() == [[3.0, 2.0], [6.5, 5.0]] and batch.labels.flags.c_contiguous


def test_columns_choose_and_order_the_features() -> None:
    text = "id,a,b,note\n7,1,2,text\n8,3,4,more\n"
    assert read(text, columns=["b", "a"]).features.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert read(text, columns=[2, 1], header=True, label="note").labels.tolist() == ["text", "more"]
    assert opened(text, columns=["b"]).feature_names == ("b",)


@pytest.mark.parametrize(
    "text, label, names",
    [
        ("1,2\n3,4\n", None, None),
        ("a,b\n3,4\n", None, ("a", "b")),
        (
            "A,1,2\nB,3,4\n",
            0,
            None,
        ),  # a text label is no sign of a header: only feature columns are looked at
        ("kind,x,y\nB,3,4\n", 0, ("x", "y")),
        ("1,x,y\n2,3,4\n", 0, ("x", "y")),
        ("nan,1\n2,3\n", 0, None),
        ("-1e-3,.5\n2,3\n", None, None),
        (",1\n2,3\n", 0, None),
    ],
)
def test_header_is_told_from_feature_columns(text: str, label, names) -> None:
    assert opened(text, label=label, allow_nan=True).feature_names == names


def test_header_told() -> None:
    assert opened("1,2\n3,4\n", header=True).feature_names == ("1", "2")
    assert len(read("1,2\n3,4\n", header=True)) == 1
    assert len(read("1,2\n3,4\n", header=False)) == 2
    assert opened(" a ,\tb\n3,4\n").feature_names == ("a", "b")
    with pytest.raises(ParameterError, match="header='yes'"):
        opened("1,2\n", header="yes")


def test_header_in_doubt_is_refused(refused) -> None:
    error = refused(b"x,1,2\n3,4,5\n", format="csv")
    assert "both text ('x') and numbers ('1')" in str(error) and "header=True" in str(error)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiter_is_found(delimiter: str) -> None:
    assert read("a,b\n1,2\n".replace(",", delimiter)).features.tolist() == [[1.0, 2.0]]
    assert read("a:b\n1:2\n", delimiter=":").features.tolist() == [[1.0, 2.0]]
    assert opened('"a,b;c"\t"d"\n1\t2\n').feature_names == ("a,b;c", "d")


def test_delimiter_out_of_range() -> None:
    for wrong in ("", ",,", '"', "\n", "§"):
        with pytest.raises(ParameterError, match="delimiter"):
            opened("a,b\n1,2\n", delimiter=wrong)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4\r",
        "\ufeffa,b\n1,2\n3,4\n",
        "\n\na,b\n\n1,2\n\n\n3,4\n\n",
        '"a","b"\n"1","2"\n"3","4"\n',
        'a,b\n 1 ,\t2\n"3" ,4\n'.replace('"3" ', "3 "),
        "\ufeff\r\na,b\r\n\r\n1,2\r\n3,4\r\n",
    ],
)
def test_ways_to_write_the_same_table(text: str) -> None:
    source = opened(text)
    assert source.feature_names == ("a", "b")
    assert source.count_rows() == 2
    batch = source.read()
    assert batch.features.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert batch.features.dtype == np.float64 and batch.features.flags.c_contiguous


@pytest.mark.parametrize(
    "text, value",
    [
        ("1", 1.0),
        ("+1.5", 1.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e5", 100000.0),
        ("1E-5", 1e-05),
        ("-0", -0.0),
        ("1e23", 1e23),
        ("5e-324", 5e-324),
        ("2e-324", 0.0),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("0." + "0" * 400 + "1", 0.0),
        ("1" + "0" * 300, 1e300),
        ("9007199254740993", 9007199254740992.0),
    ],
)
def test_numbers_in_every_spelling(text: str, value: float) -> None:
    found = read(f"x\n{text}\n", header=True).features[0, 0]
    assert struct.pack("<d", found) == struct.pack("<d", value)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
@settings(max_examples=300, deadline=None)
def test_r56_float64_survives_csv_bit_for_bit(values: list[float]) -> None:
    """R56, X8: what Python writes, the reader gives back to the last bit, as feature and as label."""
    text = "x,y\n" + "".join(f"{value!r},{value!r}\n" for value in values)
    batch = read(text, label="y", label_dtype="float64")
    expected = np.array(values)
    assert batch.features[:, 0].tobytes() == expected.tobytes()
    assert batch.labels.tobytes() == expected.tobytes()


def test_r56_a_hundred_thousand_random_bit_patterns() -> None:
    """R56, X8: random float64 and float32 bit patterns through text."""
    generator = np.random.default_rng(56)
    wide = generator.integers(0, 2**64, 100_000, dtype=np.uint64).view(np.float64)
    wide = wide[np.isfinite(wide)]
    text = "x\n" + "\n".join(map(repr, wide.tolist()))
    assert read(text).features.tobytes() == wide.tobytes()
    narrow = generator.integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    narrow = narrow[np.isfinite(narrow)]
    text = "x\n" + "\n".join(str(value) for value in narrow)
    assert read(text, dtype="float32").features.tobytes() == narrow.tobytes()


def test_dtype_float32_is_checked(refused) -> None:
    assert read("1.5,3e38\n", dtype="float32").features.dtype == np.float32
    error = refused(b"a,b\n1,2\n3,-4e38\n", format="csv", dtype="float32")
    assert "line 3, column 'b'" in str(error) and "float32" in str(error)
    assert (error.row, error.column) == (1, 1)
    with pytest.raises(ParameterError, match="float16"):
        opened("1,2\n", dtype="float16")


# --- labels


@pytest.mark.parametrize(
    "texts, dtype, values",
    [
        (["1", "-2", "+3"], np.int64, [1, -2, 3]),
        (["9223372036854775807", "-9223372036854775808"], np.int64, [2**63 - 1, -(2**63)]),
        (["9007199254740993", "16777217"], np.int64, [2**53 + 1, 2**24 + 1]),
        (["1", "2.5"], np.float64, [1.0, 2.5]),
        (["1.0", "-0.0"], np.float64, [1.0, -0.0]),
        (["true", "False", "TRUE"], np.bool_, [True, False, True]),
        (["1", "a"], np.object_, ["1", "a"]),
        (["0x10", "1_0"], np.object_, ["0x10", "1_0"]),
        ([" a", "b "], np.object_, [" a", "b "]),
        (["nan", "inf"], np.object_, ["nan", "inf"]),
        (["ü", "日本", "🐈"], np.object_, ["ü", "日本", "🐈"]),
        ([" 7", "8 "], np.int64, [7, 8]),
    ],
)
def test_r40_labels_are_exact_and_keep_their_kind(texts, dtype, values) -> None:
    """R40, X8: no label goes through a float."""
    text = "x,y\n" + "".join(f"1,{label}\n" for label in texts)
    source = opened(text, label="y")
    labels = source.read().labels
    assert labels.dtype == source.label_dtype == dtype
    assert labels.tolist() == values
    if dtype is np.float64:
        assert labels.tobytes() == np.array(values).tobytes()


def test_label_dtype_told() -> None:
    text = "x,y\n1,007\n1,08\n"
    assert read(text, label="y").labels.tolist() == [7, 8]
    assert read(text, label="y", label_dtype="string").labels.tolist() == ["007", "08"]
    assert read(text, label="y", label_dtype="float64").labels.dtype == np.float64
    with pytest.raises(ParameterError, match="label_dtype='int8'"):
        opened(text, label_dtype="int8")


def test_quoted_labels_keep_their_text() -> None:
    text = 'y,x\n"a,b",1\n"line\nend",2\n"say ""no""",3\n"",4\n'
    assert read(text[: text.rindex('""')], label="y").labels.tolist() == ["a,b", "line\nend", 'say "no"']


def long_text(first: str, last: str, n: int = 20_000) -> str:
    """So many rows that the last lies far beyond what is looked at for the kind of the labels."""
    return "x,y\n" + f"1.25,{first}\n" * n + f"1.25,{last}\n"


def test_whole_numbers_widen_when_a_fraction_turns_up_late() -> None:
    source = opened(long_text("3", "2.5"), label="y")
    assert source.label_dtype == np.int64
    labels = source.read().labels
    assert labels.dtype == np.float64 and labels[-1] == 2.5 and set(labels[:-1].tolist()) == {3.0}
    assert source.label_dtype == np.float64
    kinds = {batch.labels.dtype for batch in source.batches(1_000)}
    assert kinds == {np.dtype(np.float64)}


@pytest.mark.parametrize(
    "first, last, settings, words",
    [
        ("3", "cat", {}, "found the label 'cat'; expected a number"),
        ("3", "cat", {"label_dtype": "int64"}, "label_dtype='int64' was asked for"),
        ("3", "2.5", {"label_dtype": "int64"}, "expected a whole number"),
        ("2.5", "cat", {}, "expected a number"),
        ("true", "maybe", {}, "expected true or false"),
        ("3", "", {}, "no label"),
        ("cat", "", {}, "no label"),
        ("cat", '""', {}, "no label"),
        ("cat", "   ", {}, "no label"),
        ("3", "nan", {}, "'nan'"),
        ("2.5", "inf", {}, "'inf'"),
        ("2.5", "1e999", {}, "within float64's range"),
        ("3", "9223372036854775808", {}, "fits 64 bits"),
        ("3", "-9223372036854775809", {}, "fits 64 bits"),
        ("3", "1" * 300, {}, "fits 64 bits"),
    ],
)
def test_labels_refused_far_down(refused, first, last, settings, words) -> None:
    error = refused(long_text(first, last).encode(), format="csv", label="y", **settings)
    assert "line 20002, column 'y'" in str(error), str(error)
    assert words in str(error) or words.replace("a whole number", "a number") in str(error), str(error)
    assert (error.row, error.column) == (20_000, 1)


def test_whole_numbers_beyond_float64_do_not_join_fractions(refused) -> None:
    error = refused(long_text("9007199254740993", "2.5").encode(), format="csv", label="y")
    assert "2**53" in str(error)


# --- refusals


@pytest.mark.parametrize(
    "text, place, found, advice",
    [
        ("a,b\n1,2\n3\n", "line 3", "1 fields; expected 2", "a line that was cut"),
        ("a,b\n1,2,3\n", "line 2", "3 fields; expected 2", "quote such values"),
        ("a,b\n1,2\n,4\n", "line 3, column 'a'", "an empty cell", "allow_nan=True"),
        ('a,b\n1,2\n"",4\n', "line 3, column 'a'", "an empty cell", "allow_nan=True"),
        ("a,b\n1,2\n \t,4\n", "line 3, column 'a'", "an empty cell", "allow_nan=True"),
        ("a,b\n1,2\n3,NA\n", "line 3, column 'b'", "'NA', a missing value", "allow_nan=True"),
        ("a,b\n1,2\n3,nan\n", "line 3, column 'b'", "'nan'", "allow_nan=True"),
        ("a,b\n1,2\n3,-NaN\n", "line 3, column 'b'", "'-NaN'", "allow_nan=True"),
        ("a,b\n1,2\n3,inf\n", "line 3, column 'b'", "'inf'", "Fill in or drop"),
        ("a,b\n1,2\n3,-Infinity\n", "line 3, column 'b'", "'-Infinity'", "Fill in or drop"),
        ("a,b\n1,2\n3,1e400\n", "line 3, column 'b'", "'1e400', which is beyond float64's range", ""),
        ("a,b\n1,2\n3,cat\n", "line 3, column 'b'", "'cat'", "columns=[...]"),
        ('a,b\n1,2\n3,"cat, dog"\n', "line 3, column 'b'", "'cat, dog'", "columns=[...]"),
        ('a;b\n1;2\n3;"1,5"\n', "line 3, column 'b'", "'1,5'", "decimal point"),
        ("a,b\n1,2\n3,0x1F\n", "line 3, column 'b'", "'0x1F'", ""),
        ("a,b\n1,2\n3,1_000\n", "line 3, column 'b'", "'1_000'", ""),
        ("a,b\n1,2\n3,\u0661\n", "line 3, column 'b'", "'\u0661'", ""),
        ("a,b\n1,2\n3,1\u00a0\n", "line 3, column 'b'", "'1\\xa0'", ""),
        ("1,2\n3,x\n", "line 2, column 1 (counting from 0)", "'x'", ""),
        (",2\n3,4\n", "line 1, column 0 (counting from 0)", "an empty cell", "header=True"),
        ("a,b\n1,2\n\n\n3,x\n", "line 5, column 'b'", "'x'", ""),
        ('a,b\n"1\n",2\n3,4\n', "line 2, column 'a'", "'1\\n'", ""),
        ('note,b\n"1\n2",2\n3,x\n', "line 2, column 'note'", "'1\\n2'", ""),
        ('a,b\n1,2\n"3,4\n5,6\n', "line 3", "1 fields; expected 2", "a quote"),
        ("a,b\n1,2\n" + "9" * 5_000 + "x,4\n", "line 3, column 'a'", "(5001 characters)", ""),
        ("a,b\n1,2\n3," + "x" * 200_000 + "\n", "line 3", "field larger than field limit", "quote"),
    ],
)
def test_cells_and_lines_that_are_refused(refused, text: str, place: str, found: str, advice: str) -> None:
    """The input table for CSV: line, column, what was found, what was expected, what to do."""
    error = refused(text.encode(), format="csv")
    message = str(error)
    assert message.startswith(f"CSV text, {place}"), message
    assert found in message and advice in message, message
    assert type(error) is DataError


def test_the_line_is_right_behind_quoted_line_ends_and_far_down(refused) -> None:
    text = 'y,a\n"x\ny",1\n' + "z,2.5\n" * 30_000 + '"p\n\nq",bad\n' + "z,bad\n" * 3
    error = refused(text.encode(), format="csv", label="y")
    assert "line 30004, column 'a': found 'bad'" in str(error)
    assert "(4 such cells in this block of lines.)" in str(error)
    assert (error.row, error.column) == (30_001, 1)
    error = refused(("a,b\n" + "1.25,2.5\n" * 300_000 + "1,nan\n").encode(), format="csv")
    assert "line 300002, column 'b': found 'nan'" in str(error) and error.row == 300_000


@pytest.mark.parametrize("text", ["", "\n", "\r\n\r\n", "\ufeff", "\ufeff\n\n"])
def test_an_empty_file_is_refused(refused, text: str) -> None:
    assert "is empty" in str(refused(text.encode(), format="csv"))
    assert "is empty" in str(refused(text.encode(), format="csv", allow_empty=True))


@pytest.mark.parametrize("text", ["a,b", "a,b\n", "a,b\r\n\r\n", "\n\na,b\n\n"])
def test_only_a_header(refused, text: str) -> None:
    error = refused(text.encode(), format="csv")
    assert "0 rows of 2 features" in str(error) and "allow_empty=True" in str(error)
    source = opened(text, allow_empty=True, label="b")
    assert (source.n_rows, source.feature_names) == (0, ("a",))
    assert source.read().features.shape == (0, 1) and list(source.batches()) == []


def test_column_names_that_are_refused(refused) -> None:
    error = refused(b"a,b,a\n1,2,3\n", format="csv")
    assert "columns 0 and 2 (counting from 0) are both named 'a'" in str(error)
    error = refused(b",a\n0,1\n", format="csv", header=True)
    assert "has no name" in str(error) and "index=False" in str(error)
    assert read(",a\n0,1\n", columns=["a"]).features.tolist() == [[1.0]]
    assert "no feature column" in str(refused(b"y\n1\n", format="csv", label="y"))


@pytest.mark.parametrize(
    "content, words",
    [
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,2\n".encode("utf-32"), "UTF-32"),
        ("a,b\n1,2\n".encode("utf-16-le"), "NUL"),
        ("naïve,b\n1,2\n".encode("latin-1"), "line 1: found the byte 0xef"),
        ("a,b\n1,2\nä,2\n".encode("latin-1"), "line 3: found the byte 0xe4"),
        (b"a,b\n1,2\n3,\x004\n", "line 3: found a NUL byte"),
        (b"PAR1\x15\x04,1\n", "Parquet"),
        (b"\x93NUMPY\x01\x00,1\n", ".npy"),
    ],
)
def test_other_encodings_and_formats(refused, content: bytes, words: str) -> None:
    assert words in str(refused(content, format="csv"))


def test_bytes_need_a_format() -> None:
    with pytest.raises(DataTypeError, match="format='csv'"):
        data.open(b"a,b\n1,2\n")


def test_missing_values_where_they_are_allowed() -> None:
    cells = ["", "nan", "NaN", "-nan", "NA", "N/A", "null", "None", "<NA>", '""', " "]
    text = "a,b\n" + "".join(f"{cell},1\n" for cell in cells)
    features = read(text, allow_nan=True).features
    assert np.isnan(features[:, 0]).all() and (features[:, 1] == 1.0).all()
    with pytest.raises(DataError, match="line 3, column 'b': found 'inf'"):
        read("a,b\n,1\n2,inf\n", allow_nan=True)
    with pytest.raises(DataError, match="line 3, column 'b': found 'x'"):
        read("a,b\n,1\n2,x\n", allow_nan=True)
    assert np.isnan(read("a\nnan\n1\n", allow_nan=True, dtype="float32").features[0, 0])


def test_a_record_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, refused) -> None:
    monkeypatch.setattr(csv_blocks, "MAX_RECORD", 1 << 20)
    assert "longer than 1 MiB" in str(refused(b"1," * (1 << 20), format="csv"))
    text = b'a,b\n1,2\n3,"' + b"x\n" * (2 << 20)
    assert "line 3: found a record longer than 1 MiB" in str(refused(text, format="csv"))


# --- in blocks


def test_a_wide_table(tmp_path: Path) -> None:
    """Records longer than the head that is looked at first."""
    rows = np.random.default_rng(0).normal(size=(3, 40_000))
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(",".join(map(repr, row)) for row in rows.tolist()))
    source = data.open(path)
    assert source.n_features == 40_000
    assert source.read().features.tobytes() == rows.tobytes()


def test_progress_counts_rows_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "1.25,2\n" * 400_000)
    seen: list[tuple[int, int | None, int]] = []
    source = data.open(path)
    assert source.n_rows is None and source.n_bytes == path.stat().st_size
    for batch in source.batches(100_000, progress=lambda *report: seen.append(report)):
        assert seen[-1][0] == batch.first_row + len(batch)
    assert [rows for rows, _, _ in seen] == [100_000, 200_000, 300_000, 400_000]
    assert seen[0][1] is None and source.n_rows == 400_000
    done = [count for _, _, count in seen]
    assert done == sorted(done) and done[-1] == path.stat().st_size and done[0] < done[-1]


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
def test_any_block_size_gives_the_same_rows(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    generator = np.random.default_rng(block)
    rows = generator.integers(-99, 99, size=(60, 2))
    labels = ["a", 'b "q"', "c,\nd", "", "\n\n", "e\r\nf", '"']
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["y", "p", "q"])
    kept = [labels[i % len(labels)] or "none" for i in range(60)]
    for label, row in zip(kept, rows.tolist(), strict=True):
        writer.writerow([label, *row])
    kept = ["\n\n" if label == "\n\n" else label for label in kept]
    source = opened(file.getvalue(), label="y")
    monkeypatch.setattr(
        csv_blocks.blocks, "__kwdefaults__", {**csv_blocks.blocks.__kwdefaults__, "size": block}
    )
    if any(not label.strip() for label in kept):
        with pytest.raises(DataError, match="no label"):
            source.read()
        text = file.getvalue().replace('"\n\n"', "x")
        kept = [label if label.strip() else "x" for label in kept]
        source = opened(text, label="y")
    batch = source.read()
    assert np.array_equal(batch.features, rows) and batch.labels.tolist() == kept
    assert source.count_rows() == 60


def test_counting_agrees_with_reading_where_lines_are_odd() -> None:
    for text in ("1\n2\n", "1\n2", "\n\n1\n\n2\n\n", "1\r\n\r\n2\r\n", "1\r2\r", '"1"\n"2"', "\n1\n2"):
        assert opened(text).count_rows() == len(read(text)) == 2, text


# --- the shared tables


@pytest.mark.parametrize(
    "name, n_rows, n_features, dtype",
    [
        ("letter.csv", 20_000, 16, np.int64),
        ("forest_cover_15k.csv", 15_120, 54, np.int64),
        ("california_housing.csv", 20_640, 8, np.float64),
    ],
)
def test_real_tables(real_tables: Path, name: str, n_rows: int, n_features: int, dtype) -> None:
    source = data.open(real_tables / name, label=0)
    batch = source.read()
    assert batch.features.shape == (n_rows, n_features) and source.count_rows() == n_rows
    assert batch.labels.dtype == dtype
    with (real_tables / name).open(newline="") as file:
        records = list(csv.reader(file))
    if name == "california_housing.csv":
        assert source.feature_names == tuple(records.pop(0)[1:])
    else:
        assert source.feature_names is None
    assert np.array_equal(batch.features, np.array([[float(cell) for cell in row[1:]] for row in records]))


def test_a_name_where_the_first_line_is_a_row_of_numbers():
    for text in (b"1.5,2,0\n2.5,3,1\n", b"1.5,2,cat\n2.5,3,dog\n"):
        with pytest.raises(DataError, match="'kind', but the first line holds no names") as told:
            data.open(text, format="csv", label="kind")
        assert "'1.5', '2'" in str(told.value) and "a position, counting from 0" in str(told.value)
    with pytest.raises(DataError, match=r"The columns are '1\.5', '2', '0'"):
        data.open(b"1.5,2,0\n2.5,3,1\n", format="csv", label="kind", header=True)
    years = data.open(b"2019,2020,kind\n1,2,0\n", format="csv", label="kind")
    assert years.feature_names == ("2019", "2020") and years.label_names == ("kind",)
