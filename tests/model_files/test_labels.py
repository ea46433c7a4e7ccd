# SPDX-License-Identifier: Apache-2.0
"""The labels file: X8's round trips bit for bit, and what its account in the JSON may say."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from kneighbors.errors import DataError, DataTypeError
from kneighbors.model_files import ModelContents, read, write
from kneighbors.model_files.labels import LabelsEntry, check_entry, decode, encode
from tests.model_files.small_models import LABELS, same_array


def model(labels):
    return ModelContents(1, "classifier", None, False, {}, {}, labels)


def finite_floats(n):
    rng = np.random.default_rng(8)
    bits = rng.integers(0, 2**64, n + n // 256, dtype=np.uint64, endpoint=False)
    values = bits.view(np.float64)
    return values[np.isfinite(values)][:n]


def test_x8_a_million_float64_bit_patterns(tmp_path):
    labels = finite_floats(1_000_000)
    assert len(labels) == 1_000_000
    write(tmp_path / "m", model(labels))
    assert same_array(read(tmp_path / "m").labels, labels)
    assert (tmp_path / "m" / LABELS).stat().st_size == 8_000_000


LOSSLESS = {
    "float32": finite_floats(3000).view(np.float32)[np.isfinite(finite_floats(3000).view(np.float32))],
    "float32 denormals": np.array([1e-45, -1e-45, 1.1754944e-38, 3.4028235e38], dtype=np.float32),
    "small classes": np.arange(-300, 300),
    "2^24": np.array([2**24, -(2**24), 2**24 + 2]),
    "powers of two": np.array([2**62, -(2**63), 2**40]),
    "beyond int64, in float64": np.array([2.0**100, 1.0]),
    "halves": np.array([0.5, -0.25, 1e6 + 0.5]),
    "negative zero": np.array([-0.0, 0.0]),
    "two outputs": np.array([[1.0, 2.0], [3.0, -0.0]]),
}
WIDE = {
    "2^24 + 1": np.array([2**24 + 1]),
    "2^53 + 1": np.array([2**53 + 1]),
    "largest int64": np.array([2**63 - 1, 0]),
    "largest int64 that float64 holds": np.array([2**63 - 1024]),
    "below -2^62": np.array([-(2**63) + 1]),
    "0.1": np.array([0.1]),
    "beyond float32": np.array([1e39, 1.0]),
    "below float32": np.array([1e-46, 1.0]),
    "float64 two outputs": np.array([[0.1, 1.0], [2.0, 3.0]]),
    "last of many": np.append(np.zeros(2_500_000), 0.1),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_x8_stored_as_float32_when_every_label_survives(tmp_path, name):
    labels = LOSSLESS[name]
    write(tmp_path / "m", model(labels))
    assert (tmp_path / "m" / LABELS).read_bytes() == labels.astype("<f4").tobytes()
    for mmap in (True, False):
        loaded = read(tmp_path / "m", mmap=mmap).labels
        assert same_array(loaded, labels)
        assert not loaded.flags.writeable


@pytest.mark.parametrize("name", WIDE)
def test_x8_stored_as_they_are_when_one_does_not(tmp_path, name):
    labels = WIDE[name]
    write(tmp_path / "m", model(labels))
    assert (tmp_path / "m" / LABELS).stat().st_size == labels.nbytes
    for mmap in (True, False):
        loaded = read(tmp_path / "m", mmap=mmap).labels
        assert same_array(loaded, labels)
        assert not loaded.flags.writeable


def test_x8_class_names_in_utf8(tmp_path):
    names = ["", "löwe", "日本", "😀\n\t", "\x7f", "a" * 5000]
    encoded = [name.encode() for name in names]
    contents = model(np.arange(6))
    contents.sections = {
        "classes.0.text": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        "classes.0.offsets": np.cumsum([0, *map(len, encoded)]),
    }
    write(tmp_path / "m", contents)
    loaded = read(tmp_path / "m").sections
    bounds = loaded["classes.0.offsets"].tolist()
    data = loaded["classes.0.text"].tobytes()
    assert [data[start:stop].decode() for start, stop in pairwise(bounds)] == names


def test_labels_in_any_memory_order(tmp_path):
    rng = np.random.default_rng(1)
    wide = rng.random((6, 8))
    for labels in (wide[:, ::2], np.asfortranarray(wide), wide.astype(">f8"), wide[::-1, 0]):
        write(tmp_path / "m", model(labels))
        loaded = read(tmp_path / "m").labels
        np.testing.assert_array_equal(loaded, labels)
        assert loaded.dtype == np.float64


@pytest.mark.parametrize("dtype", ["int32", "uint64", "bool", "float16", "complex128", "U3", "O"])
def test_other_label_dtypes_are_refused(tmp_path, dtype):
    with pytest.raises(DataTypeError, match=r"a model keeps float32, float64 or int64"):
        write(tmp_path / "m", model(np.ones(3).astype(dtype)))
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 2, 2)])
def test_other_label_shapes_are_refused(tmp_path, shape):
    with pytest.raises(DataError, match=r"a model keeps \(n,\) or \(n, n_outputs\)"):
        write(tmp_path / "m", model(np.ones(shape)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_labels_that_are_not_finite_are_refused(tmp_path, value):
    labels = np.ones((4, 2))
    labels[2, 1] = value
    with pytest.raises(DataError, match="the label of row 2 is not finite") as caught:
        write(tmp_path / "m", model(labels))
    assert caught.value.row == 2


def entry(**changes):
    values = {"bytes": 8, "sha256": "", "dtype": "int64", "stored_dtype": "float32", "shape": [2]} | changes
    return LabelsEntry(**values)


def test_an_entry_that_fits():
    assert check_entry(entry()) is None
    assert check_entry(entry(bytes=16, stored_dtype="int64")) is None
    assert check_entry(entry(bytes=24, shape=[3, 2])) is None
    assert check_entry(entry(bytes=0, dtype=None, stored_dtype=None, shape=None)) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bytes": 0}, "shape [2] of float32 takes 8 bytes, not 0"),
        ({"bytes": 12}, "shape [2] of float32 takes 8 bytes, not 12"),
        ({"shape": [2**62, 2**62]}, "takes 85070591730234615865843651857942052864 bytes, not 8"),
        ({"shape": [2**31, 2**31]}, "takes 18446744073709551616 bytes, not 8"),
        ({"shape": []}, "shape [] is neither (n,) nor (n, n_outputs)"),
        ({"shape": [1, 1, 2]}, "shape [1, 1, 2] is neither (n,) nor (n, n_outputs)"),
        (
            {"stored_dtype": "float64", "bytes": 16},
            "stored_dtype 'float64' is neither 'float32' nor the dtype",
        ),
        ({"dtype": None}, "must all be null, and bytes 0"),
        ({"stored_dtype": None}, "must all be null, and bytes 0"),
        ({"shape": None}, "must all be null, and bytes 0"),
        ({"dtype": None, "stored_dtype": None, "shape": None}, "must all be null, and bytes 0"),
    ],
)
def test_an_entry_that_does_not_fit(changes, message):
    assert message in check_entry(entry(**changes))


@pytest.mark.parametrize(
    "changes",
    [{"bytes": -1}, {"shape": [0]}, {"shape": [2, -1]}, {"dtype": "int32"}, {"bytes": 8.0}, {"more": 1}],
)
def test_an_entry_of_the_wrong_types(changes):
    values = {"bytes": 8, "sha256": "", "dtype": "int64", "stored_dtype": "float32", "shape": [2]} | changes
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, LabelsEntry, strict=True)


@pytest.mark.parametrize("value", [0.5, 2.0**63, -(2.0**63) - 2.0**40, np.nan, np.inf])
def test_a_stored_value_that_is_no_integer_is_refused(value):
    content = np.array([[1.0, 2.0], [3.0, value], [value, 0.0]], dtype="<f4").reshape(-1).view(np.uint8)
    with pytest.raises(DataError, match="the label of row 1 is not a 64-bit integer") as caught:
        decode(entry(bytes=24, shape=[3, 2]), content)
    assert caught.value.row == 1


def test_encode_says_what_it_chose():
    assert encode(np.array([1, 2]))[1:] == ("int64", "float32")
    assert encode(np.array([0.1]))[1:] == ("float64", "float64")
    assert encode(np.array([0.1], dtype=np.float32))[1:] == ("float32", "float32")
    assert encode(None)[1:] == (None, None)
    assert encode(None)[0].nbytes == 0


def test_no_warning_from_numbers_that_do_not_fit(recwarn):
    encode(np.array([1e300, 2.0]))
    encode(np.array([2**63 - 1, 1]))
    assert not recwarn.list
