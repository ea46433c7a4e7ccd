# SPDX-License-Identifier: Apache-2.0
"""Batches that fill matrix registers (AMX): the screen computes the very numbers of the other tiles."""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors import _native

pytestmark = pytest.mark.skipif("amx" not in _native.instruction_sets(), reason="there is no amx here")

# 12 queries are the fewest that go there, 16 and 32 fill a register or two, 33 and 70 leave a part of one.
COUNTS = (11, 12, 15, 16, 17, 31, 32, 33, 70)
# Words of four columns: 9 is the least, 16 a register's depth; others end within one, or past the panel.
WIDTHS = (33, 36, 61, 64, 65, 100, 128, 129, 260, 784, 1029)


@pytest.fixture(autouse=True)
def restore_the_instruction_set():
    before = _native.instruction_set()
    yield
    _native.set_instruction_set(before)


def both(ask):
    """The answers under AMX and under AVX-512 VNNI."""
    answers = []
    for name in ("amx", "avx512_vnni"):
        _native.set_instruction_set(name)
        answers.append(ask())
    return answers


@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product", "cosine"])
@pytest.mark.parametrize("n_columns", WIDTHS)
def test_answers_and_survivors_are_the_same(metric, n_columns):
    generator = np.random.default_rng(n_columns)
    rows = generator.standard_normal((777, n_columns)).astype(np.float32) * 3 + 1
    queries = generator.standard_normal((max(COUNTS), n_columns)).astype(np.float32)
    scan = _native.FlatScan(rows, metric, 1, "int8")
    for count in COUNTS:

        def ask(count=count):
            answer = scan.search(queries[:count], 9)
            return answer, scan.scan_statistics()

        (wide, wide_counts), (narrow, narrow_counts) = both(ask)
        np.testing.assert_array_equal(wide[1], narrow[1])
        np.testing.assert_array_equal(wide[0], narrow[0])
        if count >= 12:  # the same scores survive; tiles of one size meet panels in one order
            assert wide_counts["candidates_per_query"] == pytest.approx(
                narrow_counts["candidates_per_query"], rel=0.2
            )


def test_the_answer_is_right():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((5000, 96))
    queries = generator.standard_normal((64, 96))
    _native.set_instruction_set("amx")
    distances, ids = _native.FlatScan(rows, "sqeuclidean", 2, "int8").search(queries, 10, n_threads=2)
    exact = _native.pairwise_rows(queries, rows, "sqeuclidean")
    expected = np.argsort(exact, axis=1, kind="stable")[:, :10]
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(distances, np.take_along_axis(exact, expected, axis=1))


@pytest.mark.parametrize("n_rows", [1, 63, 64, 65, 129])
def test_few_rows_and_the_room_behind_them(n_rows):
    generator = np.random.default_rng(n_rows)
    rows, queries = generator.standard_normal((n_rows, 77)), generator.standard_normal((40, 77))
    scan = _native.FlatScan(rows, "sqeuclidean", 1, "int8")
    wide, narrow = both(lambda: scan.search(queries, n_rows))
    np.testing.assert_array_equal(wide[1], narrow[1])


def test_radius_exclusion_and_seven_bit_codes():
    generator = np.random.default_rng(7)
    rows = generator.standard_normal((900, 130)).astype(np.float32)
    _native.set_instruction_set("avx2")
    packed_elsewhere = _native.FlatScan(rows, "sqeuclidean", 1, "int8")  # codes of seven bits
    excluded = np.arange(50)
    wide, narrow = both(lambda: packed_elsewhere.search(rows[:50], 5, exclude=excluded))
    np.testing.assert_array_equal(wide[1], narrow[1])
    assert not (wide[1] == excluded[:, None]).any()
    wide, narrow = both(lambda: packed_elsewhere.search_radius(rows[:50], 200.0))
    for one, other in zip(wide, narrow, strict=True):
        np.testing.assert_array_equal(one, other)


def test_values_that_cannot_be_screened():
    generator = np.random.default_rng(8)
    rows = generator.standard_normal((400, 64))
    rows[5] = 1e300
    queries = generator.standard_normal((20, 64))
    queries[3] = 1e290
    scan = _native.FlatScan(rows, "sqeuclidean", 1, "int8")
    wide, narrow = both(lambda: scan.search(queries, 400))
    np.testing.assert_array_equal(wide[1], narrow[1])
    np.testing.assert_array_equal(wide[0], narrow[0])
