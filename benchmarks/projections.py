# SPDX-License-Identifier: Apache-2.0
"""How long does a random projection take, beside the rotations of other libraries, and how does it grow?

``python -m benchmarks.projections`` projects 100,000 x 1,024 float32 to 128 columns, every contestant in
its own process, in rounds of random order, and quotes medians of ratios within the rounds. Then it times
``sign`` and ``fjlt`` over widths and targets: O(d t) against O(d log d), where they cross, and what a
width between powers of two costs. ``--quick`` takes two minutes, without it about six.

What favours the rivals: the discrete cosine transform is timed without the random signs and the sampling
that a projection needs, faiss's Hadamard rotation without the sampling.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import machine
from .probe import CpuClock, Probe

__all__ = ["CONTESTANTS", "main"]

Floats = NDArray[np.float32]
N_ROWS, INPUT_DIM, TARGET_DIM = 100_000, 1024, 128
FOREIGN_LIMIT = 0.15
LEAST_ROUNDS = 3


# --- the contestants: each makes, in its own process, a function of the rows


def kneighbors_fjlt(n_threads: int) -> Callable[[Floats], Any]:
    return _ours("fjlt", n_threads)


def kneighbors_sign(n_threads: int) -> Callable[[Floats], Any]:
    return _ours("sign", n_threads)


def _ours(kind: str, n_threads: int) -> Callable[[Floats], Any]:
    from kneighbors import reduce

    reducer = reduce.fit(kind, np.empty((0, INPUT_DIM), dtype=np.float32), TARGET_DIM)
    return lambda rows: reducer.transform(rows, n_threads)


def faiss_rotation(n_threads: int) -> Callable[[Floats], Any]:
    import faiss

    faiss.omp_set_num_threads(n_threads)
    transform = faiss.RandomRotationMatrix(INPUT_DIM, TARGET_DIM)
    transform.init(1)
    return lambda rows: transform.apply(rows)


def faiss_hadamard(n_threads: int) -> Callable[[Floats], Any]:
    """A rotation of all 1,024 columns; keeping 128 of them is not timed."""
    import faiss

    faiss.omp_set_num_threads(n_threads)
    transform = faiss.HadamardRotation(INPUT_DIM)
    return lambda rows: transform.apply(rows)


def scipy_dct(n_threads: int) -> Callable[[Floats], Any]:
    """The transform alone, in blocks that stay in the cache; keeping 128 columns is not timed."""
    import scipy.fft

    def transform(rows: Floats) -> Any:
        first = scipy.fft.dct(rows[:2048], norm="ortho", workers=n_threads)
        for start in range(2048, len(rows), 2048):
            scipy.fft.dct(rows[start : start + 2048], norm="ortho", workers=n_threads)
        return first  # all there is of the rows that lengths are judged by

    return transform


def scikit_learn_gaussian(n_threads: int) -> Callable[[Floats], Any]:
    from sklearn.random_projection import GaussianRandomProjection

    model = GaussianRandomProjection(TARGET_DIM, random_state=0).fit(
        np.empty((1, INPUT_DIM), dtype=np.float32)
    )
    return lambda rows: model.transform(rows)


def scikit_learn_sparse(n_threads: int) -> Callable[[Floats], Any]:
    from sklearn.random_projection import SparseRandomProjection

    rows = np.empty((1, INPUT_DIM), dtype=np.float32)
    model = SparseRandomProjection(TARGET_DIM, random_state=0, dense_output=True).fit(rows)
    return lambda rows: model.transform(rows)


def numpy_matmul(n_threads: int) -> Callable[[Floats], Any]:
    signs = np.random.default_rng(0).integers(2, size=(INPUT_DIM, TARGET_DIM)).astype(np.float32) * 2 - 1
    signs /= np.float32(np.sqrt(TARGET_DIM))
    return lambda rows: rows @ signs


CONTESTANTS: dict[str, Callable[[int], Callable[[Floats], Any]]] = {
    "kneighbors fjlt": kneighbors_fjlt,
    "kneighbors sign": kneighbors_sign,
    "faiss RandomRotation": faiss_rotation,
    "faiss HadamardRotation": faiss_hadamard,
    "scipy.fft.dct": scipy_dct,
    "scikit-learn Gaussian": scikit_learn_gaussian,
    "scikit-learn Sparse": scikit_learn_sparse,
    "numpy matmul": numpy_matmul,
}
TUNED = ("faiss RandomRotation", "scikit-learn Gaussian", "numpy matmul")  # what runs on OpenBLAS
SLOW = ("faiss HadamardRotation", "scikit-learn Sparse")  # timed on a tenth of the rows


# --- one process each


def serve(name: str, n_threads: int, n_rows: int) -> None:
    """Read a line, project once, answer with the seconds; first say how well lengths are kept."""
    rows = np.random.default_rng(0).standard_normal((n_rows, INPUT_DIM), dtype=np.float32)
    project = CONTESTANTS[name](n_threads)
    head = rows[:2000]
    kept = (
        np.square(np.asarray(project(head), dtype=np.float64)).sum() / np.square(head, dtype=np.float64).sum()
    )
    print(json.dumps({"length_kept": float(kept)}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        project(rows)
        print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


class Worker:
    """A contestant's process."""

    def __init__(self, name: str, environment: dict[str, str], n_threads: int, n_rows: int) -> None:
        self.label = name + (" (tuned)" if environment else "")
        self.n_rows = n_rows // 10 if name in SLOW else n_rows
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(n_threads))
        inherited = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
        arguments = ["--serve", name, "--threads", str(n_threads), "--rows", str(self.n_rows)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.projections", *arguments],
            env={**inherited, **threads, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.times: list[float] = []
        self.disturbed: list[bool] = []
        self.length_kept = float(self._answer()["length_kept"])

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.label} died")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def time(self) -> float:
        """Seconds for all rows; those of a slow contestant are scaled up."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self._answer()["seconds"]) * N_ROWS / self.n_rows


def compare(n_threads: int, n_rounds: int, n_rows: int, probe: Probe) -> list[dict[str, Any]]:
    """All contestants in rounds; ratios are taken within a round, and their median is quoted."""
    flags = machine.cpu_flags()
    core = "SkylakeX" if "avx512f" in flags else "Haswell" if "avx2" in flags else None
    entries: list[tuple[str, dict[str, str]]] = [(name, {}) for name in CONTESTANTS]
    if core:
        entries += [(name, {"OPENBLAS_CORETYPE": core}) for name in TUNED]
    workers = []
    for name, environment in entries:
        try:
            workers.append(Worker(name, environment, n_threads, n_rows))
        except RuntimeError as error:
            print(f"left out: {error}")
    order = random.Random(0)
    for _ in range(n_rounds):
        for worker in order.sample(workers, len(workers)):
            for attempt in range(2):
                quiet = probe.wait(3.0)
                clock = CpuClock(worker.process.pid)
                seconds = worker.time()
                disturbed = not quiet or (clock.foreign_cores() or 0.0) > FOREIGN_LIMIT
                if not disturbed or attempt:
                    worker.times.append(seconds)
                    worker.disturbed.append(disturbed)
                    break
    for worker in workers:
        worker.process.kill()
        worker.process.wait()
    return [summary(worker, workers) for worker in workers]


def counted(workers: Sequence[Worker]) -> list[int]:
    """Rounds that enter the medians: the quiet ones if there are three, else all."""
    numbers = range(len(workers[0].times))
    quiet = [number for number in numbers if not any(worker.disturbed[number] for worker in workers)]
    return quiet if len(quiet) >= LEAST_ROUNDS else list(numbers)


def summary(worker: Worker, workers: Sequence[Worker]) -> dict[str, Any]:
    """Median seconds, and how many times faster our fjlt and sign were in the same rounds."""
    entry: dict[str, Any] = {
        "label": worker.label,
        "seconds": statistics.median(worker.times[number] for number in counted([worker])),
        "all_seconds": worker.times,
        "disturbed": worker.disturbed,
        "length_kept": worker.length_kept,
    }
    for ours in workers:
        if ours.label.startswith("kneighbors"):
            rounds = counted([worker, ours])
            entry[ours.label.split()[1] + "_ratio"] = statistics.median(
                worker.times[number] / ours.times[number] for number in rounds
            )
    return entry


# --- how time grows


def seconds_per_row(kind: str, input_dim: int, target_dim: int, n_threads: int, rounds: int = 25) -> float:
    """Best of many short passes over 2 MiB of rows: growth is about the work, not about memory."""
    from kneighbors import reduce

    n_rows = max(64, (2 << 20) // (4 * input_dim))
    rows = np.random.default_rng(0).standard_normal((n_rows, input_dim), dtype=np.float32)
    reducer = reduce.fit(kind, rows, target_dim)
    reducer.transform(rows[:64])
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        reducer.transform(rows, n_threads)
        times.append(time.perf_counter() - started)
    return min(times) / n_rows


def growth(n_threads: int, quick: bool) -> dict[str, dict[str, Any]]:
    """By the widest and the narrowest instruction set: nanoseconds per row over d and t, the crossover for
    each d, and widths beside powers of two.
    """
    from kneighbors import _native

    dims = (100, 300, 1024, 1040, 4096) if quick else (64, 100, 256, 300, 784, 1024, 1040, 2048, 4096, 8192)
    targets = (4, 16, 64, 256) if quick else (2, 4, 8, 16, 32, 64, 128, 256, 512)
    between = (512, 520, 784, 1024) if quick else (512, 520, 600, 784, 1000, 1024, 1040, 1536, 2048)
    names, found = _native.instruction_sets(), {}
    for name in dict.fromkeys((names[0], names[-1])):
        _native.set_instruction_set(name)
        table = {
            kind: {
                str(d): {str(t): 1e9 * seconds_per_row(kind, d, t, n_threads) for t in targets if t <= d}
                for d in dims
            }
            for kind in ("sign", "fjlt")
        }
        widths = {str(d): 1e9 * seconds_per_row("fjlt", d, 128, n_threads) for d in between}
        found[name] = {"nanoseconds_per_row": table, "between": widths, "crossover": crossovers(table)}
    _native.set_instruction_set(names[0])
    return found


def crossovers(table: dict[str, dict[str, dict[str, float]]]) -> dict[str, float | None]:
    """For each d, the target from which fjlt is the faster one; None where sign always is.

    >>> crossovers({"sign": {"8": {"2": 10.0, "4": 20.0}}, "fjlt": {"8": {"2": 15.0, "4": 15.0}}})
    {'8': 3.0}
    """
    found: dict[str, float | None] = {}
    for d, signs in table["sign"].items():
        gaps = [(float(t), value - table["fjlt"][d][t]) for t, value in signs.items()]
        found[d] = None
        for (low, below), (high, above) in itertools.pairwise(gaps):
            if below < 0 <= above:
                found[d] = low + (high - low) * below / (below - above)
        if gaps[0][1] >= 0:
            found[d] = gaps[0][0]
    return found


def show(entries: list[dict[str, Any]], scaling: dict[str, dict[str, Any]]) -> None:
    """The two tables, as text."""
    print(f"\n{N_ROWS:,} x {INPUT_DIM:,} float32 -> {TARGET_DIM}")
    print(f"{'':34}{'seconds':>9}{'/ fjlt':>8}{'/ sign':>8}{'disturbed':>11}{'|y|^2/|x|^2':>13}")
    for entry in sorted(entries, key=lambda one: one["seconds"]):
        ratios = f"{entry.get('fjlt_ratio', float('nan')):8.2f}{entry.get('sign_ratio', float('nan')):8.2f}"
        disturbed = f"{sum(entry['disturbed'])} of {len(entry['disturbed'])}"
        print(
            f"{entry['label']:34}{entry['seconds']:9.4f}{ratios}{disturbed:>11}{entry['length_kept']:13.3f}"
        )
    for name, part in scaling.items():
        for kind, cells in part["nanoseconds_per_row"].items():
            print(
                f"\n{kind} on {name}: nanoseconds per row",
                f"(per {'d t' if kind == 'sign' else 'd log2 d'}, in ps)",
            )
            for d, row in cells.items():
                work = {t: int(d) * (int(t) if kind == "sign" else np.log2(int(d))) for t in row}
                values = (f"t={t}: {value:,.0f} ({1e3 * value / work[t]:.1f})" for t, value in row.items())
                print(f"  d = {d:>5}  " + "  ".join(values))
        print("fjlt is faster from t =", {d: t and round(t) for d, t in part["crossover"].items()})
        print("fjlt to 128, ns per row:", {d: round(value) for d, value in part["between"].items()})


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, run, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.projections", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and sizes")
    parser.add_argument(
        "--threads", type=int, default=min(2, machine.n_cores()), help="threads (%(default)s)"
    )
    parser.add_argument("--rows", type=int, default=N_ROWS, help="a trial on fewer rows: nothing is written")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.serve:
        serve(given.serve, given.threads, given.rows)
        return
    probe = Probe(given.threads)
    probe.calibrate()
    entries = compare(given.threads, 5 if given.quick else 15, given.rows, probe)
    scaling = growth(given.threads, given.quick)
    show(entries, scaling)
    if given.rows == N_ROWS:
        from . import report

        name = "projections" + ("-quick" if given.quick else "") + f"-{given.threads}t"
        print("written to", report.write(name, {"contestants": entries, "growth": scaling}))


if __name__ == "__main__":
    main()
