# SPDX-License-Identifier: Apache-2.0
"""The table of sections: exact tiling, sizes that cannot wrap, names and dtypes from closed lists."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from kneighbors.model_files.layout import DTYPES, PREFIX, LayoutError, Section, aligned, check_sections


def section(name="a", dtype="uint8", shape=(3,), offset=0, size=3):
    return Section(name, dtype, list(shape), offset, size, "")


def test_sizes_on_paper():
    assert PREFIX.size == 64
    assert [aligned(size) for size in (0, 1, 63, 64, 65, 2**64)] == [0, 64, 64, 64, 128, 2**64]
    assert {name: dtype.itemsize for name, dtype in DTYPES.items()} == {
        "int8": 1,
        "uint8": 1,
        "int16": 2,
        "uint16": 2,
        "int32": 4,
        "uint32": 4,
        "int64": 8,
        "uint64": 8,
        "float32": 4,
        "float64": 8,
    }
    assert all(dtype == np.dtype(name) for name, dtype in DTYPES.items())


def test_sections_that_tile():
    check_sections([], 0)
    check_sections([section()], 64)
    check_sections(
        [section(), section("b", "float64", (2, 4), 64, 64), section("c", "int16", (1,), 128, 2)], 192
    )
    check_sections([section("a", shape=(0,), size=0), section("b", "int64", (0, 5), 0, 0), section("c")], 64)
    check_sections([section("A_1.b-c" + "x" * 93, shape=(1,) * 8, size=1)], 64)


@pytest.mark.parametrize(
    ("sections", "available", "where", "message"),
    [
        ([section(offset=64)], 128, "a", "starts at 64, but the one before ends at 0"),
        ([section(), section("b", offset=3)], 128, "b", "starts at 3, but the one before ends at 64"),
        ([section(), section("b", offset=0)], 128, "b", "starts at 0, but the one before ends at 64"),
        ([section(), section("b", offset=128)], 192, "b", "starts at 128, but the one before ends at 64"),
        ([section()], 63, "a", "ends at 64, beyond the 63 bytes there are"),
        ([section()], 0, "a", "ends at 64, beyond the 0 bytes there are"),
        ([section()], 65, "header", "the sections end at 64, but 65 bytes follow the header"),
        ([section()], 128, "header", "the sections end at 64, but 128 bytes follow the header"),
        ([], 64, "header", "the sections end at 0, but 64 bytes follow the header"),
        ([section(size=4)], 64, "a", "shape [3] of uint8 takes 3 bytes, the header gives it 4"),
        ([section(size=0)], 64, "a", "shape [3] of uint8 takes 3 bytes, the header gives it 0"),
        ([section(shape=(0,))], 64, "a", "shape [0] of uint8 takes 0 bytes, the header gives it 3"),
        ([section(dtype="float32", size=3)], 64, "a", "shape [3] of float32 takes 12 bytes"),
        ([section(shape=())], 64, "a", "0 dimensions; 1 to 8 are read"),
        ([section(shape=(1,) * 9, size=1)], 64, "a", "9 dimensions; 1 to 8 are read"),
        ([section(), section(offset=64)], 128, "a", "a second section has this name"),
        ([section(dtype="object")], 64, "a", "dtype 'object' is not one of int8, uint8"),
        ([section(dtype=">f4")], 64, "a", "dtype '>f4' is not one of"),
        ([section(dtype="x" * 99)], 64, "a", f"dtype '{'x' * 40}' is not one of"),
        ([section(), section(name="")], 128, "header", "section 1 has a name that is not allowed: ''"),
        ([section(name="1a")], 64, "header", "section 0 has a name that is not allowed: '1a'"),
        ([section(name="a/b")], 64, "header", "not allowed: 'a/b'"),
        ([section(name="é")], 64, "header", "not allowed: 'é'"),
        ([section(name="a\n")], 64, "header", "not allowed: 'a\\n'"),
        ([section(name="a" * 101)], 64, "header", f"not allowed: '{'a' * 40}'"),
    ],
)
def test_sections_that_do_not(sections, available, where, message):
    with pytest.raises(LayoutError) as caught:
        check_sections(sections, available)
    assert caught.value.section == where
    assert message in str(caught.value)


WRAPPING = [
    ("uint8", (2**32, 2**32)),  # 2**64 elements wrap to 0
    ("float64", (2**61,)),  # 2**64 bytes wrap to 0
    ("float32", (2**62 + 16,)),  # wraps to 64
    ("uint8", (2**64,)),
    ("uint8", (0, 2**64)),
    ("uint8", (2**63, 0)),
    ("int64", (0, 2**60)),
    ("uint8", (2**63,)),
    ("uint8", (2**400, 2**400)),
]


@pytest.mark.parametrize(("dtype", "shape"), WRAPPING)
@pytest.mark.parametrize("size", [0, 64])
def test_r04_r06_sizes_that_wrap_in_64_bits_are_refused(dtype, shape, size):
    with pytest.raises(LayoutError, match="is larger than any file"):
        check_sections([section(dtype=dtype, shape=shape, size=size)], 64)


def test_the_largest_size_there_can_be():
    with pytest.raises(LayoutError, match="beyond the 64 bytes there are"):
        check_sections([section(shape=(2**63 - 1,), size=2**63 - 1)], 64)


@pytest.mark.parametrize("key", ["shape", "offset", "bytes"])
def test_negative_sizes_are_no_sizes(key):
    values = {"name": "a", "dtype": "uint8", "shape": [3], "offset": 0, "bytes": 3, "xxh3": ""}
    assert msgspec.convert(values, Section, strict=True).bytes == 3
    for bad in (-1, 1.0, "1", True, None):
        values[key] = [bad] if key == "shape" else bad
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(values, Section, strict=True)
