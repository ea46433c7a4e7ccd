# SPDX-License-Identifier: Apache-2.0
"""The native scan while it grows and while only some rows may answer: always the answer of the plain one."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kneighbors import _native

METRICS = ("sqeuclidean", "inner_product", "cosine")
RNG = np.random.default_rng(21)


def words_of(mask):
    bits = np.zeros(-(-mask.size // 64) * 64, dtype=bool)
    bits[: mask.size] = mask
    return np.packbits(bits, bitorder="little").view(np.uint64)


def assert_same(one, other):
    for left, right in zip(one, other, strict=True):
        assert_array_equal(left, right)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("codec", ["int8", "float32"])
def test_a_grown_scan_answers_as_one_built_at_once(metric, dtype, codec):
    rows = RNG.normal(size=(700, 19)).astype(dtype)
    queries = RNG.normal(size=(11, 19))
    scan = _native.FlatScan(rows[:100], metric, 1, codec)
    scans = [scan]
    cuts = [101, 101, 127, 128, 129, 192, 200, 456, 700]
    for cut in cuts:
        scans.append(scans[-1].grown(rows[100:cut], 2))
    for scan, cut in zip(scans, [100, *cuts], strict=True):  # also those that others have grown from
        plain = _native.FlatScan(rows[:cut], metric, 1, codec)
        assert scan.n_rows == cut and scan.codec == codec
        assert_same(scan.search(queries, 9), plain.search(queries, 9))
        assert_same(scan.search_radius(queries, 0.7), plain.search_radius(queries, 0.7))


def test_two_scans_may_grow_from_one():
    """Only one of them gets the memory behind the rows they share."""
    rows, others = RNG.normal(size=(2000, 8)), RNG.normal(size=(600, 8))
    first = _native.FlatScan(rows[:1280], "sqeuclidean")
    second = first.grown(rows[1280:1400])  # takes memory for half as many again
    left = second.grown(rows[1280:])
    right = second.grown(np.concatenate([rows[1280:1400], others]))
    assert left.memory_bytes <= second.memory_bytes + 2000  # at most one last panel more
    assert_same(left.search(rows, 4), _native.FlatScan(rows, "sqeuclidean").search(rows, 4))
    joined = np.concatenate([rows[:1400], others])
    assert_same(right.search(others, 4), _native.FlatScan(joined, "sqeuclidean").search(others, 4))


def test_memory_grows_by_half_at_most():
    rows = RNG.normal(size=(20_000, 16)).astype(np.float32)
    scan = _native.FlatScan(rows[:6400], "sqeuclidean", 1, "int8")
    needed = [scan.memory_bytes]
    for cut in range(6500, 20_000, 100):
        scan = scan.grown(rows[6400:cut])
        assert scan.memory_bytes <= 1.5 * _native.flat_memory_bytes(cut, 16, "int8") + (1 << 14)
        needed.append(scan.memory_bytes)
    assert len(set(needed)) < 12  # most additions take no new memory


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((9, 3)), "columns and the type"),
        (np.zeros((9, 4), dtype=np.float32), "columns and the type"),
        (np.zeros((4, 4)), "15 rows cannot become 14"),
        (np.full((9, 4), np.nan), "row 15, column 0 holds NaN"),
    ],
)
def test_rows_that_cannot_be_added(wrong, message):
    rows = np.random.default_rng(0).normal(size=(15, 4))
    scan = _native.FlatScan(rows[:10], "sqeuclidean").grown(rows[10:])
    with pytest.raises(ValueError, match=message):
        scan.grown(wrong)
    assert_same(scan.search(rows, 3), _native.FlatScan(rows, "sqeuclidean").search(rows, 3))
    assert scan.grown(np.zeros((9, 4))).n_rows == 19  # the refusal has spoilt nothing


def test_the_screen_is_renewed_when_survivors_double():
    rows = RNG.normal(size=(4000, 32))
    scan = _native.FlatScan(rows, "sqeuclidean")
    alike = RNG.normal(size=(4000, 32))
    assert scan.grown(alike).n_renewals == 0
    far = 1e5 + 1e-2 * RNG.normal(size=(4000, 32))  # nothing that codes around the old centre can tell apart
    few = scan.grown(far[:100])
    assert few.n_renewals == 0
    assert few.grown(far).n_renewals == 1
    everything = np.concatenate([rows, far])
    queries = np.concatenate([rows[:5], far[:5]])
    assert_same(
        few.grown(far).search(queries, 7), _native.FlatScan(everything, "sqeuclidean").search(queries, 7)
    )


def test_a_scan_of_a_handful_is_renewed_when_there_are_enough_to_choose_from():
    rows = RNG.normal(size=(3000, 24)) + 50
    scan = _native.FlatScan(rows[:3], "sqeuclidean").grown(rows[3:1000])
    assert scan.n_renewals == 0
    scan = scan.grown(rows[3:2500])
    assert scan.n_renewals == 1
    assert scan.grown(rows[3:]).n_renewals == 1
    scan.search(rows[:50], 5)
    plain = _native.FlatScan(rows[:2500], "sqeuclidean")
    plain.search(rows[:50], 5)
    assert scan.scan_statistics()["exact_per_query"] < 2 * plain.scan_statistics()["exact_per_query"] + 5


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_queries", [1, 3, 200])
@pytest.mark.parametrize("n_allowed", [1, 10, 250, 300, 4000, 8999])
@pytest.mark.parametrize("grouped", [False, True])
def test_only_allowed_rows_answer_at_any_selectivity(metric, n_queries, n_allowed, grouped):
    rows = np.round(RNG.normal(size=(9000, 12)), 1)
    queries = np.round(RNG.normal(size=(n_queries, 12)), 1)
    allowed = np.arange(n_allowed) + (9000 - n_allowed) if grouped else RNG.choice(9000, n_allowed, False)
    mask = np.zeros(9000, dtype=bool)
    mask[allowed] = True
    places = np.flatnonzero(mask)
    scan = _native.FlatScan(rows[:5000], metric, 2).grown(rows[5000:], 2)
    part = _native.FlatScan(rows[mask], metric)
    exclude = RNG.integers(-1, 9000, n_queries)
    inside = np.searchsorted(places, exclude)
    inside[~np.isin(exclude, places)] = -1
    for k in {1, min(n_allowed - 1, 20) or 1}:
        distances, found = scan.search(queries, k, 2, None, words_of(mask))
        expected = part.search(queries, k)
        assert_same((distances, found), (expected[0], places[expected[1]]))
        if n_allowed > 1:
            distances, found = scan.search(queries, k, 2, exclude, words_of(mask))
            expected = part.search(queries, k, 1, inside)
            assert_same((distances, found), (expected[0], places[expected[1]]))
    limit = float(np.median(part.search(queries, 1)[0]))
    offsets, distances, found = scan.search_radius(queries, limit, 2, exclude, words_of(mask))
    expected = part.search_radius(queries, limit, 1, inside)
    assert_same((offsets, distances, found), (expected[0], expected[1], places[expected[2]]))


def test_bits_beyond_the_rows_are_nobody():
    rows = RNG.normal(size=(70, 3))
    scan = _native.FlatScan(rows, "sqeuclidean")
    words = np.array([1, 2**64 - 1], dtype=np.uint64)
    assert sorted(scan.search(rows[:1], 7, 1, None, words)[1][0]) == [0, *range(64, 70)]
    with pytest.raises(ValueError, match="8 neighbours were asked of 7 rows"):
        scan.search(rows[:1], 8, 1, None, words)
    with pytest.raises(ValueError, match="1 words of 64 rows for 2 panels"):
        scan.search(rows[:1], 1, 1, None, words[:1])
    assert scan.search_radius(rows[:2], np.inf, 1, None, words)[0].tolist() == [0, 7, 14]


@pytest.mark.parametrize(
    "first", ["avx512_vnni", "avx512", "avx_vnni", "avx2", "x86-64-v2", "neon", "scalar"]
)
def test_a_scan_may_grow_under_another_instruction_set(first):
    """Codes have 7 bits on some and 8 on others: those that are added have what the first have."""
    known = _native.instruction_sets()
    if first not in known:
        pytest.skip(f"this CPU or build has no {first}")
    rows = RNG.normal(size=(500, 40)).astype(np.float32)
    queries = rows[:70].copy()
    before = _native.instruction_set()
    expected = _native.FlatScan(rows, "sqeuclidean").search(queries, 6)
    try:
        _native.set_instruction_set(first)
        scan = _native.FlatScan(rows[:300], "sqeuclidean", 1, "int8")
        for other in known:
            _native.set_instruction_set(other)
            assert_same(scan.grown(rows[300:]).search(queries, 6), expected)
            grown = scan.grown(rows[300:])
            _native.set_instruction_set(first)
            assert_same(grown.search(queries, 6), expected)
    finally:
        _native.set_instruction_set(before)
