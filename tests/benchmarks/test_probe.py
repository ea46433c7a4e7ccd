# SPDX-License-Identifier: Apache-2.0
"""The probe waits for the best speed it has seen, and the clock sees who else is at work."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from benchmarks.probe import CpuClock, Probe


def test_waits_until_the_machine_is_as_fast_as_its_best():
    speeds = iter([10.0, 4.0, 5.0, 9.0])
    probe = Probe(1, measure=lambda: next(speeds))
    probe.speed()
    assert probe.wait(limit=10, pause=0.001)
    assert probe.best == 10 and list(speeds) == []


def test_gives_up_at_the_limit():
    speeds = iter([10.0] + [1.0] * 100)
    probe = Probe(1, measure=lambda: next(speeds))
    probe.speed()
    assert not probe.wait(limit=0.05, pause=0.01)
    assert probe.waited >= 0.01
    assert len(list(speeds)) >= 95  # few tries, so a short wait however busy the machine is


def test_the_real_measure_runs():
    probe = Probe(2)
    probe.calibrate(3)
    assert probe.best > 0


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="needs /proc")
def test_clock_tells_own_work_from_that_of_others():
    burn = "import time\nend = time.time() + 60\nwhile time.time() < end: pass"
    with subprocess.Popen([sys.executable, "-c", burn]) as other:
        try:
            time.sleep(0.2)
            as_other, as_own = CpuClock(os.getpid()), CpuClock(other.pid)
            time.sleep(0.5)
            seen_as_other, seen_as_own = as_other.foreign_cores(), as_own.foreign_cores()
        finally:
            other.kill()
    assert seen_as_other is not None and seen_as_own is not None
    # The same work is foreign to one and not to the other; whatever else runs is foreign to both.
    assert seen_as_other > seen_as_own + 0.05
