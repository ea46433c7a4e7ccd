# SPDX-License-Identifier: Apache-2.0
"""Is the machine quiet? Two answers: how fast plain arithmetic runs now, and who else used the processor.

Virtual cores are shared with strangers: two of them deliver at times the work of one, which nothing inside
shows but a loop of known work. What runs inside the machine beside the measured process shows in ``/proc``.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["CpuClock", "Probe"]


class Probe:
    """Hashes a fixed block on every core at once and compares the speed with the best seen so far.

    Parameters
    ----------
    n_threads : int, default=2
        Cores that must be free.
    quiet_share : float, default=0.85
        The machine counts as quiet from this share of the best speed on.
    measure : callable, default=None
        Returns the current speed; for tests. The default hashes 4 MiB per thread, which releases Python's
        lock.
    """

    def __init__(
        self, n_threads: int = 2, quiet_share: float = 0.85, measure: Callable[[], float] | None = None
    ) -> None:
        self.quiet_share = quiet_share
        self.best = 0.0
        self.waited = 0.0
        self._n_threads = n_threads
        self._block = bytes(4 << 20)
        self._pool = ThreadPoolExecutor(n_threads)
        self._measure = measure or self._hash_everywhere

    def _hash_everywhere(self) -> float:
        started = time.perf_counter()
        list(self._pool.map(lambda _: hashlib.sha256(self._block).digest(), range(self._n_threads)))
        return self._n_threads / (time.perf_counter() - started)

    def speed(self) -> float:
        """Speed now, in blocks per second; the best is remembered."""
        speed = self._measure()
        self.best = max(self.best, speed)
        return speed

    def calibrate(self, times: int = 50) -> None:
        """Look for the best speed before anything is judged by it."""
        for _ in range(times):
            self.speed()

    def wait(self, limit: float, pause: float = 0.1) -> bool:
        """Wait up to ``limit`` seconds for a quiet machine; says whether it came."""
        if self.speed() >= self.quiet_share * self.best:
            return True
        started = time.perf_counter()
        quiet = False
        while not quiet and time.perf_counter() - started + pause <= limit:
            time.sleep(pause)
            quiet = self.speed() >= self.quiet_share * self.best
        self.waited += time.perf_counter() - started
        return quiet


class CpuClock:
    """Processor time of the whole machine and of one process, to tell what others took in between.

    Parameters
    ----------
    pid : int
        The process that is being measured.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started = time.perf_counter()
        self._first = self._read()

    def _read(self) -> tuple[float, float] | None:
        tick = os.sysconf("SC_CLK_TCK")
        try:
            with open("/proc/stat") as file:
                user, nice, system, _idle, _wait, irq, softirq, steal = map(int, file.readline().split()[1:9])
            with open(f"/proc/{self._pid}/stat") as file:
                own = sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
        except (OSError, ValueError):
            return None
        return (user + nice + system + irq + softirq + steal) / tick, own / tick

    def foreign_cores(self) -> float | None:
        """Cores that others kept busy on average since the start; None where the system does not say.

        Counts in ticks of 10 ms, two of which are forgiven.
        """
        now = self._read()
        if now is None or self._first is None:
            return None
        others = (now[0] - self._first[0]) - (now[1] - self._first[1])
        return max(0.0, others - 0.02) / max(time.perf_counter() - self._started, 1e-9)
