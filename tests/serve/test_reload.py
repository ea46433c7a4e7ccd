# SPDX-License-Identifier: Apache-2.0
"""Live edits: the server swaps whole models, keeps the old one where the new is bad, and loses no request."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time

import numpy as np
import pytest

import kneighbors
from tests.serve.asking import Client, as_instances, rows_and_classes, serving

ROWS, CLASSES = rows_and_classes()
VERSION = "x-kneighbors-model-version"
QUERY = as_instances(ROWS[:1])


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
    monkeypatch.setattr("kneighbors.serve.slots.LOOK_SECONDS", 0.08)


@pytest.fixture
def folder(tmp_path):
    kneighbors.KNeighborsClassifier(3).fit(ROWS, CLASSES).save(tmp_path / "m")
    return tmp_path / "m"


def edit(folder, **values):
    path = folder / "model_algo-1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values, indent=2))


def version(client) -> str:
    return client.post("/invocations", QUERY).headers[VERSION]


def wait_for_change(client, old: str, seconds: float = 10.0) -> str:
    give_up = time.monotonic() + seconds
    while (now := version(client)) == old:
        assert time.monotonic() < give_up, "the edit was not taken"
        time.sleep(0.02)
    return now


def labels_of(client):
    answer = client.post("/invocations", QUERY, accept="application/json; verbose=true")
    return answer.json()["predictions"][0]["labels"]


def test_k_and_predictor_type_are_taken_while_serving(folder):
    with serving(folder) as client:
        old = version(client)
        assert len(labels_of(client)) == 3
        edit(folder, k=7)
        second = wait_for_change(client, old)
        assert len(labels_of(client)) == 7
        edit(folder, predictor_type="regressor")
        wait_for_change(client, second)
        mean = client.post("/invocations", QUERY).json()["predictions"][0]["predicted_label"]
        assert mean == pytest.approx(np.mean(labels_of(client)))


@pytest.mark.parametrize(
    "damage",
    [
        "k above the rows",
        "k of 0",
        "not JSON",
        "other digest",
        "no JSON",
        "no index",
        "cut index",
        "no folder",
    ],
)
def test_s8_a_bad_model_leaves_the_old_one_and_one_line(folder, caplog, damage):
    good = folder.parent / "good"
    shutil.copytree(folder, good)
    with serving(folder) as client, caplog.at_level("ERROR", "kneighbors.serve"):
        old = version(client)
        index, about = folder / "model_algo-1", folder / "model_algo-1.json"
        if damage.startswith("k "):
            edit(folder, k=10**6 if "above" in damage else 0)
        elif damage == "not JSON":
            about.write_text("{")
        elif damage == "other digest":
            edit(folder, normalize=True)
        elif damage == "no JSON":
            about.unlink()
        elif damage == "no index":
            index.unlink()
        elif damage == "cut index":
            beside = folder.parent / "cut"
            beside.write_bytes(index.read_bytes()[:-64])
            os.replace(beside, index)
        else:
            os.rename(folder, folder.parent / "away")
        give_up = time.monotonic() + 10
        while not caplog.records:
            assert time.monotonic() < give_up, "nothing was said"
            assert version(client) == old
            time.sleep(0.02)
        time.sleep(0.4)
        assert len(caplog.records) == 1, caplog.text
        assert f"model {old} stays" in caplog.text
        assert "\n" not in caplog.records[0].getMessage()
        assert version(client) == old
        # once the folder is whole again, it is taken
        if folder.exists():
            shutil.rmtree(folder)
        edit(good, k=5)
        os.rename(good, folder)
        wait_for_change(client, old)
        assert len(labels_of(client)) == 5


def test_s8_a_thousandth_part_of_the_mutants(folder, caplog):
    """Bytes of every file are changed at random places; the answers stay those of a whole model."""
    generator = np.random.default_rng(8)
    whole = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    with serving(folder) as client:
        expected = client.post("/invocations", QUERY).body
        for _ in range(4):
            name = sorted(whole)[int(generator.integers(len(whole)))]
            mutant = bytearray(whole[name])
            mutant[int(generator.integers(len(mutant)))] ^= 1 << int(generator.integers(8))
            beside = folder.parent / "beside"
            beside.write_bytes(mutant)
            os.replace(beside, folder / name)
            give_up = time.monotonic() + 0.5
            while time.monotonic() < give_up:
                assert client.post("/invocations", QUERY).body == expected
                time.sleep(0.05)
            beside.write_bytes(whole[name])
            os.replace(beside, folder / name)


def test_r50_reloads_under_load_lose_nothing_and_mix_nothing(tmp_path):
    """Two models with different labels take turns; each answer is wholly that of the version it names."""
    models = {}
    kneighbors.KNeighborsClassifier(3).fit(ROWS, np.zeros(len(ROWS), int)).save(tmp_path / "m")
    with serving(tmp_path / "m") as client:
        body = as_instances(np.repeat(ROWS, 3, axis=0))
        failures, seen, stop = [], set(), threading.Event()

        def ask():
            mine = Client(client.url)
            while not stop.is_set():
                try:
                    answer = mine.post("/invocations", body, accept="application/json; verbose=true")
                    assert answer.status == 200, answer
                    told = answer.json()["predictions"]
                    labels = {label for one in told for label in (one["predicted_label"], *one["labels"])}
                    assert len(labels) == 1, "an answer from two models"
                    known = models.setdefault(answer.headers[VERSION], labels)
                    assert known == labels, "the version names another model"
                    seen.add(answer.headers[VERSION])
                except Exception as error:
                    failures.append(error)
                    return

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        for turn in range(6):
            label = (turn + 1) % 2
            estimator = kneighbors.KNeighborsClassifier(3).fit(ROWS, np.full(len(ROWS), label))
            estimator.save(tmp_path / "m")
            time.sleep(0.6)
            stop.set()
        for asker in askers:
            asker.join()
    assert not failures, failures[:3]
    assert {frozenset(models[version]) for version in seen} == {frozenset({0.0}), frozenset({1.0})}


def test_ping_is_503_until_a_model_is_verified(tmp_path, caplog):
    from kneighbors.serve import model_app, running

    with running(model_app(str(tmp_path / "later"))) as url:
        client = Client(url)
        for path in ("/ping", "/v2/health/ready", "/v2/models/later/ready"):
            assert client.ask("GET", path).status == 503
        assert client.ask("GET", "/v2/health/live").status == 200
        refused = client.post("/invocations", QUERY)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        kneighbors.KNeighborsClassifier(3).fit(ROWS, CLASSES).save(tmp_path / "later")
        client.wait()
        assert client.post("/invocations", QUERY).status == 200
