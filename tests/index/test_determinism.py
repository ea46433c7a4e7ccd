# SPDX-License-Identifier: Apache-2.0
"""X5: equal ids and distances, bit for bit, for every number of threads, batch size and instruction set."""

import numpy as np
import pytest

from kneighbors import _native
from kneighbors.index import BlockIndex, FlatIndex
from tests.reference import exact

THREADS = (1, 2, 4, 8)
BATCHES = (1, 7, 19, 20, 21, 1000)
METRICS = ("sqeuclidean", "inner_product", "cosine")
N_COLUMNS, K = 37, 11


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def data(request):
    """Rows with many near-ties, 1,000 queries, and the judge's answers."""
    rng = np.random.default_rng(4)
    rows = np.round(rng.normal(size=(1500, N_COLUMNS)) * 4) / 4 + 50
    rows[1000:] = rows[:500]
    queries = np.round(rng.normal(size=(1000, N_COLUMNS)) * 4) / 4 + 50
    rows, queries = rows.astype(request.param), queries.astype(request.param)
    sample = queries[:100]
    return rows, queries, {metric: exact.neighbors(sample, rows, K, metric) for metric in METRICS}


def in_batches(index, queries, size, n_threads):
    parts = [
        index.search(queries[start : start + size], K, n_threads=n_threads)
        for start in range(0, len(queries), size)
    ]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


@pytest.mark.parametrize("metric", METRICS)
def test_x5_threads_batches_and_instruction_sets(data, metric, instruction_set):
    rows, queries, expected = data
    index = FlatIndex(metric).fit(rows)
    whole = index.search(queries, K)
    np.testing.assert_array_equal(whole[1][:100], expected[metric][1])
    np.testing.assert_array_equal(whole[0][:100], expected[metric][0])
    for n_threads in THREADS:
        for size in BATCHES:
            distances, ids = in_batches(index, queries[: 1000 if size > 1 else 60], size, n_threads)
            np.testing.assert_array_equal(ids, whole[1][: len(ids)], err_msg=f"{n_threads} x {size}")
            np.testing.assert_array_equal(distances, whole[0][: len(ids)], err_msg=f"{n_threads} x {size}")


@pytest.mark.parametrize("metric", METRICS)
def test_x5_radius_answers_do_not_depend_on_threads_or_instruction_sets(data, metric, instruction_set):
    rows, queries, expected = data
    radius = float(np.median(expected[metric][0][:, -1]))
    values = exact.pairwise(queries[:100], rows, metric)
    for n_threads in THREADS:
        offsets, distances, ids = (
            FlatIndex(metric).fit(rows).search_radius(queries[:100], radius, n_threads=n_threads)
        )
        for line, row_values in enumerate(values):
            inside = np.flatnonzero(row_values <= radius)
            order = inside[np.argsort(row_values[inside], kind="stable")]
            np.testing.assert_array_equal(ids[offsets[line] : offsets[line + 1]], order)
            np.testing.assert_array_equal(distances[offsets[line] : offsets[line + 1]], row_values[order])


def test_x5_an_index_built_under_one_set_answers_the_same_under_another(data):
    rows, queries, _ = data
    before = _native.instruction_set()
    try:
        index = FlatIndex("sqeuclidean").fit(rows)
        answers = []
        for built in _native.instruction_sets():
            _native.set_instruction_set(built)
            index = FlatIndex("sqeuclidean").fit(rows)
            index.search(queries[:1], 1)
            for used in _native.instruction_sets():
                _native.set_instruction_set(used)
                answers.append(index.search(queries[:50], K))
    finally:
        _native.set_instruction_set(before)
    for distances, ids in answers[1:]:
        np.testing.assert_array_equal(ids, answers[0][1])
        np.testing.assert_array_equal(distances, answers[0][0])


def test_x5_twenty_runs_are_one(data):
    rows, queries, _ = data
    index = FlatIndex("sqeuclidean").fit(rows)
    first = index.search(queries[:300], K, n_threads=8)
    for _ in range(20):
        again = index.search(queries[:300], K, n_threads=8)
        np.testing.assert_array_equal(again[1], first[1])
        np.testing.assert_array_equal(again[0], first[0])


def test_x5_rows_in_a_mapped_file_answer_as_rows_in_memory(data, tmp_path):
    rows, queries, _ = data
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    in_memory = FlatIndex("cosine").fit(rows).search(queries[:200], K)
    from_file = FlatIndex("cosine").fit(mapped).search(queries[:200], K, n_threads=4)
    np.testing.assert_array_equal(from_file[1], in_memory[1])
    np.testing.assert_array_equal(from_file[0], in_memory[0])


@pytest.mark.parametrize("size", [1, 2, 5, 19, 20, 21, 64])
def test_r23_no_kernel_switch_shows(data, size, instruction_set):
    """A batch size at which another kernel takes over changes no answer, and no distance is negative."""
    rows, queries, expected = data
    distances, ids = in_batches(FlatIndex("sqeuclidean").fit(rows), queries[:100], size, 2)
    np.testing.assert_array_equal(ids, expected["sqeuclidean"][1])
    np.testing.assert_array_equal(distances, expected["sqeuclidean"][0])
    assert (distances >= 0).all()


@pytest.mark.parametrize("metric", ["manhattan", "nan_euclidean", "hamming", "correlation"])
def test_x5_blocks_threads_and_batches(data, metric):
    rows, queries, _ = data
    rows, queries = rows[400:1200:2], queries[:60]
    index = BlockIndex(metric).fit(rows)
    whole = index.search(queries, K)
    values = index.measure.pairwise(queries, rows)
    np.testing.assert_array_equal(whole[1], exact.nearest(values, K)[1])
    for block_bytes in (20_000, 3_000):
        index.block_bytes = block_bytes
        for n_threads in THREADS:
            for size in (7, 60):
                distances, ids = in_batches(index, queries[: size * 2], size, n_threads)
                np.testing.assert_array_equal(ids, whole[1][: len(ids)])
                np.testing.assert_array_equal(distances, whole[0][: len(ids)])


@pytest.mark.long
@pytest.mark.parametrize("metric", METRICS)
def test_x5_the_whole_product(data, metric, tmp_path):
    """Numbers of threads x batch sizes x rows in memory or mapped x 20 runs: bit for bit the same."""
    rows, queries, expected = data
    np.save(tmp_path / "rows.npy", rows)
    held = {"memory": rows, "mapped": np.load(tmp_path / "rows.npy", mmap_mode="r")}
    for where, matrix in held.items():
        for run in range(20):
            index = FlatIndex(metric).fit(matrix)
            n_threads = THREADS[run % 4]
            for size in BATCHES:
                asked = queries[: 100 if size == 1 else 1000]
                distances, ids = in_batches(index, asked, size, n_threads)
                np.testing.assert_array_equal(ids[:100], expected[metric][1], err_msg=f"{where} {run} {size}")
                np.testing.assert_array_equal(distances[:100], expected[metric][0])
            for n_threads in THREADS:
                distances, ids = index.search(queries[:100], K, n_threads=n_threads)
                np.testing.assert_array_equal(ids, expected[metric][1])
                np.testing.assert_array_equal(distances, expected[metric][0])
