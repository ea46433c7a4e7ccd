# SPDX-License-Identifier: Apache-2.0
"""Every verb of the flat index, on the core itself."""

import copy
import itertools
import pickle
import threading

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from kneighbors import _native
from kneighbors.errors import DataError, DataTypeError, ParameterError, ParameterTypeError
from kneighbors.index import FlatIndex, Index
from tests.reference import exact

METRICS = ("sqeuclidean", "euclidean", "inner_product", "cosine")
RNG = np.random.default_rng(12)
ROWS = RNG.normal(size=(150, 6))
QUERIES = RNG.normal(size=(20, 6))


def assert_answers(answer, expected):
    np.testing.assert_array_equal(answer[1], expected[1])
    np.testing.assert_array_equal(answer[0], expected[0])


def radius_lists(answer):
    offsets, distances, ids = answer
    return [
        (distances[start:stop].tolist(), ids[start:stop].tolist())
        for start, stop in itertools.pairwise(offsets)
    ]


def test_it_is_an_index():
    assert isinstance(FlatIndex(), Index)


def test_an_unknown_metric_names_the_known_ones():
    with pytest.raises(
        ParameterError, match="euclidean, sqeuclidean, inner_product, cosine, not 'manhattan'"
    ):
        FlatIndex("manhattan")


@pytest.mark.parametrize("ask", ["search", "search_radius", "add", "describe", "save"])
def test_a_question_before_fit(ask):
    arguments = {"search": (QUERIES, 1), "search_radius": (QUERIES, 1.0), "add": (ROWS,)}.get(ask, ())
    with pytest.raises(NotFittedError, match="call fit with rows first"):
        getattr(FlatIndex(), ask)(*arguments)


@pytest.mark.parametrize("metric", METRICS)
def test_search_answers_in_float64_and_int64(metric):
    distances, ids = FlatIndex(metric).fit(ROWS).search(QUERIES, 5)
    assert (distances.dtype.char, ids.dtype.char) == ("d", np.dtype(np.int64).char)
    assert_answers((distances, ids), exact.neighbors(QUERIES, ROWS, 5, metric))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_keeps_a_contiguous_array_as_it_is(dtype):
    rows = ROWS.astype(dtype)
    index = FlatIndex().fit(rows)
    assert index.rows is rows or index.rows.base is rows
    assert index.rows.dtype == dtype
    before = rows.copy()
    index.search(QUERIES, 3)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("metric", METRICS)
def test_layouts_give_the_answer_of_the_contiguous_copy(metric):
    expected = FlatIndex(metric).fit(ROWS).search(QUERIES, 4)
    wide = np.zeros((150, 12))
    wide[:, ::2] = ROWS
    read_only = ROWS.copy()
    read_only.flags.writeable = False
    for rows in (np.asfortranarray(ROWS), wide[:, ::2], read_only, np.concatenate([ROWS, ROWS])[:150]):
        assert_answers(FlatIndex(metric).fit(rows).search(np.asfortranarray(QUERIES), 4), expected)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (ROWS.astype(np.float16), DataTypeError, "float32 or float64 in native byte order, not float16"),
        (ROWS.astype(">f8"), DataTypeError, "native byte order"),
        (ROWS.astype(int), DataTypeError, "int64"),
        (ROWS.astype(object), DataTypeError, "object"),
        (ROWS.astype(complex), DataTypeError, "complex128"),
        (ROWS.tolist(), DataTypeError, "NumPy array here, not list"),
        (ROWS[0], DataError, "two dimensions"),
        (ROWS[:, :0], DataError, "no columns"),
        (ROWS[:0], DataError, "no rows"),
    ],
)
def test_rows_that_cannot_be_taken(wrong, error, message):
    with pytest.raises(error, match=message):
        FlatIndex().fit(wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (QUERIES[:, :5], DataError, "has 5 columns; this index holds rows of 6"),
        (QUERIES[0], DataError, "two dimensions"),
        (QUERIES.astype(int), DataTypeError, "int64"),
    ],
)
def test_queries_that_cannot_be_answered(wrong, error, message):
    index = FlatIndex().fit(ROWS)
    with pytest.raises(error, match=message):
        index.search(wrong, 1)
    with pytest.raises(error, match=message):
        index.search_radius(wrong, 1.0)


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ParameterError, "Expected n_neighbors > 0. Got 0"),
        (-3, ParameterError, "Expected n_neighbors > 0. Got -3"),
        (True, ParameterTypeError, "bool"),
        (2.0, ParameterTypeError, "float"),
        ("2", ParameterTypeError, "str"),
        (None, ParameterTypeError, "NoneType"),
        (151, ParameterError, "n_neighbors = 151, n_samples_fit = 150"),
    ],
)
def test_a_number_of_neighbours_that_cannot_be(k, error, message):
    with pytest.raises(error, match=message):
        FlatIndex().fit(ROWS).search(QUERIES, k)


def test_numpy_integers_are_numbers_of_neighbours():
    assert FlatIndex().fit(ROWS).search(QUERIES, np.int32(3))[1].shape == (20, 3)


def test_no_queries_give_empty_answers():
    index = FlatIndex().fit(ROWS)
    distances, ids = index.search(QUERIES[:0], 3)
    assert (distances.shape, ids.shape, ids.dtype) == ((0, 3), (0, 3), np.int64)
    offsets, distances, ids = index.search_radius(QUERIES[:0], 3.0)
    assert (offsets.tolist(), distances.shape, ids.shape) == ([0], (0,), (0,))


@pytest.mark.parametrize("metric", METRICS)
def test_exclude_leaves_one_out_by_its_id_not_by_its_place(metric):
    rows = np.concatenate([ROWS, ROWS[:10]])  # twins: the row itself is not always first
    own = np.arange(160)
    answer = FlatIndex(metric).fit(rows).search(rows, 7, exclude=own)
    assert_answers(answer, exact.neighbors(rows, rows, 7, metric, exclude=own))
    assert not (answer[1] == own[:, None]).any()


def test_exclude_of_nobody_and_of_ids_that_are_not_held():
    index = FlatIndex().fit(ROWS)
    nobody = np.full(20, -1)
    assert_answers(index.search(QUERIES, 150, exclude=nobody), index.search(QUERIES, 150))
    assert_answers(index.search(QUERIES, 150, exclude=nobody + 4000), index.search(QUERIES, 150))


@pytest.mark.parametrize("wrong", [np.zeros(19, int), np.zeros((20, 1), int), np.zeros(20)])
def test_exclude_must_be_one_integer_per_query(wrong):
    with pytest.raises(DataError, match=r"one integer id per query, shape \(20,\)"):
        FlatIndex().fit(ROWS).search(QUERIES, 2, exclude=wrong)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("excluding", [False, True])
def test_radius_takes_exactly_the_rows_within(metric, excluding):
    values = exact.pairwise(QUERIES, ROWS, metric)
    order_values = exact.pairwise(QUERIES, ROWS, "sqeuclidean" if metric == "euclidean" else metric)
    exclude = np.argsort(values, axis=1)[:, 1] if excluding else None
    index = FlatIndex(metric).fit(ROWS)
    # Limits that are distances themselves: the row at the limit belongs to the answer.
    for radius in (*values[0, :12], np.nextafter(values[3, 5], -np.inf), values.min(), values.max(), np.inf):
        answer = radius_lists(index.search_radius(QUERIES, radius, exclude=exclude))
        for line in range(20):
            inside = values[line] <= radius
            if excluding:
                inside[exclude[line]] = False
            order = [int(place) for place in np.argsort(order_values[line], kind="stable") if inside[place]]
            assert answer[line] == (values[line, order].tolist(), order)


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e-162, 1e-100, 1e100, 1e154, 1e200])
def test_radius_of_euclidean_holds_where_its_square_has_no_float(scale):
    rows = np.arange(12.0)[:, None] * scale
    values = exact.pairwise(rows[:1], rows, "euclidean")[0]
    for radius in (0.0, *values, 5.5 * scale):
        _, distances, ids = FlatIndex().fit(rows).search_radius(rows[:1], radius)
        assert (
            ids.tolist()
            == np.flatnonzero(values <= radius)[np.argsort(values[values <= radius], kind="stable")].tolist()
        )
        assert distances.tolist() == np.sort(values[values <= radius]).tolist()


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
def test_a_negative_radius_holds_nothing(metric):
    assert FlatIndex(metric).fit(ROWS).search_radius(ROWS, -0.5)[2].size == 0


@pytest.mark.parametrize("wrong", [np.nan, "1", None, True, [1.0]])
def test_a_radius_that_is_no_number(wrong):
    with pytest.raises(ParameterError, match="radius"):
        FlatIndex().fit(ROWS).search_radius(QUERIES, wrong)


@pytest.mark.parametrize("metric", METRICS)
def test_added_rows_answer_and_continue_the_count(metric):
    index = FlatIndex(metric).fit(ROWS[:100])
    assert index.add(ROWS[100:120]).tolist() == list(range(100, 120))
    assert index.add(ROWS[120:]).tolist() == list(range(120, 150))
    assert index.n_rows == 150
    assert_answers(index.search(QUERIES, 30), exact.neighbors(QUERIES, ROWS, 30, metric))


def test_added_rows_widen_but_never_narrow():
    narrow = ROWS.astype(np.float32)
    index = FlatIndex().fit(ROWS[:100])
    index.add(narrow[100:])
    assert index.rows.dtype == np.float64
    with pytest.raises(DataError, match="holds float32 rows and X is float64"):
        FlatIndex().fit(narrow).add(ROWS)


def test_adding_nothing_changes_nothing():
    index = FlatIndex().fit(ROWS)
    assert index.add(ROWS[:0]).tolist() == []
    assert index.n_rows == 150


@pytest.mark.parametrize("metric", METRICS)
def test_removed_rows_are_gone_and_the_others_keep_their_ids(metric):
    index = FlatIndex(metric).fit(ROWS)
    index.remove(np.array([3, 149, 60]))
    kept = np.setdiff1d(np.arange(150), [3, 60, 149])
    distances, places = exact.neighbors(QUERIES, ROWS[kept], 147, metric)
    assert_answers(index.search(QUERIES, 147), (distances, kept[places]))
    np.testing.assert_array_equal(index.ids, kept)
    assert index.n_rows == 147
    # Ids of removed rows are not used again, not even that of the last one.
    assert index.add(ROWS[:2]).tolist() == [150, 151]
    answered = index.search(ROWS[:1], 149)[1][0]
    assert set(answered) == {*kept, 150, 151}


def test_an_excluded_id_is_an_id_after_removals_too():
    index = FlatIndex().fit(ROWS)
    index.remove(np.arange(10))
    own = np.arange(10, 150)
    distances, ids = index.search(ROWS[10:], 3, exclude=own)
    expected = exact.neighbors(ROWS[10:], ROWS[10:], 3, "euclidean", exclude=own - 10)
    assert_answers((distances, ids), (expected[0], expected[1] + 10))
    # An id that was removed excludes nobody.
    assert_answers(index.search(QUERIES, 140, exclude=np.full(20, 5)), index.search(QUERIES, 140))


@pytest.mark.parametrize("wrong", [[150], [-1], [0, 1, 999]])
def test_removing_what_is_not_held_is_refused_and_changes_nothing(wrong):
    index = FlatIndex().fit(ROWS)
    with pytest.raises(ParameterError, match=r"is not held by this index .*Nothing was removed"):
        index.remove(np.array(wrong))
    assert index.n_rows == 150


def test_removing_twice_is_refused():
    index = FlatIndex().fit(ROWS)
    index.remove([7])
    with pytest.raises(ParameterError, match="id 7 is not held"):
        index.remove([7])


def test_fit_again_starts_again():
    index = FlatIndex().fit(ROWS)
    index.search(QUERIES, 1)
    index.remove([0])
    index.fit(ROWS[:50])
    assert_answers(index.search(QUERIES, 50), exact.neighbors(QUERIES, ROWS[:50], 50, "euclidean"))


@pytest.mark.parametrize("change", ["none", "add", "remove", "empty"])
def test_save_and_load_make_the_same_index(change):
    index = FlatIndex("cosine").fit(ROWS)
    if change == "add":
        index.add(ROWS[:5])
    if change == "remove":
        index.remove([4, 149])
    if change == "empty":
        index.remove(np.arange(150))
    settings, sections = index.save()
    for array in sections.values():
        array.flags.writeable = True
    loaded = FlatIndex.load(settings, sections)
    assert (loaded.metric, loaded.n_rows, loaded.ids.tolist()) == (
        index.metric,
        index.n_rows,
        index.ids.tolist(),
    )
    assert loaded.add(ROWS[:1]).tolist() == index.add(ROWS[:1]).tolist()
    assert_answers(loaded.search(QUERIES, 1), index.search(QUERIES, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda settings, sections: settings.update(next_id=149), "count up to next_id"),
        (lambda settings, sections: settings.update(n_columns=5), "holds rows of 5"),
        (lambda settings, sections: settings.update(metric="manhattan"), "not 'manhattan'"),
        (lambda settings, sections: sections.update(ids=np.arange(149)), r"int64 of \(150,\)"),
        (lambda settings, sections: sections.update(ids=np.arange(150)[::-1].copy()), "must ascend"),
        (lambda settings, sections: sections.update(ids=np.arange(150) - 1), "must ascend"),
        (lambda settings, sections: sections.update(ids=np.arange(150) + 1), "must ascend"),
        (lambda settings, sections: sections.update(ids=np.arange(150.0)), "float64"),
    ],
)
def test_parts_that_do_not_fit_are_refused_on_load(change, message):
    settings, sections = FlatIndex().fit(ROWS).save()
    change(settings, sections)
    with pytest.raises((DataError, ParameterError), match=message):
        FlatIndex.load(settings, sections)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda index: pickle.loads(pickle.dumps(index))]
)
def test_copies_answer_alike_and_change_alone(copied):
    index = FlatIndex().fit(ROWS)
    index.search(QUERIES, 1)
    twin = copied(index)
    assert_answers(twin.search(QUERIES, 9), index.search(QUERIES, 9))
    twin.remove([0])
    assert (twin.n_rows, index.n_rows) == (149, 150)


def test_trace_counts_every_row_in_one_cell():
    trace = FlatIndex().fit(ROWS).trace(QUERIES[:1])
    assert trace["cells"] == [0]
    assert (trace["cells_visited"], trace["distances_counted"]) == (1, 150)


def test_describe_and_memory_are_known_before_the_first_search():
    index = FlatIndex("cosine").fit(ROWS.astype(np.float32))
    promised = index.memory_bytes
    assert promised == _native.flat_memory_bytes(150, 6)
    assert index.describe() == {
        "kind": "flat",
        "metric": "cosine",
        "n_rows": 150,
        "n_removed": 0,
        "next_id": 150,
        "n_columns": 6,
        "dtype": "float32",
        "is_mapped": False,
        "n_cells": 1,
        "row_bytes": 150 * 6 * 4,
        "memory_bytes": promised,
    }
    index.search(QUERIES, 1)
    assert index.memory_bytes <= promised * 1.1
    assert FlatIndex().memory_bytes == 0


def test_the_screen_is_built_once_and_grows():
    index = FlatIndex().fit(ROWS)
    index.search(QUERIES, 1)
    built = index._held.screen.scan
    index.search_radius(QUERIES, 1.0)
    index.trace(QUERIES[:1])
    index.remove([3])
    index.search(QUERIES, 1)
    assert index._held.screen.scan is built
    index.add(ROWS[:1])
    assert (index._held.screen.scan, index._held.screen.source) == (None, built)
    index.search(QUERIES, 1)
    assert index._held.screen.scan.n_rows == 151 and index._held.screen.source is None


def test_many_python_threads_may_ask_at_once():
    index = FlatIndex().fit(np.tile(ROWS, (20, 1)))
    expected = index.search(QUERIES, 25)
    index.fit(np.tile(ROWS, (20, 1)))
    answers = [None] * 8

    def ask(place):
        answers[place] = index.search(QUERIES, 25, n_threads=2)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        assert_answers(answer, expected)
