# SPDX-License-Identifier: Apache-2.0
"""Indexes that grow and shrink answer as one fitted on the rows that are left, with their ids."""

import os
import pickle
import threading

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numpy.testing import assert_array_equal

from kneighbors import _native
from kneighbors.errors import ParameterError
from kneighbors.index import BlockIndex, FlatIndex, HNSWIndex, KDTreeIndex, MetricIndex, load_index
from kneighbors.index.held import count_bits
from kneighbors.index.locks import ChangeLock

METRICS = ("sqeuclidean", "euclidean", "inner_product", "cosine")
MAKES = [
    FlatIndex,
    KDTreeIndex,
    lambda: BlockIndex("manhattan"),
    lambda: MetricIndex("manhattan"),
    lambda: HNSWIndex(effort=5000),
]
N_COLUMNS = 3


def grid(seed, n_rows):
    """Rows on a coarse grid: many ties, many duplicates, zero rows."""
    return np.random.default_rng(seed).integers(-2, 3, (n_rows, N_COLUMNS)).astype(np.float64)


class Machine(RuleBasedStateMachine):
    """Any history of an index, beside a plain table of the rows that are left."""

    make = staticmethod(FlatIndex)

    @initialize(seed=st.integers(0, 1000), n_rows=st.integers(1, 140))
    def start(self, seed, n_rows):
        rows = grid(seed, n_rows)
        self.index = self.make().fit(rows)
        self.table = dict(enumerate(rows))
        self.next_id = n_rows

    @rule(seed=st.integers(0, 1000), n_rows=st.sampled_from([0, 1, 2, 31, 64, 130]))
    def add(self, seed, n_rows):
        rows = grid(seed, n_rows)
        ids = self.index.add(rows)
        assert ids.tolist() == list(range(self.next_id, self.next_id + n_rows))
        self.table.update(zip(ids.tolist(), rows, strict=True))
        self.next_id += n_rows

    @precondition(lambda self: self.table)
    @rule(data=st.data(), share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    def remove(self, data, share):
        held = sorted(self.table)
        if share == 0.0:
            chosen = [data.draw(st.sampled_from(held))]
        else:
            random = np.random.default_rng(data.draw(st.integers(0, 1000)))
            chosen = random.choice(held, int(share * len(held)), replace=False).tolist()
        self.index.remove(np.array(chosen, dtype=np.int64))
        for one in chosen:
            del self.table[one]

    @rule(data=st.data())
    def refuse(self, data):
        gone = sorted(set(range(self.next_id + 1)) - set(self.table))
        with pytest.raises(ParameterError):
            self.index.remove([data.draw(st.sampled_from(gone)), *sorted(self.table)[:1]])

    @rule(how=st.sampled_from(["saved", "pickled"]))
    def reload(self, how):
        if how == "pickled":
            self.index = pickle.loads(pickle.dumps(self.index))
        else:
            stored, sections = self.index.save()
            arrays = {name: array.copy() for name, array in sections.items()}
            for array in arrays.values():
                array.flags.writeable = False
            self.index = load_index(stored, arrays)

    @precondition(lambda self: self.table)
    @rule(seed=st.integers(0, 1000), k=st.integers(1, 200), chosen=st.sampled_from([None, "mask", "ids"]))
    def ask(self, seed, k, chosen):
        random = np.random.default_rng(seed)
        queries = grid(seed, 2)
        among, allowed = None, np.array(sorted(self.table))
        if chosen is not None:
            mask = random.random(self.next_id) < random.choice([0.05, 0.5, 0.95])
            among = mask if chosen == "mask" else np.flatnonzero(mask)
            allowed = allowed[mask[allowed]]
        if allowed.size < k:
            with pytest.raises(ParameterError):
                self.index.search(queries, k, among=among)
            k = allowed.size
        if k == 0:
            return
        fresh = self.make().fit(np.array([self.table[one] for one in allowed]))
        exclude = random.choice(allowed, 2) if k < allowed.size else None
        places = None if exclude is None else np.searchsorted(allowed, exclude)
        distances, ids = self.index.search(queries, k, among=among, exclude=exclude)
        expected = fresh.search(queries, k, exclude=places)
        assert_array_equal(ids, allowed[expected[1]])
        assert_array_equal(distances, expected[0])
        offsets, distances, ids = self.index.search_radius(queries, 1.0, among=among, exclude=exclude)
        expected = fresh.search_radius(queries, 1.0, exclude=places)
        assert_array_equal(offsets, expected[0])
        assert_array_equal(distances, expected[1])
        assert_array_equal(ids, allowed[expected[2]])

    @invariant()
    def the_table_is_what_is_held(self):
        if not hasattr(self, "table"):
            return
        assert (self.index.n_rows, self.index.next_id) == (len(self.table), self.next_id)
        assert self.index.ids.tolist() == sorted(self.table)
        if self.table:
            assert_array_equal(self.index.rows, [self.table[one] for one in sorted(self.table)])


class CosineMachine(Machine):
    make = staticmethod(lambda: FlatIndex("cosine"))


class BlockMachine(Machine):
    make = staticmethod(lambda: BlockIndex("manhattan"))


class MetricMachine(Machine):
    make = staticmethod(lambda: MetricIndex("manhattan"))


class TreeMachine(Machine):
    make = staticmethod(KDTreeIndex)


def histories(machine, n_examples):
    case = machine.TestCase
    case.settings = settings(max_examples=n_examples, stateful_step_count=25, deadline=None, derandomize=True)
    return case


TestFlat = histories(Machine, 150)
TestCosine = histories(CosineMachine, 30)
TestBlocks = histories(BlockMachine, 30)
TestMetric = histories(MetricMachine, 30)
TestTree = histories(TreeMachine, 30)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_r28_grown_and_shrunk_answers_as_fitted_on_what_is_left(metric, dtype):
    """Through additions far from the first rows, after searches, with rows removed and moved together."""
    random = np.random.default_rng(28)
    parts = [
        random.normal(size=(n, 20)) * scale + offset
        for n, scale, offset in ((900, 1, 0), (300, 1e-3, 50), (2000, 30, -7), (5, 1e6, 0), (800, 1, 0))
    ]
    rows = np.concatenate(parts).astype(dtype)
    queries = np.concatenate([part[:4] for part in parts]) + 0.01 * random.normal(size=(20, 20))
    index = FlatIndex(metric).fit(rows[:900])
    left = np.arange(len(rows))
    for first, last, share in ((900, 1200, 0.05), (1200, 3200, 0.3), (3200, 3205, 0.0), (3205, 4005, 0.5)):
        index.search(queries, 10)
        for start in range(first, last, 97):
            index.add(rows[start : min(start + 97, last)])
        held = left[left < last]
        gone = random.choice(held, int(share * held.size), replace=False)
        index.remove(gone)
        left = np.setdiff1d(left, gone)
        held = left[left < last]
        expected = FlatIndex(metric).fit(rows[held]).search(queries, 10, n_threads=2)
        distances, ids = index.search(queries, 10, n_threads=2)
        assert_array_equal(ids, held[expected[1]])
        assert_array_equal(distances, expected[0])
    assert not np.signbit(distances).any() or metric == "inner_product"


def test_removed_rows_are_moved_together_when_more_than_a_quarter_is_gone():
    index = FlatIndex().fit(grid(1, 1000))
    index.search(grid(2, 1), 1)
    codes = index.memory_bytes
    index.remove(np.arange(250))
    assert index.describe()["n_removed"] == 250 and index._held.screen.scan is not None
    assert codes < index.memory_bytes <= codes + 128  # a bit for each row
    index.remove([999])
    assert index.describe()["n_removed"] == 0
    index.search(grid(2, 1), 1)
    assert index._held.screen.scan.memory_bytes < codes
    assert index.add(grid(3, 2)).tolist() == [1000, 1001]
    assert index.ids.tolist() == [*range(250, 999), 1000, 1001]


def test_additions_copy_neither_the_first_rows_nor_themselves_again_and_again():
    rows = np.zeros((5000, 16))
    index = FlatIndex().fit(rows)
    buffers = set()
    for _ in range(300):
        index.add(rows[:10])
        assert index._held.first is rows or index._held.first.base is rows
        buffers.add(index._held.buffer.array.ctypes.data)
        assert index._held.spare_bytes <= 0.5 * index._held.added.nbytes
    assert len(buffers) < 20


def test_a_copy_and_its_original_grow_apart():
    import copy

    index = FlatIndex().fit(grid(1, 10))
    index.add(grid(2, 10))
    twin = copy.copy(index)
    for _ in range(3):  # the first addition makes room, which both find behind their rows
        index.add(np.full((1, 3), 7.0))
        twin.add(np.full((1, 3), 9.0))
        both = copy.copy(index)
        both.add(np.full((1, 3), 5.0))
    assert (index.rows[-3:, 0].tolist(), twin.rows[-3:, 0].tolist()) == ([7.0] * 3, [9.0] * 3)
    for one in (index, twin, both):
        assert_array_equal(
            one.search(grid(3, 2), 5)[1], FlatIndex().fit(np.array(one.rows)).search(grid(3, 2), 5)[1]
        )


def test_count_bits_with_either_numpy(monkeypatch):
    words = np.random.default_rng(0).integers(0, 2**64, 99, dtype=np.uint64)
    expected = sum(int(word).bit_count() for word in words)
    assert count_bits(words) == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert count_bits(words) == expected


# --- while others search ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKES)
def test_r43_r44_searches_while_rows_come_and_go(make):
    """Each answer is that of the rows before or after some change; nothing crashes or waits for ever."""
    random = np.random.default_rng(43)
    anchors = random.normal(size=(64, 6))  # always there: ids 0 to 63
    index = make().fit(anchors)
    failures = []
    stop = threading.Event()

    def searching():
        while not stop.is_set():
            try:
                distances, ids = index.search(anchors[:8], 3)
                assert (ids[:, 0] == np.arange(8)).all() and (distances[:, 0] == 0).all()
                offsets, _, found = index.search_radius(anchors[:2], 1.0)
                assert found[offsets[0]] == 0 and found[offsets[1]] == 1
                assert index.search(anchors[:2], 2, among=np.arange(64))[1][1, 0] == 1
                index.trace(anchors[:1], 2)
                index.describe(), index.memory_bytes, index.rows, pickle.dumps(index)
            except BaseException as error:
                failures.append(error)
                raise

    def changing(seed):
        own = np.random.default_rng(seed)
        try:
            for _ in range(300):
                added = index.add(anchors[own.integers(0, 64, 40)] + 5.0 + own.random((40, 6)))
                index.remove(added[own.random(40) < 0.8])
        except BaseException as error:
            failures.append(error)
            raise

    searchers = [threading.Thread(target=searching) for _ in range(3)]
    changers = [threading.Thread(target=changing, args=(seed,)) for seed in range(2)]
    for thread in searchers + changers:
        thread.start()
    for thread in changers:
        thread.join(60)
        assert not thread.is_alive()
    stop.set()
    for thread in searchers:
        thread.join(60)
        assert not thread.is_alive()
    assert not failures
    assert index.next_id == 64 + 2 * 300 * 40
    plain = make().fit(np.ascontiguousarray(index.rows))
    distances, ids = index.search(anchors, 20)
    expected = plain.search(anchors, 20)
    assert_array_equal(ids, index.ids[expected[1]])
    assert_array_equal(distances, expected[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_r45_fork_while_another_thread_builds_or_changes():
    """A child finds the locks open, and the index as it was before the change or after."""
    lock = ChangeLock()
    index = FlatIndex().fit(np.random.default_rng(45).normal(size=(4000, 64)))
    queries = index.rows[:3].copy()
    stop = threading.Event()

    def changing():
        while not stop.is_set():
            added = index.add(np.zeros((50, 64)))
            index.search(queries, 2)
            index.remove(added)

    worker = threading.Thread(target=changing)
    with lock, index._building, index._changing:  # held here, by the thread that forks: the worst case
        worker.start()
        children = [_forked_child(index, lock, queries) for _ in range(3)]
    children += [_forked_child(index, lock, queries) for _ in range(12)]
    stop.set()
    worker.join(60)
    assert not worker.is_alive()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 15


def _forked_child(index, lock, queries):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            import signal

            signal.alarm(20)  # ends a child that hangs
            with lock:
                pass
            found = index.search(queries, 2, n_threads=2)[1]
            fresh = index.add(queries)
            index.remove(fresh)
            code = 0 if (found[:, 0] == np.arange(3)).all() else 2
        finally:
            os._exit(code)
    return child


def test_the_sampled_screen_of_a_grown_index_stays_sharp():
    """Growing far away renews the screen: the index answers, and measures as few rows as a fresh one."""
    random = np.random.default_rng(3)
    near, far = random.normal(size=(3000, 24)), 1e4 + 0.1 * random.normal(size=(6000, 24))
    index = FlatIndex().fit(near)
    index.search(near[:1], 1)
    for start in range(0, 6000, 500):
        index.add(far[start : start + 500])
        index.search(far[:50], 10)
    grown = index._held.screen.scan
    assert grown.n_renewals >= 1
    fresh = _native.FlatScan(np.concatenate([near, far]), "sqeuclidean")
    fresh.search(far[:50], 10)
    assert grown.scan_statistics()["exact_per_query"] < 3 * fresh.scan_statistics()["exact_per_query"] + 50
