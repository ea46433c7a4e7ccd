# SPDX-License-Identifier: Apache-2.0
"""The thread pool: survives fork, serves many callers, obeys limits, stops on Ctrl-C, keeps its arithmetic.

Regression tests of R45 (hangs after fork), R47 (threads times threads) and R48 (a crash from 18 threads up),
and trust row P4. Everything that could hang runs in a child with a time limit.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from kneighbors import _native
from kneighbors.threads import allowed_cores, resolve_threads

linux = pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="reads the x86 control register"
)


def make_rows(n: int = 3000, d: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def run(program: str, timeout: float = 60, **environment: str) -> str:
    """The output of a Python program; a hang or a wrong exit code is a failure."""
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


PRELUDE = """
import os, sys, time, threading
import numpy as np
from kneighbors import _native
rows = np.random.default_rng(0).standard_normal((3000, 24)).astype(np.float32)
scan = _native.FlatScan(rows, "sqeuclidean", 2)
expected = scan.search(rows[:100], 5, 1)
def right(n_threads=2):
    found = scan.search(rows[:100], 5, n_threads)
    return all(np.array_equal(a, b) for a, b in zip(found, expected))
def native_threads():
    return len(os.listdir("/proc/self/task"))
"""


# --- fork and spawn -----------------------------------------------------------------------------------------


def test_r45_p4_search_after_fork():
    """The child has none of the parent's threads: it must neither hang nor answer differently."""
    output = run(
        PRELUDE
        + """
assert right()
for _ in range(20):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if right() and right(8) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert right()
print("ok")
"""
    )
    assert output == "ok\n"


def test_r45_fork_while_another_thread_searches():
    """The pool's locks may be held at that moment by threads the child will not have."""
    output = run(
        PRELUDE
        + """
stop = threading.Event()
def busy():
    while not stop.is_set():
        scan.search(rows, 5, 2)
workers = [threading.Thread(target=busy) for _ in range(2)]
for worker in workers: worker.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0 if right() else 2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
stop.set()
for worker in workers: worker.join()
print("ok")
"""
    )
    assert output == "ok\n"


def test_p4_grandchildren():
    output = run(
        PRELUDE
        + """
child = os.fork()
if child == 0:
    ok = right()
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0 if right() else 2)
    _, status = os.waitpid(grandchild, 0)
    os._exit(0 if ok and os.waitstatus_to_exitcode(status) == 0 and right() else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""
    )
    assert output == "0\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_p4_process_pools(method, tmp_path):
    """A pool of processes by each start method, after the parent has used its own threads."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys
            import numpy as np
            from kneighbors import _native
            rows = np.random.default_rng(0).standard_normal((500, 8)).astype(np.float32)
            def asked(seed):
                scan = _native.FlatScan(rows, "sqeuclidean", 2)
                return b"".join(array.tobytes() for array in scan.search(rows[seed:seed + 40], 3, 2))
            if __name__ == "__main__":
                here = [asked(seed) for seed in range(4)]
                with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                    assert pool.map(asked, range(4)) == here
                print("ok")
            """
        )
    )
    finished = subprocess.run(
        [sys.executable, program, method], capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.stdout == "ok\n", finished.stderr


# --- many callers, many threads -----------------------------------------------------------------------------


def test_many_python_threads_at_once():
    rows = make_rows()
    scan = _native.FlatScan(rows, "sqeuclidean")
    expected = scan.search(rows[:200], 7)
    wrong: list[str] = []

    def ask(number: int) -> None:
        for turn in range(6):
            found = scan.search(rows[:200], 7, 1 + (number + turn) % 4)
            if not all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)):
                wrong.append(f"thread {number}, turn {turn}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a search hangs"
    assert not wrong


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8, 18, 64, 4096])
def test_r48_any_number_of_threads(n_threads):
    rows = make_rows(700, 9)
    scan = _native.FlatScan(rows, "sqeuclidean", n_threads)
    for batch in (1, 7, 19, 20, 21, 300):
        found = scan.search(rows[:batch], 4, n_threads)
        expected = scan.search(rows[:batch], 4, 1)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("n_threads", [0, -1])
def test_no_threads_is_refused(n_threads):
    scan = _native.FlatScan(make_rows(20), "sqeuclidean")
    with pytest.raises(ValueError, match="n_threads must be at least 1"):
        scan.search(make_rows(2), 1, n_threads)


@linux
def test_r47_never_more_threads_than_callers_and_cores():
    output = run(
        PRELUDE
        + """
base = native_threads()
most = 0
def ask():
    global most
    for _ in range(10):
        scan.search(rows[:300], 5, 64)
        most = max(most, native_threads())
callers = [threading.Thread(target=ask) for _ in range(8)]
for caller in callers: caller.start()
for caller in callers: caller.join()
scan.search(rows, 5, 64)
print(base, most, native_threads(), len(os.sched_getaffinity(0)))
"""
    )
    base, most, after, cores = map(int, output.split())
    assert most <= base + 8 + cores
    assert after <= base + cores


@linux
def test_one_thread_starts_none():
    output = run(
        """
        import os
        import numpy as np
        from kneighbors import _native
        rows = np.random.default_rng(0).standard_normal((3000, 24))
        before = len(os.listdir("/proc/self/task"))
        _native.FlatScan(rows, "sqeuclidean", 1).search(rows, 5, 1)
        print(len(os.listdir("/proc/self/task")) - before)
        """
    )
    assert output == "0\n"


@linux
def test_idle_threads_do_not_spin():
    """R47: between two searches the pool sleeps."""
    output = run(
        PRELUDE
        + """
assert right()
time.sleep(0.05)
before = time.process_time()
time.sleep(0.5)
print(time.process_time() - before)
"""
    )
    assert float(output) < 0.1


# --- limits of others ---------------------------------------------------------------------------------------


def test_p3_threadpoolctl_limits_and_restores():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    resolve_threads(None)  # the first use registers the controller
    before = _native.get_num_threads()
    ours = [module for module in threadpoolctl.threadpool_info() if module["internal_api"] == "kneighbors"]
    assert len(ours) == 1 and ours[0]["num_threads"] == before
    with threadpoolctl.threadpool_limits(1):
        assert _native.get_num_threads() == 1
        assert resolve_threads(None) == resolve_threads(8) == 1
    assert _native.get_num_threads() == before
    with threadpoolctl.threadpool_limits(limits=1, user_api="blas"):
        assert _native.get_num_threads() == before


def test_p3_omp_num_threads():
    program = "from kneighbors.threads import allowed_cores; print(allowed_cores())"
    assert run(program, OMP_NUM_THREADS="1") == "1\n"
    assert int(run(program, OMP_NUM_THREADS="4096")) == allowed_cores()


@linux
def test_affinity_limits_the_default():
    output = run(
        """
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        from kneighbors.threads import allowed_cores
        print(allowed_cores())
        """
    )
    assert output == "1\n"


# --- Ctrl-C -------------------------------------------------------------------------------------------------

INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from kneighbors import _native
generator = np.random.default_rng(0)
rows = generator.standard_normal((20_000, 64))
queries = generator.standard_normal((20_000, 64))
scan = _native.FlatScan(rows, "sqeuclidean", 2)
{patience}
timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
timer.start()
started = time.perf_counter()
try:
    while True:
        {work}
except KeyboardInterrupt:
    print(time.perf_counter() - started - 0.3)
found = scan.search(queries[:50], 3, 2)
assert np.array_equal(found[1], scan.search(queries[:50], 3, 1)[1])
assert np.array_equal(scan.search(rows[:50], 1, 2)[1][:, 0], np.arange(50))
"""


@pytest.mark.parametrize(
    "work",
    [
        "scan.search(queries, 200, {n})",
        "scan.search_radius(queries, 1e300, {n})",
        "_native.pairwise_rows(queries[:4000], rows, 'cosine', {n})",
    ],
    ids=["search", "radius", "pairwise"],
)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_stops_a_long_search(work, n_threads):
    """Within about half a second, as KeyboardInterrupt; the object works as before."""
    delay = float(run(INTERRUPTED.format(work=work.format(n=n_threads), patience="")))
    assert delay < 1.0  # half a second, and as much again for a busy machine


def test_other_signals_run_their_handlers_and_the_search_goes_on():
    output = run(
        PRELUDE
        + """
import signal
seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append(time.perf_counter()))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
started = time.perf_counter()
while time.perf_counter() - started < 0.6:
    found = scan.search(np.tile(rows, (4, 1)), 5, 2)
signal.setitimer(signal.ITIMER_REAL, 0)
assert right()
print(len(seen))
"""
    )
    assert int(output) >= 3


def test_p2_other_python_threads_run_during_a_search():
    """The interpreter lock is released: a ticking thread never waits long."""
    output = run(
        PRELUDE
        + """
gaps, stop = [], threading.Event()
def tick():
    last = time.perf_counter()
    while not stop.is_set():
        time.sleep(0.005)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
ticker = threading.Thread(target=tick)
ticker.start()
scan.search(np.tile(rows, (10, 1)), 50, 1)
stop.set()
ticker.join()
print(len(gaps), sorted(gaps)[len(gaps) // 2])
"""
    )
    count, typical = output.split()
    assert int(count) > 5 and float(typical) < 0.05


# --- the floating-point environment -------------------------------------------------------------------------

FLUSH_TO_ZERO, DENORMALS_ARE_ZERO = 1 << 15, 1 << 6
ROUND_DOWN, ROUND_UP, ROUND_TO_ZERO = 0x2000, 0x4000, 0x6000
CONTROL_BITS = FLUSH_TO_ZERO | DENORMALS_ARE_ZERO | ROUND_TO_ZERO


class ControlRegister:
    """The SSE control register of this thread, through C's fenv.h: glibc keeps it at byte 28 of fenv_t."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._environment = ctypes.create_string_buffer(64)

    def read(self) -> int:
        assert self._library.fegetenv(self._environment) == 0
        return int.from_bytes(self._environment.raw[28:32], "little")

    def write(self, value: int) -> None:
        self.read()
        ctypes.memmove(ctypes.addressof(self._environment) + 28, value.to_bytes(4, "little"), 4)
        assert self._library.fesetenv(self._environment) == 0


def denormal_and_plain_cases() -> list[tuple[np.ndarray, str]]:
    generator = np.random.default_rng(5)
    plain = generator.standard_normal((400, 19))
    tiny32 = (generator.integers(-40, 40, (400, 19)) * 2.0**-149).astype(np.float32)
    tiny64 = generator.integers(-40, 40, (400, 19)) * 2.0**-1074
    cases = [(plain, metric) for metric in ("sqeuclidean", "inner_product", "cosine")]
    return [
        *cases,
        (tiny32, "sqeuclidean"),
        (tiny32, "cosine"),
        (tiny64, "cosine"),
        (tiny32, "inner_product"),
    ]


@x86
@linux
@pytest.mark.parametrize(
    "bits",
    [FLUSH_TO_ZERO | DENORMALS_ARE_ZERO, FLUSH_TO_ZERO, ROUND_UP, ROUND_DOWN, ROUND_TO_ZERO],
    ids=["ftz-daz", "ftz", "up", "down", "to-zero"],
)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_x5_somebody_elses_rounding_changes_no_answer(bits, n_threads):
    """Others flush denormals to zero or change the rounding mode: answers stay, and so does their mode."""
    register = ControlRegister()
    original = register.read()
    cases = denormal_and_plain_cases()
    expected = [
        (*_native.FlatScan(rows, metric, n_threads).search(rows, 5, n_threads), pair(rows, metric, n_threads))
        for rows, metric in cases
    ]
    found = []
    try:
        for rows, metric in cases:
            register.write(original & ~CONTROL_BITS | bits)
            scan = _native.FlatScan(rows, metric, n_threads)
            answer = scan.search(rows, 5, n_threads)
            kept = pair(rows, metric, n_threads)
            after = register.read()
            register.write(original)
            assert after & CONTROL_BITS == bits, "the mode was not given back"
            found.append((*answer, kept))
    finally:
        register.write(original)
    for (rows, metric), one, other in zip(cases, expected, found, strict=True):
        for left, right in zip(one, other, strict=True):
            assert np.array_equal(left, right), f"{metric}, {rows.dtype}, {bits:#x}"


def pair(rows: np.ndarray, metric: str, n_threads: int) -> np.ndarray:
    return _native.pairwise_rows(rows[:30], rows, metric, n_threads)


@x86
@linux
def test_threads_started_under_a_changed_mode_are_right():
    """New threads inherit the mode of the thread that starts them."""
    output = run(
        f"""
        import ctypes, numpy as np
        rows = (np.random.default_rng(5).integers(-40, 40, (4000, 19)) * 2.0 ** -149).astype(np.float32)
        library, environment = ctypes.CDLL(None), ctypes.create_string_buffer(64)
        library.fegetenv(environment)
        kept = environment.raw
        value = int.from_bytes(kept[28:32], "little") | {FLUSH_TO_ZERO | DENORMALS_ARE_ZERO | ROUND_UP}
        ctypes.memmove(ctypes.addressof(environment) + 28, value.to_bytes(4, "little"), 4)
        from kneighbors import _native
        library.fesetenv(environment)
        scan = _native.FlatScan(rows, "cosine", 2)
        found = scan.search(rows, 5, 2)
        library.fesetenv(kept)
        expected = scan.search(rows, 5, 1)
        print(all(np.array_equal(a, b) for a, b in zip(found, expected)))
        """
    )
    assert output == "True\n"


@x86
@linux
def test_the_register_is_really_written():
    """Without this the tests above could not fail: under these bits a denormal product is zero."""
    register = ControlRegister()
    original = register.read()
    tiny = np.full(8, 2.0**-1074)
    try:
        register.write(original | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO)
        flushed = tiny * 1.0
    finally:
        register.write(original)
    assert not flushed.any()
    assert (tiny * 1.0).all()
