# SPDX-License-Identifier: Apache-2.0
"""D1, D2: a killed save over a live model: what loads is the old model or the new one, whole.

D1 is 100 kills of a real process at random moments: 12 over models of 64 MiB, the others over 4 MiB, so
that all fit in a commit's time; 28 of them as on a file system without an exchange of names, where the old
model is renamed aside. D2 ends the process at each call in turn.
"""

from __future__ import annotations

import os
import random
import shutil
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


@pytest.mark.parametrize("way", ["exchange", "aside"])
@pytest.mark.parametrize("start", ["model", "empty", "nothing"])
def test_d2_killed_before_and_after_every_call(tmp_path, saver, start, way):
    """The process ends in place of its first call, then of its second, ... until a save gets through."""
    target = tmp_path / "m"
    json = {}
    for number in (0, 1):
        saver.save(tmp_path / "other", number, 1)
        json[number] = (tmp_path / "other" / JSON).read_bytes()
    killed = []
    for at in range(200):
        shutil.rmtree(target, ignore_errors=True)
        if start == "model":
            saver.save(target, 0, 1)
        elif start == "empty":
            target.mkdir()
        told, _ = saver.try_to_save(target, 1, 1, f"{way}@{at}", -1.0)
        if start == "model" or told == "done":
            found = read(target).settings["number"]
        else:
            # Without a model before, there is none or the new one; never a part.
            found = 1 if target.exists() and os.listdir(target) and read(target) else 0
        killed.append((told, found))
        if found or start == "model":
            place = target if target.exists() else next(tmp_path.glob(".m.replaced-*"))
            assert (place / JSON).read_bytes() == json[found]
        # What is left is removed by the next save.
        saver.save(target, 0, 1)
        assert sorted(os.listdir(tmp_path)) == ["m", "other"]
        if told == "done":
            break
    assert killed[-1] == ("done", 1)
    assert {("killed", 0)} <= set(killed)
    assert ("killed", 1) in killed, "killed after the change of names, before the end"
    # Once the new model is in place, it stays: old before, new after, nothing in between.
    assert [found for _, found in killed] == sorted(found for _, found in killed)
    assert len(killed) > 20
