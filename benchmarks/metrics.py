# SPDX-License-Identifier: Apache-2.0
"""How many exact searches per second by a metric that is no dot product, beside other libraries?

``python -m benchmarks.metrics`` asks every library, each in its own process, for the 10 nearest of normal
rows, in rounds of random order, and prints medians of the ratios within the rounds. ``--quick`` takes about
three minutes. A slow library answers as many queries as fill a timing, at least one (``~``). The share of ids
that a library has in common with ours stands beside its rate: float32 distances may order near-ties
differently.

Rivals run in ``.venv-rivals`` (``python -m benchmarks.setup``) or the Python named by KNEIGHBORS_RIVALS.
"""

from __future__ import annotations

import argparse
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

from .process import RIVALS_PYTHON, ROOT

__all__ = ["CASES", "main"]

Floats = NDArray[np.float32]
Ask = Callable[[Floats], Any]
K = 10

# metric, p, rows, columns, batches, quick or not
CASES: dict[str, tuple[str, float, int, int, tuple[int, ...], bool]] = {
    "manhattan16": ("manhattan", 2, 200_000, 16, (1, 100, 1000), True),
    "manhattan128": ("manhattan", 2, 100_000, 128, (1, 100, 1000), True),
    "chebyshev": ("chebyshev", 2, 100_000, 32, (1, 100), True),
    "minkowski3": ("minkowski", 3, 100_000, 32, (1, 100), True),
    "minkowski1.5": ("minkowski", 1.5, 100_000, 32, (100,), False),
    "canberra": ("canberra", 2, 100_000, 32, (1, 100), True),
    "braycurtis": ("braycurtis", 2, 100_000, 32, (100,), False),
    "hamming": ("hamming", 2, 100_000, 128, (1, 100), True),
    "jaccard": ("jaccard", 2, 100_000, 128, (100,), False),
}


def data(case: str) -> tuple[Floats, Floats]:
    """Rows and 1,000 queries: normal, or bits for metrics of categories and sets."""
    metric, _, n_rows, n_columns, _, _ = CASES[case]
    generator = np.random.default_rng(0)
    values = generator.standard_normal((n_rows + 1000, n_columns), dtype=np.float32)
    if metric in ("hamming", "jaccard"):
        values = (values > 0.4).astype(np.float32)
    return values[:n_rows], values[n_rows:]


# --- the contestants: each makes, in its own process, a function of the queries


def kneighbors(rows: Floats, metric: str, p: float) -> Ask:
    from kneighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=K, metric=metric, p=p, algorithm="brute", n_jobs=2).fit(rows)
    return lambda queries: model.kneighbors(queries, return_distance=False)


def scikit_learn(rows: Floats, metric: str, p: float) -> Ask:
    from sklearn.neighbors import NearestNeighbors

    rows = rows.astype(bool) if metric == "jaccard" else rows
    model = NearestNeighbors(n_neighbors=K, metric=metric, p=p, algorithm="brute", n_jobs=2).fit(rows)
    return lambda queries: model.kneighbors(queries.astype(rows.dtype), return_distance=False)


def scikit_learn_intelex(rows: Floats, metric: str, p: float) -> Ask:
    from sklearnex.neighbors import NearestNeighbors  # type: ignore[import-not-found, unused-ignore]

    if metric not in ("manhattan", "chebyshev", "minkowski"):
        raise ValueError(f"no {metric} of its own")
    model = NearestNeighbors(n_neighbors=K, metric=metric, p=p, algorithm="brute").fit(rows)
    return lambda queries: model.kneighbors(queries, return_distance=False)


def scipy(rows: Floats, metric: str, p: float) -> Ask:
    from scipy.spatial.distance import cdist

    name = "cityblock" if metric == "manhattan" else metric
    wide = rows.astype(bool if metric == "jaccard" else np.float64)
    options = {"p": p} if metric == "minkowski" else {}

    def ask(queries: Floats) -> Any:
        found = []
        for start in range(0, len(queries), 20):
            values = cdist(queries[start : start + 20].astype(wide.dtype), wide, name, **options)
            nearest = np.argpartition(values, K, axis=1)[:, :K]
            order = np.argsort(np.take_along_axis(values, nearest, axis=1), axis=1)
            found.append(np.take_along_axis(nearest, order, axis=1))
        return np.concatenate(found)

    return ask


def faiss(rows: Floats, metric: str, p: float) -> Ask:
    import faiss as library  # type: ignore[import-not-found, unused-ignore]

    names = {
        "manhattan": library.METRIC_L1,
        "chebyshev": library.METRIC_Linf,
        "minkowski": library.METRIC_Lp,
        "canberra": library.METRIC_Canberra,
        "braycurtis": library.METRIC_BrayCurtis,
    }
    if metric == "hamming":
        index = library.IndexBinaryFlat(rows.shape[1])
        index.add(np.packbits(rows.astype(bool), axis=1))
        return lambda queries: index.search(np.packbits(queries.astype(bool), axis=1), K)[1]
    index = library.IndexFlat(rows.shape[1], names[metric])
    index.metric_arg = p
    index.add(rows)
    return lambda queries: index.search(queries, K)[1]


CONTESTANTS: dict[str, Callable[[Floats, str, float], Ask]] = {
    "kneighbors": kneighbors,
    "scikit-learn": scikit_learn,
    "scikit-learn-intelex": scikit_learn_intelex,
    "scipy": scipy,
    "faiss": faiss,
}


def serve(name: str, case: str) -> None:
    """A contestant's process: reads [first query, count] per line, answers seconds and ids."""
    rows, queries = data(case)
    try:
        ask = CONTESTANTS[name](rows, *CASES[case][:2])
    except (ImportError, KeyError, ValueError) as error:
        print(json.dumps({"absent": f"{type(error).__name__}: {error}"}), flush=True)
        return
    print(json.dumps({}), flush=True)
    for line in sys.stdin:
        first, count = json.loads(line)
        asked = np.ascontiguousarray(np.roll(queries, -first, axis=0)[:count])
        started = time.perf_counter()
        ids = ask(asked)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "ids": np.asarray(ids)[:10].tolist()}), flush=True)


class Process:
    """A contestant, as its parent sees it."""

    def __init__(self, name: str, case: str) -> None:
        rivals = os.environ.get("KNEIGHBORS_RIVALS", str(RIVALS_PYTHON))
        python = sys.executable if name == "kneighbors" or not os.path.exists(rivals) else rivals
        environment = {**os.environ, "OMP_NUM_THREADS": "2"}
        self.name, self.rates = name, [0.0]
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.metrics", "--serve", name, case],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.absent = self._answer().get("absent")

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"absent": "died"}
        return answer

    def ask(self, first: int, count: int) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([first, count]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)


def compare(case: str, rounds: int, per_timing: float) -> None:
    """Print one line per batch and contestant: rate, ours over theirs, ids in common."""
    everybody = [Process(name, case) for name in CONTESTANTS]
    contestants = [one for one in everybody if one.absent is None]
    shuffler = random.Random(0)
    for batch in CASES[case][4]:
        counts, common, rates = {}, {}, {one.name: [] for one in contestants}
        reference: list[list[int]] = []
        for one in contestants:
            answer = one.ask(0, 1)
            answer = one.ask(0, min(batch, 10))
            reference = reference or answer["ids"]
            pairs = list(zip(answer["ids"], reference, strict=True))
            common[one.name] = statistics.mean(len(set(a) & set(b)) / K for a, b in pairs)
            rate = min(batch, 10) / answer["seconds"]
            counts[one.name] = max(1, min(batch, int(rate * per_timing)))
        for number in range(rounds):
            for one in shuffler.sample(contestants, len(contestants)):
                count = counts[one.name]
                seconds = one.ask(number * 131 % 1000, count)["seconds"]
                repeats = int(min(50, per_timing / 5 / seconds))  # a short timing is repeated
                seconds += sum(one.ask(number * 131 % 1000, count)["seconds"] for _ in range(repeats))
                rates[one.name].append(count * (1 + repeats) / seconds)
        for one in contestants:
            ratios = [a / b for a, b in zip(rates["kneighbors"], rates[one.name], strict=True)]
            mark = "~" if counts[one.name] < batch else ""
            print(
                f"| {case} | {batch} | {one.name} | {mark}{statistics.median(rates[one.name]):,.0f} "
                f"| {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}) "
                f"| {common[one.name]:.3f} |",
                flush=True,
            )
    for one in everybody:
        if one.absent is not None:
            print(f"| {case} | | {one.name} | {one.absent} | | |", flush=True)
        one.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases and rounds")
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.serve:
        serve(*given.serve)
        return
    print(
        "| case | batch | library | queries per second | ours / theirs | ids as ours |\n"
        "|---|---|---|---|---|---|"
    )
    for case in given.case or [name for name, about in CASES.items() if about[5] or not given.quick]:
        compare(case, 3 if given.quick else 7, 0.4 if given.quick else 1.0)


if __name__ == "__main__":
    main()
