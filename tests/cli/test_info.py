# SPDX-License-Identifier: Apache-2.0
"""``info``: the machine as the library sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import kneighbors
from kneighbors import _native
from kneighbors.cli import info
from kneighbors.threads import core_limits, resolve_threads


def test_for_programs(run):
    told = json.loads(run("info", "--json").stdout)
    assert told["version"] == kneighbors.__version__
    assert told["instruction_sets"] == _native.instruction_sets()
    assert told["instruction_set"] == _native.instruction_set()
    assert told["threads"] == resolve_threads(None)
    assert told["thread_limits"] == core_limits()
    assert 0 < told["memory_available_bytes"] <= told["memory_bytes"]


def test_for_people(run):
    result = run("info")
    assert result.stderr == ""
    assert f"instruction set     {_native.instruction_set()}" in result.stdout
    for name in core_limits():
        assert name in result.stdout


def info_with(**environment):
    command = [sys.executable, "-m", "kneighbors.cli", "info"]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)


def test_another_instruction_set_and_fewer_threads_are_shown():
    last = _native.instruction_sets()[-1]
    text = info_with(KNEIGHBORS_INSTRUCTION_SET=last, OMP_NUM_THREADS="1").stdout
    assert f"instruction set     {last} (set by KNEIGHBORS_INSTRUCTION_SET)" in text
    assert "threads             1, the smallest of:" in text and "  OMP_NUM_THREADS   1" in text


def test_an_instruction_set_that_cannot_run_is_a_mistake():
    finished = info_with(KNEIGHBORS_INSTRUCTION_SET="abacus")
    assert finished.returncode == 1
    assert finished.stderr.startswith(
        "Error: KNEIGHBORS_INSTRUCTION_SET: instruction set 'abacus' cannot run on this processor; "
    )


def test_limits_of_a_container_count(monkeypatch):
    sizes = {"/sys/fs/cgroup/memory.max": 1 << 28, "/sys/fs/cgroup/memory.current": 1 << 26}
    monkeypatch.setattr(info, "_number_in", lambda path, name="": sizes.get(path))
    total, available = info._memory()
    assert total == 1 << 28 and available <= (1 << 28) - (1 << 26)


def test_numbers_of_the_system(tmp_path):
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:  100 kB\nMemAvailable:   42 kB\n")
    assert info._number_in(str(path), "MemAvailable:") == 42
    path.write_text("max\n")
    assert info._number_in(str(path)) is None
    assert info._number_in(str(tmp_path / "missing")) is None
