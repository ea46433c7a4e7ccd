# SPDX-License-Identifier: Apache-2.0
"""Sizes at which narrower integers wrap around: many columns in bytes (R38), many values in all (R37, X7)."""

import numpy as np
import pytest

from kneighbors import _native
from kneighbors.index import FlatIndex
from tests.reference import exact


@pytest.mark.parametrize("n_columns", [33027, 65000])
@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product"])
def test_r38_byte_products_at_large_widths(metric, n_columns, instruction_set):
    """Rows and queries of the largest and the smallest code throughout: the sums of products are the largest
    there are, and a 32-bit accumulator that could wrap would rank the farthest first.
    """
    rng = np.random.default_rng(n_columns)
    signs = np.where(np.arange(66) % 2, 1.0, -1.0)
    rows = (signs[:, None] * np.ones(n_columns)).astype(np.float32)
    rows[2:] *= 1 - rng.integers(0, 100, size=(64, 1)).astype(np.float32) / 1024
    queries = np.concatenate([rows[:2], -rows[2:4]])
    scan = _native.FlatScan(rows, metric, 1, "int8")
    assert scan.codec == "int8"
    distances, ids = scan.search(queries, 20)
    expected, places = exact.neighbors(queries, rows, 20, metric)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_array_equal(distances, expected)


@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product", "cosine"])
def test_r38_beyond_the_widest_bytes_the_screen_holds_floats(metric):
    rng = np.random.default_rng(3)
    rows = rng.choice([-1.0, 1.0], size=(66, 70_000)).astype(np.float32)
    index = FlatIndex(metric).fit(rows)
    distances, ids = index.search(rows[:3], 9)
    expected, places = exact.neighbors(rows[:3], rows, 9, metric)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_array_equal(distances, expected)
    with pytest.raises(ValueError, match="int8 codes serve at most 65000 columns"):
        _native.FlatScan(rows, metric, 1, "int8")


@pytest.mark.long
def test_r37_x7_more_values_than_32_bits_count(tmp_path):
    """More than 2^31 values, in a file with holes (8 GiB long, few on disk): the last rows are found."""
    n_columns, n_rows = 2048, (1 << 20) + 5000
    assert n_rows * n_columns > 2**31
    rows = np.lib.format.open_memmap(
        tmp_path / "rows.npy", mode="w+", dtype=np.float32, shape=(n_rows, n_columns)
    )
    rng = np.random.default_rng(0)
    last = rng.standard_normal((300, n_columns)).astype(np.float32)
    rows[-300:] = last
    rows[(1 << 20) - 2 : (1 << 20) + 2] = last[:4] + 100.0  # on both sides of value 2^31
    rows.flush()
    del rows
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    index = FlatIndex("sqeuclidean").fit(mapped)
    queries = np.concatenate([last[-3:], last[:4] + 100.0])
    distances, ids = index.search(queries, 2, n_threads=2)
    assert ids[:, 0].tolist() == [*range(n_rows - 3, n_rows), *range((1 << 20) - 2, (1 << 20) + 2)]
    assert (distances[:, 0] == 0.0).all() and (distances[:, 1] > 0.0).all()
    expected = exact.pairwise(queries[:1], mapped[-300:], "sqeuclidean")[0]
    kept = np.zeros(n_rows, dtype=bool)
    kept[-300:] = True
    distances, ids = index.search(queries[:1], 40, among=kept)
    np.testing.assert_array_equal(ids[0] - (n_rows - 300), np.argsort(expected, kind="stable")[:40])
    np.testing.assert_array_equal(distances[0], np.sort(expected)[:40])
