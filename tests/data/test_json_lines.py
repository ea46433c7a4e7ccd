# SPDX-License-Identifier: Apache-2.0
"""JSON lines: every shape of a row, and every refusal with its line."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest

from kneighbors import data
from kneighbors.errors import DataError, ParameterError

SHAPES = (
    b'{"features": [1.5, 2, -3e2]}\n'
    b'{"data": {"features": {"values": [4, 5, 6]}}}\n'
    b"\n"
    b'{"data": {"features": {"keys": [2, 0], "shape": [3], "values": [7, 8]}}, "configuration": {}}\r\n'
    b"[9, 10, 11]"
)
ROWS = [[1.5, 2, -300], [4, 5, 6], [8, 0, 7], [9, 10, 11]]


def test_every_shape_of_a_row(tmp_path):
    assert data.open(SHAPES, format="jsonl").read().features.tolist() == ROWS
    path = tmp_path / "queries.jsonl"
    path.write_bytes(SHAPES)
    source = data.open(path, columns=[2, 0], dtype="float32")
    assert source.n_bytes == len(SHAPES) and source.count_rows() == 4
    assert source.read().features.tolist() == [[-300, 1.5], [6, 4], [7, 8], [11, 9]]
    assert len(data.open(io.BytesIO(SHAPES), format="jsonl").read()) == 4


@pytest.mark.parametrize("marks", [[1, 2**53 + 1], [0.5, -0.0], ["cat", "ä"], [True, False]])
def test_labels_stand_beside_the_features(marks):
    body = "\n".join(json.dumps({"label": mark, "features": [1, 2]}) for mark in marks).encode()
    found = data.open(body, format="jsonl", label=0).read().labels
    assert found.tolist() == marks and type(found.tolist()[0]) is type(marks[0])
    assert data.open(body, format="jsonl").read().labels is None


def test_many_rows_in_batches():
    rows = np.random.default_rng(1).normal(size=(5_000, 3))
    body = b"".join(json.dumps({"features": row}).encode() + b"\n" for row in rows.tolist())
    seen = []
    source = data.open(body, format="jsonl")
    batches = list(source.batches(700, progress=lambda *told: seen.append(told)))
    assert np.concatenate([batch.features for batch in batches]).tobytes() == rows.tobytes()
    assert [batch.first_row for batch in batches] == list(range(0, 5_000, 700))
    assert seen[-1][0] == 5_000 and abs(seen[-1][2] - len(body)) <= 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"features": [1, NaN, 2]}', "line 3"),
        (b'{"features": [1, null, 2]}', "null"),
        (b'{"features": [1, "2", 2]}', "str"),
        (b'{"features": [1, 1e400, 2]}', "line 3"),
        (b'{"features": [1, 2]}', "found 2 numbers; expected 3"),
        (b'{"features": [1, 2, 3], "features": [1, 2, 4]}', "a member twice"),
        (b'{"data": {"features": {"values": [1, 2, 3], "values": [1]}}}', "a member twice"),
        (b'{"features": [1, 2, 3], "data": {"features": {"values": [1, 2, 3]}}}', "both"),
        (b'{"data": {"features": {"keys": [3], "shape": [3], "values": [1]}}}', "a key outside 0 to 2"),
        (b'{"data": {"features": {"keys": [-1], "shape": [3], "values": [1]}}}', "a key outside"),
        (b'{"data": {"features": {"keys": [1, 1], "shape": [3], "values": [1, 2]}}}', "2 keys"),
        (b'{"data": {"features": {"keys": [1], "values": [1]}}}', "without a shape"),
        (b'{"data": {"features": {"keys": [1], "shape": [999999999999], "values": [1]}}}', "the shape"),
        (b"{}", "neither"),
        (b"{", "line 3"),
        (b'"text"', "line 3"),
        (b"\xef\xbb\xbf[1, 2, 3]", "line 3"),
        (b"[" * 100_000, "line 3"),
        (b'{"x": ' * 100_000, "line 3"),
        (b"[" + b"9" * 1_000_000 + b", 1, 2]", "line 3"),
    ],
)
def test_bad_lines_are_refused_by_number(line, says):
    started = time.perf_counter()
    with pytest.raises(DataError, match=says) as caught:
        data.open(b"[1, 2, 3]\n\n" + line + b"\n", format="jsonl").read()
    assert "line 3" in str(caught.value) and len(str(caught.value)) < 600
    assert time.perf_counter() - started < 2


def test_what_is_empty_or_has_no_label_is_refused():
    with pytest.raises(DataError, match="is empty"):
        data.open(b"\n\n", format="jsonl")
    with pytest.raises(DataError, match="no label"):
        data.open(b"[1, 2]", format="jsonl", label=0).read()
    with pytest.raises(ParameterError, match="the member of that name"):
        data.open(b"[1, 2]", format="jsonl", label="kind")
