# SPDX-License-Identifier: Apache-2.0
"""Every metric and sparse rows through blocks: right answers, bounded memory, all verbs."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

from kneighbors.errors import DataError, DataTypeError, ParameterError
from kneighbors.index import BlockIndex, FlatIndex, Index, load_index
from kneighbors.metrics import NAMES, resolve
from tests.reference import exact

RNG = np.random.default_rng(21)
ROWS = np.round(RNG.random((130, 4)) * 6) / 4
QUERIES = np.round(RNG.random((23, 4)) * 6) / 4
MEASURED = [name for name in NAMES if name not in ("precomputed", "pyfunc")]
NATIVE = ("euclidean", "sqeuclidean", "inner_product", "cosine")
FORMATS = (sp.csr_matrix, sp.csc_matrix, sp.coo_matrix, sp.lil_matrix, sp.csr_array)


def columns_for(name):
    return (ROWS[:, :2], QUERIES[:, :2]) if name == "haversine" else (ROWS, QUERIES)


def assert_answers(answer, expected):
    np.testing.assert_array_equal(answer[1], expected[1])
    np.testing.assert_array_equal(answer[0], expected[0])


def manhattan(x, y):
    return float(np.abs(x - y).sum())


@pytest.mark.parametrize("name", MEASURED)
def test_every_metric_against_a_full_sort(name):
    rows, queries = columns_for(name)
    index = BlockIndex(name).fit(rows)
    assert isinstance(index, Index)
    index.block_bytes = 8 * 23 * 11  # eleven rows at a time
    values = index.measure.ranking(queries, rows)
    own = np.arange(len(queries)) * 5
    for exclude in (None, own):
        for k in (1, 10, 129):
            expected = exact.nearest(values, k, exclude)
            answer = index.search(queries, k, exclude=exclude)
            assert_answers(answer, (index.measure.report(expected[0]), expected[1]))
    radius = float(np.median(index.measure.report(values)))
    offsets, distances, ids = index.search_radius(queries, radius, exclude=own)
    for line in range(len(queries)):
        inside = index.measure.report(values)[line] <= radius
        inside[own[line]] = False
        order = [place for place in np.argsort(values[line], kind="stable") if inside[place]]
        assert ids[offsets[line] : offsets[line + 1]].tolist() == order
        assert (
            distances[offsets[line] : offsets[line + 1]] == index.measure.report(values)[line, order]
        ).all()


@pytest.mark.parametrize("metric", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_of_native_metrics_equal_the_flat_scan_bit_for_bit(metric, dtype):
    rows, queries = ROWS.astype(dtype), QUERIES.astype(dtype)
    flat, blocks = FlatIndex(metric).fit(rows), BlockIndex(metric).fit(rows)
    assert_answers(blocks.search(queries, 40), flat.search(queries, 40))


@pytest.mark.parametrize("metric", [*NATIVE, "manhattan", "canberra", "jaccard", "minkowski"])
@pytest.mark.parametrize("container", FORMATS)
def test_sparse_rows_answer_as_dense_ones(metric, container):
    """Bit for bit, whatever the format, with sparse and with dense queries."""
    rows, queries = ROWS * (ROWS > 0.9), QUERIES * (QUERIES > 0.9)
    dense = BlockIndex(metric).fit(rows)
    sparse = BlockIndex(metric).fit(container(rows))
    sparse.block_bytes = 8 * 23 * 7
    expected = dense.search(queries, 20)
    for asked in (container(queries), queries):
        assert_answers(sparse.search(asked, 20), expected)
        assert_answers(dense.search(asked, 20), expected)
    left, right = (i.search_radius(queries, float(np.median(expected[0]))) for i in (sparse, dense))
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sparse_float32_rows_stay_exact():
    rows = (ROWS * (ROWS > 0.9)).astype(np.float32)
    sparse = BlockIndex("euclidean").fit(sp.csr_matrix(rows))
    assert_answers(sparse.search(QUERIES, 20), FlatIndex("euclidean").fit(rows).search(QUERIES, 20))


def test_functions_see_rows_and_their_keywords():
    seen = set()

    def metric(x, y, power):
        seen.add((type(x), x.shape, x.dtype.name))
        return float((np.abs(x - y) ** power).sum())

    index = BlockIndex(resolve(metric, None, {"power": 2})).fit(ROWS)
    assert_answers(
        index.search(QUERIES, 9, n_threads=4), BlockIndex("sqeuclidean").fit(ROWS).search(QUERIES, 9)
    )
    assert seen == {(np.ndarray, (4,), "float64")}


def test_functions_see_one_row_matrices_of_sparse_data():
    """As in scikit-learn: each side keeps its kind."""

    def dot(x, y):
        assert sp.issparse(x) and sp.issparse(y) and x.shape == y.shape == (1, 4)
        return -float((x @ y.T).toarray()[0, 0])

    index = BlockIndex(resolve(dot)).fit(sp.csr_matrix(ROWS))
    index.block_bytes = 8 * 23 * 7
    _, ids = index.search(sp.csr_matrix(QUERIES), 6)
    np.testing.assert_array_equal(ids, BlockIndex("inner_product").fit(ROWS).search(QUERIES, 6)[1])


def test_nan_comes_last_and_ties_among_nan_go_by_id():
    rows = np.array([[np.nan, 1.0], [0.0, np.nan], [np.nan, 5.0], [2.0, np.nan], [1.0, 1.0]])
    queries = np.array([[0.5, np.nan], [np.nan, 2.0]])
    distances, ids = BlockIndex("nan_euclidean").fit(rows).search(queries, 5)
    assert ids.tolist() == [[1, 4, 3, 0, 2], [0, 4, 2, 1, 3]]
    assert np.isnan(distances[:, 3:]).all() and not np.isnan(distances[:, :3]).any()
    for k in range(1, 5):
        assert BlockIndex("nan_euclidean").fit(rows).search(queries, k)[1].tolist() == ids[:, :k].tolist()
    assert BlockIndex("nan_euclidean").fit(rows).search_radius(queries, np.inf)[0].tolist() == [0, 3, 6]


@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
def test_memory_is_bounded_by_blocks(metric):
    """20,000 x 2,000 distances are 320 MB; a search holds a few blocks of 4 MB."""
    rng = np.random.default_rng(0)
    index = BlockIndex(metric).fit(sp.random(20_000, 500, 0.01, "csr", random_state=0))
    index.block_bytes = 4 << 20
    queries = rng.random((300, 500))
    tracemalloc.start()
    index.search(queries, 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20  # the rows made dense would be 80 MB, the distances 48 MB


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_add_and_remove(container):
    index = BlockIndex("manhattan").fit(container(ROWS[:100]))
    assert index.add(container(ROWS[100:])).tolist() == list(range(100, 130))
    index.remove([0, 64, 129])
    kept = np.setdiff1d(np.arange(130), [0, 64, 129])
    values, places = exact.nearest(resolve("manhattan").pairwise(QUERIES, ROWS[kept]), 50)
    assert_answers(index.search(QUERIES, 50), (values, kept[places]))
    assert index.add(container(ROWS[:1])).tolist() == [130]
    np.testing.assert_array_equal(index.ids, [*kept, 130])
    with pytest.raises(ParameterError, match="id 64 is not held"):
        index.remove([64])


def test_adding_the_other_kind_or_a_wider_one_is_refused():
    with pytest.raises(DataTypeError, match="only be added to sparse"):
        BlockIndex("manhattan").fit(sp.csr_matrix(ROWS)).add(ROWS)
    with pytest.raises(DataError, match="holds float32 rows"):
        BlockIndex("manhattan").fit(ROWS.astype(np.float32)).add(ROWS)


def test_what_fit_estimated_stays_when_rows_are_added():
    index = BlockIndex("mahalanobis").fit(ROWS)
    before = index.measure.arguments["VI"]
    index.add(ROWS * 9)
    assert index.measure.arguments["VI"] is before
    index.fit(ROWS * 9)
    np.testing.assert_allclose(index.measure.arguments["VI"], before / 81, rtol=1e-9)


@pytest.mark.parametrize(
    ("metric", "p", "params"),
    [
        ("manhattan", 2, None),
        ("mahalanobis", 2, None),
        ("mahalanobis", 2, {"V": np.diag([1.0, 2.0, 3.0, 4.0])}),
        ("seuclidean", 2, None),
        ("minkowski", 3, None),
        ("minkowski", np.inf, {"w": [1.0, 2.0, 3.0, 4.0]}),
        ("euclidean", 2, {"w": [1.0, 2.0, 3.0, 4.0]}),
        ("jensenshannon", 2, None),
    ],
)
@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_save_and_load_make_the_same_index(metric, p, params, container):
    import json

    index = BlockIndex(resolve(metric, p, params)).fit(container(ROWS))
    index.remove([5])
    settings, sections = index.save()
    for array in sections.values():
        array.flags.writeable = False
    loaded = load_index(json.loads(json.dumps(settings, allow_nan=False)), sections)
    assert isinstance(loaded, BlockIndex)
    assert_answers(loaded.search(QUERIES, 9), index.search(QUERIES, 9))
    assert loaded.add(container(ROWS[:1])).tolist() == [130]
    assert_answers(pickle.loads(pickle.dumps(loaded)).search(QUERIES, 9), loaded.search(QUERIES, 9))


def test_a_function_cannot_be_saved_but_can_be_pickled():
    index = BlockIndex(resolve(manhattan)).fit(ROWS)
    with pytest.raises(ParameterError, match="a model file keeps no code"):
        index.save()
    assert BlockIndex("manhattan").fit(ROWS).save()[0]["metric"] == "manhattan"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows_indices": np.full(3, 4, np.int32)}, "disagree in size"),
        ({"rows_indptr": np.array([0, 10**6])}, "does not ascend"),
        ({"rows_indptr": np.array([], np.int32)}, "disagree in size"),
        ({"rows_data": np.array(["a"] * 520)}, "must be floats"),
    ],
)
def test_r11_broken_sparse_parts_are_refused_on_load(change, message):
    settings, sections = BlockIndex("manhattan").fit(sp.csr_matrix(ROWS + 1)).save()
    with pytest.raises(DataError, match=message):
        load_index(settings, {**sections, **change})
    indices = sections["rows_indices"].copy()
    for wrong in (4, -1, 2**31 - 1):
        indices[7] = wrong
        with pytest.raises(DataError, match=r"outside 0\.\.3"):
            load_index(settings, {**sections, "rows_indices": indices})


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_refusals(container):
    index = BlockIndex("manhattan")
    with pytest.raises(NotFittedError):
        index.search(QUERIES, 1)
    with pytest.raises(DataError, match="no rows"):
        index.fit(container(ROWS[:0]))
    broken = ROWS.copy()
    broken[3, 2] = np.inf
    with pytest.raises(DataError, match="holds inf"):
        index.fit(container(broken))
    with pytest.raises(NotFittedError):  # nothing was taken
        index.search(QUERIES, 1)
    index.fit(container(ROWS))
    with pytest.raises(DataError, match="has 3 columns; this index holds rows of 4"):
        index.search(container(QUERIES[:, :3]), 1)
    with pytest.raises(ParameterError, match="n_neighbors = 131, n_samples_fit = 130"):
        index.search(QUERIES, 131)
    with pytest.raises(ParameterError, match="129 rows may answer"):
        index.search(QUERIES, 130, exclude=np.zeros(23, int))
    with pytest.raises(ParameterError, match="takes those already measured"):
        BlockIndex("precomputed")


def test_nan_euclidean_takes_nan_but_not_infinity():
    rows = ROWS.copy()
    rows[0, 0] = np.nan
    BlockIndex("nan_euclidean").fit(rows)
    with pytest.raises(DataError, match="holds nan at row 0, column 0"):
        BlockIndex("manhattan").fit(rows)
    rows[5, 1] = -np.inf
    with pytest.raises(DataError, match="-inf at row 5, column 1"):
        BlockIndex("nan_euclidean").fit(rows)


def test_no_queries_give_empty_answers():
    index = BlockIndex("manhattan").fit(ROWS)
    assert [part.shape for part in index.search(QUERIES[:0], 3)] == [(0, 3), (0, 3)]
    assert [part.tolist() for part in index.search_radius(QUERIES[:0], 3.0)] == [[0], [], []]


def test_describe_and_trace():
    index = BlockIndex("manhattan").fit(sp.csr_matrix(ROWS))
    trace = index.trace(QUERIES[:1])
    assert (trace["cells"], trace["cells_visited"], trace["distances_counted"]) == ([0], 1, 130)
    described = index.describe()
    assert (described["kind"], described["sparse"], described["n_rows"]) == ("blocks", True, 130)
    assert index.memory_bytes == 0
    index.remove([1])
    assert index.memory_bytes == 129 * 8
