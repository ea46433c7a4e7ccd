# SPDX-License-Identifier: Apache-2.0
"""Several hosts as processes on 127.0.0.1, 127.0.0.2, ...: one sample, one model, and who is missing."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from itertools import pairwise

import numpy as np
import pytest

import kneighbors
from kneighbors.errors import DataError
from kneighbors.sagemaker.messages import MAX_JSON, Connection, Rows
from kneighbors.sample import Sampler
from tests.sagemaker.conftest import CSV, RECORDIO, encoded, finish
from tests.sagemaker.test_training import metric, same_model


def run(jobs, **settings):
    processes = [job.start() for job in jobs]
    return [finish(process, **settings) for process in processes]


def spread(jobs, name, rows, labels, kind, *, mode="File", n_files=5):
    """Files of unequal length, dealt out in turn, as ShardedByS3Key does."""
    edges = np.linspace(0, 1, n_files + 1) ** 1.5 * len(rows)
    files = {
        f"part-{i}": encoded(kind, rows[int(a) : int(b)], labels[int(a) : int(b)]) + b"\n" * (kind == CSV)
        for i, (a, b) in enumerate(pairwise(edges))
    }
    for place, job in enumerate(jobs):
        mine = {key: files[key] for i, key in enumerate(files) if i % len(jobs) == place}
        job.channel(name, mine, kind, mode=mode, sharded=True)


@pytest.mark.parametrize("kind", [CSV, RECORDIO], ids=["csv", "recordio"])
def test_two_hosts_with_files_in_parts_are_one_host_with_all(hosts, table, kind):
    rows, labels, test_rows, test_labels = table
    jobs = hosts(2)
    spread(jobs, "train", rows, labels, kind)
    spread(jobs, "test", test_rows, test_labels, kind, n_files=3)
    said, said_by_worker = run(jobs)
    found = kneighbors.load(jobs[0].model)
    same_model(found, rows, labels, sample_size=500)
    accuracy = (found.predict(test_rows) == test_labels).mean()
    assert metric(said, "test:accuracy") == pytest.approx(accuracy, abs=1e-12)
    assert "Getting reservoir sample from 127.0.0.2" in said
    assert os.listdir(jobs[1].model) == [] and "The model was written by 127.0.0.1" in said_by_worker


def test_three_hosts_that_all_have_everything(hosts, table):
    rows, labels, test_rows, test_labels = table
    jobs = hosts(3)
    for job in jobs:
        job.channel("train", {"x": encoded(RECORDIO, rows, labels)})
        job.channel("test", {"x": encoded(RECORDIO, test_rows, test_labels)})
    said = run(jobs)[0]
    found = kneighbors.load(jobs[0].model)
    same_model(found, rows, labels, sample_size=500)
    accuracy = (found.predict(test_rows) == test_labels).mean()
    assert metric(said, "test:accuracy") == pytest.approx(accuracy, abs=1e-12)


def test_pipes_in_parts_give_the_sample_of_named_shards(hosts, table):
    """A pipe's rows have no number among all; the sample is still fixed, and each row has its own id."""
    rows, labels, _, _ = table
    jobs = hosts(2)
    for job, part in zip(jobs, (slice(0, 300), slice(300, None)), strict=True):
        job.channel("train", {"x": encoded(RECORDIO, rows[part], labels[part])}, mode="Pipe", sharded=True)
    run(jobs)
    samplers = [Sampler(500, 0, worker=i, n_workers=2, shard=f"127.0.0.{i + 1}") for i in range(2)]
    samplers[0].update(0, rows[:300], labels[:300])
    samplers[1].update(0, rows[300:], labels[300:])
    samplers[0].merge(samplers[1])
    expected = samplers[0].result()
    found = kneighbors.load(jobs[0].model)
    assert np.array_equal(found._fit_X, expected.features)
    assert np.array_equal(rows[found.sample_indices_], expected.features)


def test_equal_shares_as_the_service_draws_them(hosts, table):
    """1,000 rows, a sample of 100, 2 hosts: 50 of each."""
    rows, labels, _, _ = table
    jobs = hosts(2)
    for job, part in zip(jobs, (slice(0, 200), slice(200, None)), strict=True):
        job.hyperparameters |= {"_quota": "equal", "sample_size": "100"}
        job.channel("train", {f"x-{part.start}": encoded(RECORDIO, rows[part], labels[part])}, sharded=True)
    run(jobs)
    ids = kneighbors.load(jobs[0].model).sample_indices_
    assert len(ids) == 100 and (ids < 200).sum() == 50


def test_a_host_without_files_takes_part(hosts, table):
    rows, labels, _, _ = table
    for empty in (0, 1):
        jobs = hosts(2)
        jobs[1 - empty].channel("train", {"x": encoded(CSV, rows, labels)}, CSV, sharded=True)
        jobs[empty].channel("train", {}, CSV, sharded=True)
        run(jobs)
        same_model(kneighbors.load(jobs[0].model), rows, labels, sample_size=500)
        for job in jobs:
            os.rename(job.base, f"{job.base}-{empty}")


def test_a_missing_host_is_named(hosts, table):
    rows, labels, _, _ = table
    jobs = hosts(3, patience=2.5)
    for job in jobs:
        job.channel("train", {"x": encoded(RECORDIO, rows, labels)})
    processes = [job.start() for job in jobs[:2]]  # the third never comes
    for process in processes:
        finish(process, code=1)
    assert "Host 127.0.0.3 did not call within 2.5 seconds" in jobs[0].failure
    assert "Host 127.0.0.1" in jobs[1].failure
    assert os.listdir(jobs[0].model) == []


def test_a_missing_leader_is_named(hosts, table):
    rows, labels, _, _ = table
    jobs = hosts(2, patience=1.0)
    jobs[1].channel("train", {"x": encoded(RECORDIO, rows, labels)})
    assert "Host 127.0.0.1, which leads, did not answer" in finish(jobs[1].start(), code=1)


def test_a_workers_bad_row_is_named_on_every_host(hosts, table):
    rows, labels, _, _ = table
    jobs = hosts(2)
    jobs[0].channel("train", {"a": encoded(CSV, rows, labels)}, CSV, sharded=True)
    jobs[1].channel("train", {"b": b"1,2,3,4,5\n1,2,3,x,5\n"}, CSV, sharded=True)
    run(jobs, code=1)
    assert "Host 127.0.0.2 failed: ClientError" in jobs[0].failure
    for job in jobs:
        assert "line 2" in job.failure and "'x'" in job.failure and "ClientError" in job.failure


def test_the_leaders_refusal_reaches_the_workers(hosts, table):
    rows, labels, _, _ = table
    jobs = hosts(2)
    for job in jobs:
        job.hyperparameters |= {"sample_size": "2"}
        job.channel("train", {"a": encoded(RECORDIO, rows, labels)})
    run(jobs, code=1)
    assert jobs[0].failure.startswith("ClientError: Hyperparameter k")
    assert jobs[1].failure.startswith("ClientError: Host 127.0.0.1 failed: ClientError: Hyperparameter k")


def test_a_killed_worker_ends_the_job(hosts, table):
    """The worker waits for its pipe when it is killed; the leader waits for the worker."""
    rows, labels, _, _ = table
    jobs = hosts(2)
    jobs[0].channel("train", {"x": encoded(RECORDIO, rows, labels)}, mode="Pipe", sharded=True)
    jobs[1].channel("train", {}, mode="Pipe", sharded=True)
    jobs[1]._pipes.clear()
    leader, worker = jobs[0].start(), jobs[1].start()
    said = ""
    while "throughput_metric" not in said:
        said = leader.stdout.readline()
        assert said, "the leader ended before"
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    finish(leader, code=1)
    assert "Host 127.0.0.2 is gone" in jobs[0].failure


def test_strangers_are_sent_away(hosts, table):
    """Whoever calls the leader's port without being a host of the job changes nothing."""
    rows, labels, _, _ = table
    jobs = hosts(2)
    for job in jobs:
        job.channel("train", {"x": encoded(RECORDIO, rows, labels)})
    leader = jobs[0].start()
    address = ("127.0.0.1", int(jobs[0].environment["KNEIGHBORS_HOST_PORT"]))
    deadline = time.monotonic() + 30
    while True:
        try:
            stranger = socket.create_connection(address, timeout=5)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
    for message in (b'{"hello": "127.0.0.9", "job": ""}', b'{"hello": "127.0.0.2", "job": "other"}', b"[]"):
        with socket.create_connection(address, timeout=5) as other:
            other.sendall(struct.pack("<cQ", b"J", len(message)) + message)
            assert other.recv(1) == b""
    stranger.close()
    worker = jobs[1].start()
    assert "that is no missing host of this job was sent away" in finish(leader)
    finish(worker)
    same_model(kneighbors.load(jobs[0].model), rows, labels, sample_size=500)


# --- messages


@pytest.fixture
def tcp_ends():
    with socket.create_server(("127.0.0.1", 0)) as door:
        here = socket.create_connection(door.getsockname())
        there, _ = door.accept()
    pair = Connection(here, "a"), Connection(there, "b")
    yield here, pair
    for one in pair:
        one.close()


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2**63 - 1, -(2**63)]),
        np.array([0.1, -0.0]),
        np.array([0.1, 2.0], np.float32),
        np.array([True, False]),
        np.array(["a", "ä"]),
        np.array(["a", "b"], dtype=object),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_rows_arrive_bit_for_bit(tcp_ends, labels):
    _, (sender, receiver) = tcp_ends
    rows = Rows(np.array([5, 2**40]), np.array([[0.1, -0.0, 1e-45]] * 2, np.float32), labels)
    sender.send_rows(rows)
    found = receiver.receive_any()
    assert found.numbers.tolist() == rows.numbers.tolist()
    assert found.features.tobytes() == rows.features.tobytes()
    assert found.labels.tolist() == labels.tolist()
    if labels.dtype.kind in "ifb":
        assert found.labels.dtype == labels.dtype and found.labels.tobytes() == labels.tobytes()


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"", "is gone"),
        (b"J", "is gone"),
        (struct.pack("<cQ", b"J", 5) + b"{}", "is gone"),
        (struct.pack("<cQ", b"J", MAX_JSON + 1), "sent a message of kind"),
        (struct.pack("<cQ", b"A", 2**63), "sent a message of kind"),
        (struct.pack("<cQ", b"X", 1) + b"a", "sent a message of kind"),
        (struct.pack("<cQ", b"J", 2) + b"[]", "without seen"),
        (struct.pack("<cQ", b"J", 9) + b'{"see":1}', "without seen"),
        (struct.pack("<cQ", b"J", 200_000) + b"[" * 200_000, "without seen"),
        (struct.pack("<cQ", b"A", 4) + b"abcd", "cannot be read"),
        (struct.pack("<cQ", b"A", 0), "cannot be read"),
    ],
)
def test_damaged_messages_are_errors_that_name_the_host(tcp_ends, message, says):
    here, (_, receiver) = tcp_ends
    here.sendall(message)
    here.shutdown(socket.SHUT_WR)
    with pytest.raises(DataError, match=f"Host b .*{says}"):
        receiver.receive_any("seen")


def test_a_silent_host_runs_out_of_time(tcp_ends):
    _, (_, receiver) = tcp_ends
    receiver.timeout(0.05)
    with pytest.raises(DataError, match="sent no message in time"):
        receiver.receive("seen")


def test_every_small_damage_to_rows_is_an_error_or_whole_rows(tcp_ends):
    import pyarrow as pa

    _, (_, receiver) = tcp_ends
    sink = pa.BufferOutputStream()
    batch = pa.record_batch(
        {
            "numbers": pa.array([1, 2]),
            "features": pa.FixedSizeListArray.from_arrays(pa.array(np.ones(4, np.float32)), 2),
            "labels": pa.array([1, 2]),
        }
    )
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    seed = sink.getvalue().to_pybytes()
    generator = np.random.default_rng(1)
    for _ in range(3_000):
        mutant = bytearray(seed)
        for place in generator.integers(0, len(seed), generator.integers(1, 4)):
            mutant[place] = generator.integers(0, 256)
        try:
            rows = receiver._rows(bytes(mutant))
        except DataError:
            continue
        assert len(rows.numbers) == len(rows.features) == len(rows.labels)
