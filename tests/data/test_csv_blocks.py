# SPDX-License-Identifier: Apache-2.0
"""Cutting a CSV into blocks of whole records, against a character-by-character judge."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors.data.csv_blocks import blocks, last_record_end
from kneighbors.errors import DataError


def slow_record_end(text: bytes, delimiter: bytes) -> int:
    """The judge: one state per character. A quote opens only at the start of a field."""
    end, state = 0, "start"
    for i in range(len(text)):
        mark = text[i : i + 1]
        if state == "quoted":
            state = "closing" if mark == b'"' else "quoted"
        elif mark == b'"' and state in ("start", "closing"):
            state = "quoted"  # opens a field, or is the second of a doubled quote
        elif mark in (b"\n", b"\r", delimiter):
            state = "start"
            end = i + 1 if mark == b"\n" else end
        else:
            state = "plain"
    return end


pieces = st.lists(st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"a", b"b c"]), max_size=25)


@given(pieces)
@settings(max_examples=2_000, deadline=None)
def test_the_cut_is_where_the_judge_cuts(parts: list[bytes]) -> None:
    """Both the fast way, for regular quotes, and the slow way, for stray ones."""
    text = b"".join(parts)
    assert last_record_end(text, ",") == slow_record_end(text, b",")


@pytest.mark.parametrize(
    "text, end",
    [
        (b"a,b\nc", 4),
        (b"a,b", 0),
        (b"", 0),
        (b'"a\nb",1\n"c\nd', 8),
        (b'"a""\n""b",1\n', 12),
        (b'5" disk,1\n6" disk,2\n7', 20),
        (b'5" disk,1\n"x\ny",2\n"z\n', 18),
        (b'"never\nclosed\n', 0),
    ],
)
def test_examples(text: bytes, end: int) -> None:
    assert last_record_end(text, ",") == end == slow_record_end(text, b",")


@given(
    st.lists(
        st.lists(st.sampled_from(["1", '"a\nb"', '"c"",d"', "e", ""]), min_size=2, max_size=3), max_size=20
    )
)
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("size", [1, 3, 16, 1000])
def test_blocks_join_to_the_file(size: int, records: list[list[str]]) -> None:
    text = "".join(",".join(record) + "\n" for record in records).encode()
    found = list(blocks(io.BytesIO(text), "file", size=size))
    assert b"".join(block.data for block in found) == text
    lines, end = 1, 0
    for block in found:
        end += len(block.data)
        assert (block.first_line, block.end) == (lines, end)
        assert slow_record_end(block.data, b",") == len(block.data)
        lines += block.data.count(b"\n")


@pytest.mark.parametrize("bad, line", [(b"\x00", 3), (b"\xff", 3), (b"\xed\xa0\x80", 3), (b"\xc0\x80", 3)])
@pytest.mark.parametrize("size", [1, 1000])
def test_bytes_that_are_no_text(bad: bytes, line: int, size: int) -> None:
    with pytest.raises(DataError, match=f"file, line {line}: found"):
        list(blocks(io.BytesIO(b"a\nb\n" + bad + b"\nc\n"), "file", size=size))
