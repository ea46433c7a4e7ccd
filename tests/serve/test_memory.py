# SPDX-License-Identifier: Apache-2.0
"""S5, short: requests and reloads leave nothing behind: memory, open files, threads, connections."""

from __future__ import annotations

import gc
import os
import threading

import pytest

import kneighbors
from tests.serve.asking import as_instances, rows_and_classes, serving
from tests.serve.test_abuse import resident

ROWS, CLASSES = rows_and_classes(300, 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "m"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    return path


def counts():
    gc.collect()
    with open("/proc/self/maps") as file:
        maps = len(file.readlines())
    return len(os.listdir("/proc/self/fd")), threading.active_count(), maps


def requests(client, n_requests: int) -> None:
    body, csv = as_instances(ROWS[:3]), ",".join(["1"] * 16)
    for number in range(n_requests):
        kind, content = [("application/json", body), ("text/csv", csv), ("application/json", "{")][number % 3]
        client.post("/invocations", content, kind, accept="application/json; verbose=true")


def test_s5_requests_leave_nothing(folder):
    with serving(folder) as client:
        requests(client, 600)
        before, memory = counts(), resident()
        requests(client, 3000)
        after = counts()
        assert after[0] == before[0]
        assert after[1] <= before[1] + 1  # the thread for searches begins with the first slow one
        assert abs(after[2] - before[2]) <= 4
        assert resident() - memory <= 8 << 20


def test_s5_loads_and_closes_leave_nothing(folder):
    def cycle() -> None:
        with serving(folder) as client:
            assert client.post("/invocations", as_instances(ROWS[:1])).status == 200

    for _ in range(5):
        cycle()
    before, memory = counts(), resident()
    for _ in range(20):
        cycle()
    after = counts()
    assert after[0] <= before[0] and after[1] <= before[1]
    assert after[2] - before[2] <= 8
    assert resident() - memory <= 8 << 20


@pytest.mark.long
def test_s5_a_hundred_thousand_requests(folder):
    with serving(folder) as client:
        requests(client, 20_000)
        before, memory = counts(), resident()
        requests(client, 100_000)
        assert counts()[:2] == before[:2]
        assert resident() - memory <= max(memory // 50, 8 << 20)
