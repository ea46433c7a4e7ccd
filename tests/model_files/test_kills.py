# SPDX-License-Identifier: Apache-2.0
"""D1: a save over a live model, killed at a random moment: what loads is the old model or the new one, whole.

100 kills of a real process: 12 over models of 64 MiB, the others over 4 MiB, so that all fit in a commit's
time. 28 of them run as on a file system without an exchange of names, where the old model is renamed aside.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from kneighbors.model_files import read
from tests.model_files.small_models import JSON

PLAN = [
    pytest.param(64, "exchange", 12, id="64MiB-exchange"),
    pytest.param(4, "exchange", 60, id="4MiB-exchange"),
    pytest.param(4, "aside", 28, id="4MiB-aside"),
    pytest.param(64, "exchange", 100, id="64MiB-exchange-100", marks=pytest.mark.long),
    pytest.param(64, "aside", 100, id="64MiB-aside-100", marks=pytest.mark.long),
]


class Saver:
    """The process that forks the saves."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.model_files.killed_save"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def try_to_save(self, target, number, size, way, delay):
        self.process.stdin.write(f"{target} {number} {size} {way} {delay}\n")
        self.process.stdin.flush()
        told, seconds = self.process.stdout.readline().split()
        return told, float(seconds)

    def save(self, target, number, size, way="exchange"):
        told, seconds = self.try_to_save(target, number, size, way, -1.0)
        assert told == "done"
        return seconds

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


@pytest.fixture
def saver():
    saver = Saver()
    yield saver
    saver.close()


@pytest.mark.parametrize(("size", "way", "kills"), PLAN)
def test_d1_r13_kill_a_save_at_a_random_moment(tmp_path, saver, size, way, kills):
    target = tmp_path / "m"
    rng = random.Random(size)
    json = {}
    usual = 0.0
    for number in (0, 1, 0):  # the first save also builds the model; the later ones tell how long one takes
        usual = saver.save(target, number, size, way)
        json[number] = (target / JSON).read_bytes()
        read(target)
    killed = torn = 0
    seen = set()
    current = 0
    while killed < kills:
        told, _ = saver.try_to_save(target, 1 - current, size, way, rng.uniform(0.0, 1.1 * usual))
        assert told in ("killed", "done")
        killed += told == "killed"
        # Every byte is checked against the digests in the JSON; the JSON is that of one of the two models.
        loaded = read(target)
        found = loaded.settings["number"]
        place = target if target.exists() else next(tmp_path.glob(".m.replaced-*"))
        torn += (place / JSON).read_bytes() != json[found] or loaded.k != found + 1
        leftovers = [name for name in os.listdir(tmp_path) if name != "m"]
        assert len(leftovers) <= (1 if way == "exchange" else 2), leftovers
        seen.add((told, found == 1 - current, bool(leftovers)))
        current = found
    assert torn == 0
    saver.save(target, 0, size, way)
    assert os.listdir(tmp_path) == ["m"]
    assert (target / JSON).read_bytes() == json[0]
    assert ("killed", False, True) in seen, "no kill came before the new model was in place"
