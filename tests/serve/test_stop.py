# SPDX-License-Identifier: Apache-2.0
"""S9: SIGTERM under load loses no answer and ends in time; workers share the work and are replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import kneighbors
from tests.serve.asking import Client, as_instances, rows_and_classes

ROWS, CLASSES = rows_and_classes()
QUERY = as_instances(ROWS[:5])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    return path


@contextmanager
def served(*options):
    """The program as a user starts it: its process and its URL."""
    command = [sys.executable, "-m", "kneighbors.cli", "serve", *map(str, options), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("Serving"), process.stderr.read()
        url = line.split()[-1]
        for _ in range(
            30 if "--workers" in command else 1
        ):  # until one connection or other meets each worker
            client = Client(url)
            client.wait()
            client.connection.close()
        yield process, url
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def ask_until_refused(url, counts, failures):
    """Count answers; a connection that is refused is the end, an answer that does not come is a failure."""
    client = Client(url)
    while True:
        try:
            client.connection.connect()
        except OSError:
            return
        is_fresh = True
        while True:
            try:
                answer = client.post("/invocations", QUERY)
            except ConnectionResetError as error:
                # The system made the connection in the moment in which the listener closed: nobody accepted
                # it. To a client that is a refusal; on a connection that has had answers it is a loss.
                if not is_fresh:
                    failures.append(error)
                return
            except Exception as error:
                failures.append(error)
                return
            if answer.status != 200:
                failures.append(answer)
                return
            counts.append(1)
            is_fresh = False
            if answer.headers.get("connection") == "close":
                client.connection.close()
                break


def stop_under_load(process, url, n_clients=6, seconds=0.5) -> list:
    counts, failures = [], []
    clients = [
        threading.Thread(target=ask_until_refused, args=(url, counts, failures)) for _ in range(n_clients)
    ]
    for one in clients:
        one.start()
    time.sleep(seconds)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=15)
    took = time.monotonic() - started
    for one in clients:
        one.join()
    assert code == 0
    assert took < 10
    assert len(counts) > 10
    return failures


def test_s9_sigterm_under_load_loses_no_answer(folder):
    for _ in range(2):
        with served(folder) as (process, url):
            assert stop_under_load(process, url) == []
            assert "Traceback" not in process.stderr.read()


@pytest.mark.long
def test_s9_fifty_times(folder):
    for _ in range(50):
        with served(folder) as (process, url):
            assert stop_under_load(process, url, seconds=0.2) == []


def test_s9_workers_stop_too(folder):
    with served(folder, "--workers", 2) as (process, url):
        assert stop_under_load(process, url) == []


def test_ctrl_c_ends_as_quietly(folder):
    with served(folder) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        assert "Traceback" not in process.stderr.read()


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def test_a_worker_that_dies_is_replaced_and_all_count_together(folder):
    with served(folder, "--workers", 2) as (process, url):
        workers = children(process.pid)
        assert len(workers) == 2
        for _ in range(30):
            one = Client(url)
            assert one.post("/invocations", QUERY).status == 200
            one.connection.close()
        metrics = Client(url).ask("GET", "/metrics").body.decode()
        rows = next(line for line in metrics.splitlines() if line.startswith("kneighbors_rows_total"))
        assert int(rows.split()[1]) == 150
        os.kill(workers[0], signal.SIGKILL)
        give_up = time.monotonic() + 10
        while len(now := children(process.pid)) < 2 or workers[0] in now:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        for _ in range(10):
            one = Client(url)
            one.wait()
            one.connection.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "--token-file"),
        (["--many", "--workers", "2"], "--many"),
        (["--token-file", "short"], "at least 16"),
    ],
)
def test_unsafe_or_meaningless_options_are_refused(folder, tmp_path, options, message):
    (tmp_path / "short").write_text("secret\n")
    finished = subprocess.run(
        [sys.executable, "-m", "kneighbors.cli", "serve", str(folder), *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert finished.returncode == 2
    assert message in finished.stderr


def test_a_token_is_asked_for(folder, tmp_path):
    (tmp_path / "token").write_text("a-token-of-some-length\n")
    with served(folder, "--token-file", tmp_path / "token") as (_, url):
        client = Client(url)
        assert client.post("/invocations", QUERY).status == 401
        assert client.post("/invocations", QUERY, authorization="Bearer a-token-of-some-length").status == 200
        assert client.ask("GET", "/ping").status == 200
        assert client.ask("GET", "/metrics").status == 401


def test_an_archive_is_served(folder, tmp_path):
    import tarfile

    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname=".")
    with served(tmp_path / "model.tar.gz") as (process, url):
        assert Client(url).post("/invocations", QUERY).status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
