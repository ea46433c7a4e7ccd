# SPDX-License-Identifier: Apache-2.0
"""JSON read without mercy: what is accepted, what is refused and with which words."""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kneighbors.model_files.strict_json import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_VALUES,
    JsonError,
    Number,
    canonical,
    parse,
    plain,
    pretty,
)

text = st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs",), exclude_characters="\x7f"))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_reads_back(value):
    assert repr(plain(parse(pretty(value).encode()))) == repr(value)


@given(values)
def test_every_json_reader_reads_what_is_written(value):
    assert repr(json.loads(pretty(value))) == repr(value)


@given(values)
def test_another_writer_changes_nothing_of_the_canonical_text(value):
    ours = canonical(parse(pretty(value).encode()))
    for style in ({"indent": 3}, {"sort_keys": True}, {"separators": (",", ":"), "ensure_ascii": False}):
        assert canonical(parse(json.dumps(value, **style).encode())) == ours


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("0", "0"),
        ("-0", "-0"),
        ("0.0", "0"),
        ("-0.0e7", "-0"),
        ("1", "1e0"),
        ("1.0", "1e0"),
        ("10", "1e1"),
        ("100.0", "1e2"),
        ("1e2", "1e2"),
        ("1E+2", "1e2"),
        ("0.00120", "12e-4"),
        ("-12.5e-1", "-125e-2"),
        ("120e-1", "12e0"),
    ],
)
def test_canonical_numbers(token, expected):
    assert canonical(parse(token.encode())) == expected


def test_numbers_that_round_alike_are_told_apart():
    assert float("0.3") == float("0.30000000000000001")
    assert canonical(parse(b"0.3")) != canonical(parse(b"0.30000000000000001"))


def test_canonical_tables_are_sorted_and_quoted():
    assert (
        canonical(parse(b'{"b":[true,false,null],"a":"\\u00e9\\n"}')) == '{"a":"é\\n","b":[true,false,null]}'
    )


def test_plain_floats():
    value = plain(parse(b'{"a":[1.5,2]}'))
    assert value == {"a": [1.5, 2]}
    assert type(value["a"][0]) is float


REFUSED = {
    b"": "the text ends too early (line 1, column 1)",
    b"{": "a key in double quotes expected (line 1, column 2)",
    b"[": "the text ends too early (line 1, column 2)",
    b"[1": "',' or ']' expected (line 1, column 3)",
    b"[1,]": "unexpected ']' (line 1, column 4)",
    b"[1 2]": "',' or ']' expected (line 1, column 4)",
    b'{"a":1,}': "a key in double quotes expected (line 1, column 8)",
    b'{"a" 1}': "':' expected (line 1, column 6)",
    b'{"a":1 "b":2}': "',' or '}' expected (line 1, column 8)",
    b"{1:2}": "a key in double quotes expected (line 1, column 2)",
    b'{"a":1,\n "a":2}': "key 'a' stands there twice (line 2, column 2)",
    b'{"a":1,"\\u0061":2}': "key 'a' stands there twice (line 1, column 8)",
    b"\n1 2": "'2' after the end of the value (line 2, column 3)",
    b"[" * 32 + b",": "unexpected ',' (line 1, column 33)",
    b"1 2": "'2' after the end of the value (line 1, column 3)",
    b"01": "'1' after the end of the value (line 1, column 2)",
    b"1.": "'.' is not JSON (line 1, column 2)",
    b".5": "'.5' is not JSON (line 1, column 1)",
    b"+1": "'+1' is not JSON (line 1, column 1)",
    b"-": "'-' is not JSON (line 1, column 1)",
    b"0x10": "'x' after the end of the value (line 1, column 2)",
    b"NaN": "'NaN' is not a JSON word; true, false and null are; numbers must be finite (line 1, column 1)",
    b"-Infinity": "'-Infinity' is not JSON (line 1, column 1)",
    b"[Infinity": "'Infinity' is not a JSON word; true, false and null are; numbers must be finite "
    "(line 1, column 2)",
    b"nul": "'nul' is not a JSON word; true, false and null are (line 1, column 1)",
    b"1e400": "1e400 is beyond float64 (line 1, column 1)",
    b"-1e400": "-1e400 is beyond float64 (line 1, column 1)",
    b"'a'": "\"'a'\" is not JSON (line 1, column 1)",
    b'"a': "'\"a' is not JSON (line 1, column 1)",
    b'"a\nb"': "'\"a\\nb\"' is not JSON (line 1, column 1)",
    b'"\\x41"': "'\"\\\\x41\"' is not JSON (line 1, column 1)",
    b'"\\ud800"': "half of a surrogate pair in a string (line 1, column 1)",
    b'{"\\udc00":1}': "half of a surrogate pair in a string (line 1, column 2)",
    b"\xef\xbb\xbf{}": "the text starts with a UTF-8 byte order mark (BOM); save it as UTF-8 without one",
    b"\xff\xfe{\0}\0": "the text starts with a UTF-16 byte order mark (BOM); save it as UTF-8 without one",
    b"\xfe\xff\0{\0}": "the text starts with a UTF-16 byte order mark (BOM); save it as UTF-8 without one",
    b'"ab\xff"': "byte 3 is not UTF-8",
    b"\xa0[]": "byte 0 is not UTF-8",
    "\u00a0[]".encode(): "'\\xa0[]' is not JSON (line 1, column 1)",
    "[١]".encode(): "'١]' is not JSON (line 1, column 2)",
    b"True": "'True' is not a JSON word; true, false and null are (line 1, column 1)",
}


@pytest.mark.parametrize("data", REFUSED)
def test_refused(data):
    with pytest.raises(JsonError) as caught:
        parse(data)
    assert str(caught.value) == REFUSED[data]


def test_white_space_is_the_four_characters_of_json():
    assert parse(b" \t\r\n[\n1\t,\r2 ]\n") == [1, 2]
    for character in "\v\f\x1c\x85\u2028":
        with pytest.raises(JsonError, match="is not JSON"):
            parse(f"[1,{character}2]".encode())


def test_strings_with_every_escape():
    assert parse(rb'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 \u0041"') == '"\\/\b\f\n\r\té😀 A'


def test_depth_is_bounded_before_it_is_built():
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert parse(deep) is not None
    with pytest.raises(JsonError, match=r"more than 32 levels deep \(line 1, column 33\)"):
        parse(b"[" + deep + b"]")
    with pytest.raises(JsonError, match="more than 32 levels deep"):
        parse(b'{"a":' * 33 + b"1" + b"}" * 33)
    with pytest.raises(JsonError, match="more than 32 levels deep"):
        parse(b"[" * 500_000)
    assert parse(b'{"a":' * 32 + b"1" + b"}" * 32) is not None
    assert parse(b"[" * (MAX_DEPTH - 1) + b'"x",1,null,[2]' + b"]" * (MAX_DEPTH - 1)) is not None


def test_size_is_bounded():
    assert parse(b"1" + b" " * (MAX_BYTES - 1)) == 1
    with pytest.raises(JsonError, match="1048577 bytes of JSON; at most 1048576 are read"):
        parse(b"1" + b" " * MAX_BYTES)


def test_the_number_of_values_is_bounded():
    many = b"[" + b"1," * (MAX_VALUES - 2) + b"1]"
    assert len(parse(many)) == MAX_VALUES - 1
    with pytest.raises(JsonError, match="more than 131072 values"):
        parse(b"[" + many[1:-1] + b",1]")


MEASURE = """
import resource
from kneighbors.model_files.strict_json import canonical, parse, plain
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for one, values in ((b"0.1", 1), (b"[]", 1), (b"{}", 1), (b"[[[[]]]]", 4), (b'{"abcdefgh":-0}', 2)):
    tree = parse(b"[" + (one + b",") * min((1 << 17) // values - 2, (1 << 20) // (len(one) + 1) - 3) + b"1]")
    text = canonical(tree), plain(tree)
    del tree, text
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_mebibyte_of_text_takes_less_than_64_of_memory():
    told = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 64 << 10  # KiB


def test_long_numbers():
    assert parse(b"1" * 400) == int("1" * 400)
    for token in (b"1" * 401, b"-0." + b"0" * 397 + b"1", b"1" * 1_000_000):
        with pytest.raises(JsonError, match=f"a number of {len(token)} characters; at most 400 are read"):
            parse(token)


@pytest.mark.parametrize(
    "data", [b"[" * 10**6, b'"' + b"\\\\" * 500_000, b"1" * 10**6, b'{"a":1,' * 140_000, b"-" * 10**6]
)
def test_hostile_text_is_refused_at_once(data):
    start = time.thread_time()
    with pytest.raises(JsonError):
        parse(data)
    assert time.thread_time() - start < 0.5


def test_python_words_when_allowed_and_never_mixed():
    assert parse(b"[True, False, None]", python_words=True) == [True, False, None]
    assert parse(b"[true, false, null]", python_words=True) == [True, False, None]
    for mixed in (b"[true, True]", b"[None, false]", b"[False, null]", b'{"a":True,"b":[null]}'):
        with pytest.raises(JsonError, match=r"mixes JSON's words \(true, false, null\) with Python's"):
            parse(mixed, python_words=True)
    with pytest.raises(JsonError, match="'TRUE' is not a JSON word; true, false and null are"):
        parse(b"TRUE", python_words=True)


def test_a_number_keeps_its_spelling():
    value = parse(b"[1.50, 7]")
    assert isinstance(value[0], Number)
    assert (value[0], value[0].token) == (1.5, "1.50")
    assert type(value[1]) is int
    assert type(parse(b"-0")) is Number
    assert math.copysign(1.0, parse(b"-0")) == -1.0


def test_written_without_exponents_and_for_people():
    assert pretty({"a": 1e-7, "b": [1, [2, 3]], "c": [{"x": 1e22}], "d": {}, "e": [], "f": (1, 2)}) == (
        '{\n  "a": 0.0000001,\n  "b": [1, [2, 3]],\n  "c": [\n    {\n      "x": 10000000000000000000000.0\n'
        '    }\n  ],\n  "d": {},\n  "e": [],\n  "f": [1, 2]\n}'
    )


def test_extreme_floats_fit_the_number_limit():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, 2_000, dtype=np.uint64) | (
        rng.integers(0, 2, 2_000, dtype=np.uint64) << np.uint64(63)
    )
    for number in [*bits.view(np.float64).tolist(), 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308]:
        if math.isfinite(number):
            written = pretty(number)
            assert "e" not in written.lower()
            assert struct.pack("<d", parse(written.encode())) == struct.pack("<d", number)


def test_numpy_scalars_are_written_as_plain_values():
    assert pretty([np.int64(3), np.float32(0.5), np.bool_(True), np.str_("a")]) == '[3, 0.5, true, "a"]'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "nan is not a JSON number; only finite numbers are"),
        (-math.inf, "-inf is not a JSON number"),
        (2**63, "9223372036854775808 does not fit 64 bits"),
        (-(2**63) - 1, "does not fit 64 bits"),
        (object, "of type type cannot be written as JSON"),
        ({1: 2}, "1 of type int cannot be written as JSON"),
        (b"a", "of type bytes cannot be written as JSON"),
        ("a\nb", "holds a control character or half of a surrogate pair; keep such text in a section"),
        ("\x7f", "holds a control character"),
        ("\ud800", "half of a surrogate pair"),
        ({"a\0": 1}, "holds a control character"),
        (np.arange(3), "of type ndarray cannot be written as JSON"),
    ],
)
def test_what_cannot_be_written(value, message):
    with pytest.raises(JsonError) as caught:
        pretty(value)
    assert message in str(caught.value)


def test_integers_at_the_edge_of_64_bits():
    assert pretty([2**63 - 1, -(2**63)]) == "[9223372036854775807, -9223372036854775808]"
