# SPDX-License-Identifier: Apache-2.0
"""Sampling against its slow judge: any split, any order, any batch size gives the same rows."""

from __future__ import annotations

import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors import data
from kneighbors.errors import DataError, DataTypeError, ParameterError, ParameterTypeError
from kneighbors.sample import Sampler, reservoir, row_keys
from tests.reference import sample as judge

SEEDS = [0, 1, 42, 2**63, 2**64 - 1]


def table(n: int, d: int = 3, dtype: type = np.float64) -> np.ndarray:
    """Rows that tell their own number."""
    return (np.arange(n)[:, np.newaxis] + np.arange(d) / 8).astype(dtype)


def feed(sampler: Sampler, rows: np.ndarray, first: int = 0, size: int = 64, labels: bool = True) -> Sampler:
    """Give a sampler ``rows``, the first of which has number ``first``, in batches."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        names = np.arange(first + start, first + start + len(part)) * 10 if labels else None
        sampler.update(first + start, part, names)
    return sampler


# --- the keys


def test_keys_are_fixed_for_ever() -> None:
    """Golden values: whoever changes one changes the sample of every saved model."""
    rows = np.array([0, 1, 2, 10**6, 2**62])
    assert row_keys(0, rows).tolist() == [
        12035550249420947055,
        12935080325729570654,
        7141179953334974231,
        2748169176389114251,
        12992853641157448585,
    ]
    assert row_keys(42, rows[:3]).tolist() == [6332618229526065668, 17630415256238047317, 8971565426155258802]
    assert row_keys(2**64 - 1, rows[:3]).tolist() == [
        6755974106381971767,
        13665441387248026780,
        9418208206007042598,
    ]
    assert row_keys(0, rows[:3], "part-0").tolist() == [
        1156585875805977274,
        395933163286658988,
        520318780183870616,
    ]


def test_keys_are_the_outputs_of_splitmix64() -> None:
    """The published first outputs of SplitMix64 with seed 0, by the judge's own function."""
    assert judge.mix(judge.GAMMA) == 0xE220A8397B1DCDAF
    assert judge.mix(2 * judge.GAMMA % 2**64) == 0x6E789E6AA1B965F4


@given(
    st.integers(0, 2**64 - 1), st.integers(0, 2**62), st.one_of(st.none(), st.text(min_size=1, max_size=9))
)
@settings(max_examples=200, deadline=None)
def test_keys_equal_the_judge(seed: int, row: int, shard: str | None) -> None:
    rows = np.array([0, 1, 99, 100, row])
    assert row_keys(seed, rows, shard).tolist() == [judge.key(seed, int(r), shard) for r in rows]


def test_keys_do_not_write_to_their_rows() -> None:
    rows = np.arange(5)
    row_keys(0, rows)
    assert rows.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_are_distinct_and_even(seed: int) -> None:
    keys = row_keys(seed, np.arange(200_000))
    assert len(np.unique(keys)) == len(keys)
    counts = np.bincount((keys >> np.uint64(56)).astype(np.int64), minlength=256)
    expected = len(keys) / 256
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert 160 < chi_square < 360  # 255 degrees of freedom: mean 255, five standard deviations of 22.6


# --- one worker


@given(
    st.integers(1, 400),
    st.integers(1, 450),
    st.integers(1, 97),
    st.sampled_from(SEEDS),
    st.randoms(use_true_random=False),
)
@settings(max_examples=120, deadline=None)
def test_sample_equals_the_judge_whatever_the_batches(n, sample_size, size, seed, random) -> None:
    rows = table(n)
    sampler = Sampler(sample_size, seed)
    starts = list(range(0, n, size))
    random.shuffle(starts)  # the order of the batches does not matter either
    for start in starts:
        part = rows[start : start + size]
        sampler.update(start, part, np.arange(start, start + len(part)) * 10)
    sample = sampler.result()
    expected = judge.sample(seed, range(n), sample_size)
    assert sample.sample_indices.tolist() == expected
    assert np.array_equal(sample.features, rows[expected])
    assert sample.labels is not None and sample.labels.tolist() == [row * 10 for row in expected]
    assert sample.n_seen == n and sample.shards is None
    assert sample.sample_indices.dtype == np.int64


@pytest.mark.parametrize("sample_size", [None, 100, 10**12])
def test_all_rows_are_kept_when_there_is_room(sample_size: int | None) -> None:
    rows = table(100, dtype=np.float32)
    sample = feed(Sampler(sample_size), rows, size=7).result()
    assert np.array_equal(sample.features, rows) and sample.features.dtype == np.float32
    assert sample.sample_indices.tolist() == list(range(100))


def test_every_row_has_the_same_chance() -> None:
    """Over 400 seeds each of 50 rows is kept about as often as the others: chi-square over the rows."""
    counts = np.zeros(50)
    for seed in range(400):
        counts[feed(Sampler(10, seed), table(50)).result().sample_indices] += 1
    expected = 400 * 10 / 50
    variance = 400 * 0.2 * 0.8
    assert 50 - 5 * 10 < ((counts - expected) ** 2 / variance).sum() < 50 + 5 * 10


def test_the_buffer_stays_within_twice_the_sample() -> None:
    sampler = Sampler(100)
    for start in range(0, 5_000, 50):
        sampler.update(start, table(50) + start)
        assert len(sampler._reservoir.columns["features"]) <= 200
    assert len(sampler.result().features) == 100


@pytest.mark.parametrize("labels", [True, False])
def test_scarce_room_changes_nothing(monkeypatch: pytest.MonkeyPatch, labels: bool) -> None:
    """One spare row, growth step by step, rows put in order column by column."""
    expected = feed(Sampler(300), table(2_000), labels=labels).result()
    monkeypatch.setattr(reservoir, "SPARE_BYTES", 1)
    monkeypatch.setattr(reservoir, "GROWTH_BYTES", 1)
    sample = feed(Sampler(300), table(2_000), labels=labels).result()
    assert np.array_equal(sample.features, expected.features)
    assert np.array_equal(sample.sample_indices, expected.sample_indices)


def test_labels_of_every_kind() -> None:
    """R40: whole numbers up to the ends of int64 come out as they went in."""
    extremes = np.array([2**63 - 1, -(2**63), 2**53 + 1, 2**24 + 1])
    for labels in (
        extremes,
        np.array([1.5, -0.0, 5e-324, 1e308]),
        np.array([True, False, True, True]),
        np.array(["a", "bbbb", "ü", ""]),
        np.array(["a", "bbbb", "ü", ""], dtype=object),
        np.array([[1, 2], [3, 4], [5, 6], [7, 8]]),
    ):
        sampler = Sampler(None)
        sampler.update(0, table(2), labels[:2])
        sampler.update(2, table(2), labels[2:])
        result = sampler.result().labels
        assert result is not None and result.dtype == labels.dtype
        assert result.tolist() == labels.tolist()


def test_labels_widen_only_without_loss() -> None:
    sampler = Sampler(None)
    sampler.update(0, table(2), np.array([1, 2]))
    sampler.update(2, table(1), np.array([2.5]))
    sampler.update(3, table(1), np.array([4]))
    assert sampler.result().labels.tolist() == [1.0, 2.0, 2.5, 4.0]
    sampler = Sampler(None)
    sampler.update(0, table(1), np.array([2**53 + 1]))
    with pytest.raises(DataError, match=r"2\*\*53"):
        sampler.update(1, table(1), np.array([2.5]))
    with pytest.raises(DataTypeError, match="text"):
        sampler.update(1, table(1), np.array(["a"]))


# --- many workers


@pytest.mark.parametrize("n_shards", [1, 2, 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_merged_shards_equal_the_whole(n_shards: int, reverse: bool) -> None:
    rows = table(1_000)
    whole = feed(Sampler(100), rows).result()
    edges = np.linspace(0, 1_000, n_shards + 1).astype(int) ** 2 // 1_000  # shards of unequal length
    parts = [feed(Sampler(100), rows[a:b], a) for a, b in pairwise(edges)]
    if reverse:
        parts.reverse()
    for other in parts[1:]:
        parts[0].merge(other)
    merged = parts[0].result()
    assert np.array_equal(merged.sample_indices, whole.sample_indices)
    assert np.array_equal(merged.features, whole.features) and np.array_equal(merged.labels, whole.labels)
    assert merged.n_seen == 1_000


@pytest.mark.parametrize("n_workers", [1, 2, 7])
def test_replicated_workers_equal_the_whole(n_workers: int) -> None:
    rows = table(1_000)
    whole = feed(Sampler(100), rows).result()
    workers = [
        feed(Sampler(100, worker=i, n_workers=n_workers, replicated=True), rows) for i in range(n_workers)
    ]
    assert [worker.n_seen for worker in workers] == [
        len(range(i, 1_000, n_workers)) for i in range(n_workers)
    ]
    for other in workers[1:]:
        workers[0].merge(other)
    assert np.array_equal(workers[0].result().sample_indices, whole.sample_indices)


@pytest.mark.parametrize("replicated", [False, True])
def test_equal_quota_takes_50_and_50_of_1000_rows(replicated: bool) -> None:
    """The managed algorithm's exact share: sample_size / n_workers rows each."""
    rows = table(1_000)
    workers = [Sampler(100, worker=i, n_workers=2, quota="equal", replicated=replicated) for i in range(2)]
    for i, worker in enumerate(workers):
        if replicated:
            feed(worker, rows)
        else:
            feed(worker, rows[i * 500 : (i + 1) * 500], i * 500)
    workers[0].merge(workers[1])
    chosen = workers[0].result().sample_indices
    mine = [set(range(0, 1_000, 2)), set(range(1, 1_000, 2))]
    if not replicated:
        mine = [set(range(500)), set(range(500, 1_000))]
    assert [len(mine[i] & set(chosen.tolist())) for i in range(2)] == [50, 50]
    expected = sorted(judge.sample(0, mine[0], 50) + judge.sample(0, mine[1], 50))
    assert chosen.tolist() == expected


def test_equal_quota_gives_the_remainder_to_the_first_workers() -> None:
    rows = table(300)
    workers = [Sampler(11, worker=i, n_workers=3, quota="equal") for i in range(3)]
    for i, worker in enumerate(workers):
        feed(worker, rows[i * 100 : (i + 1) * 100], i * 100)
    workers[2].merge(workers[0])
    workers[2].merge(workers[1])
    chosen = workers[2].result().sample_indices
    assert np.bincount(chosen // 100).tolist() == [4, 4, 3]


def test_equal_quota_with_fewer_rows_than_workers() -> None:
    workers = [Sampler(1, worker=i, n_workers=3, quota="equal") for i in range(3)]
    for i, worker in enumerate(workers):
        feed(worker, table(10), i * 10)
    workers[1].merge(workers[2])
    workers[1].merge(workers[0])
    assert workers[1].result().sample_indices.tolist() == judge.sample(0, range(10), 1)


def test_named_shards_merge_in_any_order() -> None:
    def run(order: tuple[str, ...]) -> tuple[list[int], list[str], list[float]]:
        parts = [feed(Sampler(20, shard=name), table(50) + ord(name), size=9) for name in order]
        for other in parts[1:]:
            parts[0].merge(other)
        sample = parts[0].result()
        assert sample.shards is not None
        return sample.sample_indices.tolist(), sample.shards.tolist(), sample.features[:, 0].tolist()

    first = run(("b", "a", "c"))
    assert first == run(("c", "b", "a")) == run(("a", "c", "b"))
    rows, shards, values = first
    assert list(zip(shards, rows, strict=True)) == sorted(zip(shards, rows, strict=True))
    assert values == [row + ord(shard) for row, shard in zip(rows, shards, strict=True)]
    every = [(judge.key(0, row, shard), shard, row) for shard in "abc" for row in range(50)]
    assert sorted((shard, row) for _, shard, row in sorted(every)[:20]) == list(
        zip(shards, rows, strict=True)
    )


def test_equal_keys_go_to_the_lower_shard_and_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ties cannot be had from the hash at will, so every key is made equal."""
    monkeypatch.setattr(
        "kneighbors.sample.sampler.row_keys", lambda seed, rows, shard: np.zeros(len(rows), np.uint64)
    )
    parts = [feed(Sampler(5, shard=name), table(4)) for name in ("b", "a")]
    parts[0].merge(parts[1])
    sample = parts[0].result()
    assert sample.sample_indices.tolist() == [0, 1, 2, 3, 0]
    assert sample.shards.tolist() == ["a", "a", "a", "a", "b"]
    assert feed(Sampler(3), table(100), size=11).result().sample_indices.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "shards"),
    [({}, None), ({"quota": "equal"}, None), ({"replicated": True}, None), ({}, ["b", "a", "c"])],
    ids=["merge", "equal", "replicated", "named"],
)
def test_plain_arrays_merge_as_samplers_do(settings: dict[str, Any], shards: list[str] | None) -> None:
    rows, labels = np.arange(900.0).reshape(300, 3), np.array([f"label {i}" for i in range(300)])

    def workers() -> list[Sampler]:
        made = []
        for worker in range(3):
            name = None if shards is None else shards[worker]
            made.append(Sampler(50, 7, worker=worker, n_workers=3, shard=name, **settings))
            part = slice(None) if settings.get("replicated") else slice(100 * worker, 100 * worker + 100)
            first_row = (part.start or 0) if shards is None else 0
            made[-1].update(first_row, rows[part], labels[part])
        return made

    whole, leader = workers(), workers()
    for other in whole[1:]:
        whole[0].merge(other)
    for worker, other in enumerate(leader[1:], start=1):
        for ids, features, marks in other.kept():
            name = None if shards is None else shards[worker]
            for one in range(len(ids)):  # in any parts
                part = slice(one, one + 1)
                assert marks is not None
                leader[0].merge_rows(ids[part], features[part], marks[part], worker=worker, shard=name)
    expected, found = whole[0].result(), leader[0].result()
    assert found.features.tobytes() == expected.features.tobytes()
    assert found.labels is not None and expected.labels is not None
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.sample_indices.tolist() == expected.sample_indices.tolist()


def test_plain_arrays_that_do_not_belong_are_refused() -> None:
    leader = Sampler(5, worker=0, n_workers=2, replicated=True)
    leader.update(0, np.zeros((4, 2)))
    ids, rows = np.array([1]), np.zeros((1, 2))
    with pytest.raises(ParameterError, match="another worker"):
        leader.merge_rows(ids, rows, worker=0)
    with pytest.raises(ParameterError, match="a shard name or neither"):
        leader.merge_rows(ids, rows, worker=1, shard="a")
    with pytest.raises(DataError, match="another's to look at"):
        leader.merge_rows(ids + 1, rows, worker=1)
    with pytest.raises(DataError, match="expected as many of each"):
        leader.merge_rows(ids, rows[:0], worker=1)
    with pytest.raises(DataError, match="found row -1"):
        leader.merge_rows(-ids, rows, worker=1)
    with pytest.raises(DataError, match="3 columns"):
        leader.merge_rows(ids, np.zeros((1, 3)), worker=1)


def test_an_empty_shard_merges() -> None:
    full = feed(Sampler(10), table(50))
    full.merge(Sampler(10))
    start = Sampler(10)
    start.merge(feed(Sampler(10), table(50)))
    assert full.result().sample_indices.tolist() == start.result().sample_indices.tolist()


def test_r49_samplers_that_came_read_only_from_another_process() -> None:
    """Pickled with buffers out of band, arrays arrive read-only, as with Ray; merging copies them."""
    parts = [feed(Sampler(100), table(500) + i * 500, i * 500) for i in range(2)]
    moved = []
    for part in parts:
        buffers: list[pickle.PickleBuffer] = []
        state = pickle.dumps(part, protocol=5, buffer_callback=buffers.append)
        moved.append(pickle.loads(state, buffers=[bytes(buffer.raw()) for buffer in buffers]))
    assert not moved[0]._reservoir.columns["keys"].flags.writeable
    moved[0].merge(moved[1])
    expected = feed(Sampler(100), table(1_000)).result()
    merged = moved[0].result()
    assert np.array_equal(merged.sample_indices, expected.sample_indices)
    assert np.array_equal(merged.features, expected.features)


# --- refusals


def test_settings_out_of_range() -> None:
    for wrong in ({"sample_size": 0}, {"n_workers": 0}, {"worker": 2, "n_workers": 2}, {"quota": "half"}):
        with pytest.raises(ParameterError):
            Sampler(**{"sample_size": 5, **wrong})
    for wrong in ({"sample_size": True}, {"sample_size": 2.0}, {"shard": 3}, {"shard": ""}):
        with pytest.raises(ParameterTypeError):
            Sampler(**{"sample_size": 5, **wrong})
    for seed in (-1, 2**64):
        with pytest.raises(ParameterError, match="random_state"):
            Sampler(5, seed)
    for seed in (1.5, "0", True):
        with pytest.raises(ParameterTypeError, match="random_state"):
            Sampler(5, seed)
    with pytest.raises(ParameterError, match="replicated"):
        Sampler(5, replicated=True, shard="a")


def test_seeds_from_generators() -> None:
    assert Sampler(5, np.random.default_rng(7)).seed == Sampler(5, np.random.default_rng(7)).seed
    assert Sampler(5, np.random.RandomState(7)).seed == Sampler(5, np.random.RandomState(7)).seed
    assert Sampler(5, None).seed != Sampler(5, None).seed
    assert Sampler(5, np.int64(9)).seed == 9


def test_rows_that_do_not_fit() -> None:
    sampler = feed(Sampler(5), table(3))
    for rows, labels in (
        (table(3, d=4), np.arange(3)),
        (table(3, dtype=np.float32), np.arange(3)),
        (table(3), None),
        (table(3), np.zeros((3, 2))),
        (table(3), np.arange(2)),
        (np.zeros(3), np.arange(3)),
    ):
        with pytest.raises(DataError):
            sampler.update(3, rows, labels)
    assert feed(sampler, table(3), 3).result().sample_indices.tolist() == judge.sample(0, range(6), 5)


def test_a_row_that_comes_twice() -> None:
    parts = [feed(Sampler(50), table(100)), feed(Sampler(50), table(100), 80)]
    parts[0].merge(parts[1])
    with pytest.raises(DataError, match="came twice") as caught:
        parts[0].result()
    assert caught.value.row in range(80, 100)


def test_merging_what_does_not_belong_together() -> None:
    base = Sampler(5)
    for other in (
        Sampler(6),
        Sampler(5, 1),
        Sampler(5, quota="equal"),
        Sampler(5, n_workers=2),
        Sampler(5, shard="a"),
    ):
        with pytest.raises(ParameterError):
            base.merge(other)
    equal = [Sampler(5, quota="equal", n_workers=2) for _ in range(2)]
    with pytest.raises(ParameterError, match="worker 0"):
        equal[0].merge(equal[1])
    pair = [Sampler(5, quota="equal", n_workers=2, worker=i) for i in range(2)]
    pair[0].merge(pair[1])
    with pytest.raises(ParameterError, match="before the merge"):
        pair[0].update(0, table(1))


def test_a_finished_sampler_takes_nothing_more() -> None:
    sampler = feed(Sampler(5), table(10))
    assert sampler.result() is sampler.result()
    with pytest.raises(ParameterError, match="has given its result"):
        sampler.update(10, table(1))
    with pytest.raises(ParameterError, match="has given its result"):
        Sampler(5).merge(sampler)
    with pytest.raises(DataError, match="no rows"):
        Sampler(5).result()


# --- with data


def test_shards_of_a_csv_sampled_apart_equal_the_whole(tmp_path: Path) -> None:
    rows = table(2_000)
    paths = []
    for i, (a, b) in enumerate([(0, 300), (300, 1_400), (1_400, 2_000)]):
        paths.append(tmp_path / f"part-{i}.csv")
        np.savetxt(paths[-1], rows[a:b], delimiter=",")
    whole = Sampler(100)
    for batch in data.open(tmp_path).batches(77):
        whole.update(batch.first_row, batch.features)
    first_row, leader = 0, Sampler(100)
    for path in paths:  # each shard is told its first row by a counting pass over those before it
        source = data.open(path)
        worker = Sampler(100)
        for batch in source.batches(31, first_row=first_row):
            worker.update(batch.first_row, batch.features)
        first_row += data.open(path).count_rows()
        leader.merge(worker)
    assert leader.result().sample_indices.tolist() == judge.sample(0, range(2_000), 100)
    assert np.array_equal(leader.result().features, whole.result().features)


_PEAK = """
import resource, sys
def peak():
    # a process starts with its parent's ru_maxrss, so where the kernel tells the peak of this image, that is
    # taken
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
_MEASURE = (
    _PEAK
    + """
from kneighbors import data
from kneighbors.sample import Sampler
sampler = Sampler(int(sys.argv[2]))
for batch in data.open(sys.argv[1], label="kind").batches():
    sampler.update(batch.first_row, batch.features, batch.labels)
sample = sampler.result()
size = sample.features.nbytes + sample.labels.nbytes + sample.sample_indices.nbytes
print(size, peak(), sample.n_seen, len(sample.features))
"""
)


def _write_table(path: Path, n_bytes: int) -> int:
    """A CSV of 20 columns and a label of about so many bytes; its number of rows."""
    generator = np.random.default_rng(0)
    lines = [
        ",".join(f"{value:.6f}" for value in row) + f",{i % 7}\n"
        for i, row in enumerate(generator.normal(size=(2_000, 20)))
    ]
    block = "".join(lines).encode()
    repeats = n_bytes // len(block) + 1
    with path.open("wb") as file:
        file.write(",".join(f"x{i}" for i in range(20)).encode() + b",kind\n")
        for _ in range(repeats):
            file.write(block)
    return repeats * len(lines)


def _peak_of_sampling(path: Path, sample_size: int) -> tuple[int, int, int, int]:
    run = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path), str(sample_size)],
        capture_output=True,
        text=True,
        check=True,
    )
    size, peak, n_seen, n_kept = map(int, run.stdout.split())
    return size, peak, n_seen, n_kept


@pytest.mark.parametrize("sample_size", [10_000, 600_000])
def test_memory_of_sampling_a_csv(tmp_path: Path, sample_size: int) -> None:
    """A CSV of 200 MB: the whole process, interpreter included, peaks below sample + 300 MB."""
    n_rows = _write_table(tmp_path / "table.csv", 200 << 20)
    size, peak, n_seen, n_kept = _peak_of_sampling(tmp_path / "table.csv", sample_size)
    assert (n_seen, n_kept) == (n_rows, sample_size)
    assert peak < size + 300_000_000, f"peak {peak >> 20} MiB, sample {size >> 20} MiB"


@pytest.mark.long
@pytest.mark.parametrize("sample_size", [50_000, 3_000_000])
def test_memory_of_sampling_a_csv_of_a_gigabyte(tmp_path: Path, sample_size: int) -> None:
    """The same for 1.2 GB: memory does not grow with the file."""
    n_rows = _write_table(tmp_path / "table.csv", 1200 << 20)
    size, peak, n_seen, n_kept = _peak_of_sampling(tmp_path / "table.csv", sample_size)
    assert (n_seen, n_kept) == (n_rows, sample_size)
    assert peak < size + 300_000_000, f"peak {peak >> 20} MiB, sample {size >> 20} MiB"


def test_the_measure_of_memory_is_not_blind() -> None:
    """A child that takes 200 MB says so."""
    run = subprocess.run(
        [sys.executable, "-c", _PEAK + "x = b'x' * (200 << 20); print(peak())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 200 << 20 < int(run.stdout) < 260 << 20
