# SPDX-License-Identifier: Apache-2.0
"""Does a served model change under steady load without an error, a mixed answer or a slow one?

``python -m benchmarks.serving_reloads [--minutes 30] [--reloads 100]``: a server process with a 100,000 x 128
model is asked at a fixed rate, half of what it reaches at most (an open loop: a slow answer does not slow the
asking), while two models with different labels take turns in its folder. Every answer is compared with the
version that its header names.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import kneighbors

from .report import write
from .serving import N_COLUMNS, N_ROWS, process

__all__ = ["main"]

PORT = 18085
VERSION = "x-kneighbors-model-version"
N_ASKERS = 8


class Asker:
    """A keep-alive connection and what it saw."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        self.headers = {"content-type": "application/json", "accept": "application/json; verbose=true"}

    def ask(self) -> tuple[str, frozenset[float]]:
        """The version and the labels of one answer."""
        self.connection.request("POST", "/invocations", self.body, self.headers)
        answer = self.connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {told}")
        one = told["predictions"][0]
        return str(answer.getheader(VERSION)), frozenset({one["predicted_label"], *one["labels"]})


def peak(body: str, seconds: float = 5.0) -> float:
    """Answers a second when every asker asks as fast as it can."""
    counts = [0] * N_ASKERS
    end = time.perf_counter() + seconds

    def run(place: int) -> None:
        asker = Asker(body)
        while time.perf_counter() < end:
            asker.ask()
            counts[place] += 1

    _in_threads(run)
    return sum(counts) / seconds


def _in_threads(run: Any) -> None:
    threads = [threading.Thread(target=run, args=(place,)) for place in range(N_ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def steady(
    body: str, rate: float, seconds: float
) -> tuple[list[tuple[float, float]], list[str], dict[str, Any]]:
    """Ask at this rate: (when, seconds from when it was due to its answer), failures, labels by version."""
    seen: list[tuple[float, float]] = []
    failures: list[str] = []
    labels: dict[str, Any] = {}
    began = time.perf_counter()

    def run(place: int) -> None:
        asker, number = Asker(body), place
        while (due := began + number / rate) < began + seconds:
            number += N_ASKERS
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                version, told = asker.ask()
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")
                asker = Asker(body)
                continue
            now = time.perf_counter()
            seen.append((now, now - due))
            if len(told) != 1 or labels.setdefault(version, told) != told:
                failures.append(f"an answer of two models: {version} {sorted(told)}")

    _in_threads(run)
    return seen, failures, labels


def main(arguments: list[str] | None = None) -> None:
    """Run, print and write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_reloads")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--reloads", type=int, default=100)
    given = parser.parse_args(arguments)
    rows = np.random.default_rng(0).standard_normal((N_ROWS, N_COLUMNS)).astype("float32")
    body = json.dumps({"instances": [{"features": [round(float(v), 6) for v in rows[0]]}]})
    seconds = given.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        models = []
        for label in (0, 1):
            models.append(kneighbors.KNeighborsClassifier(10).fit(rows, np.full(N_ROWS, label)))
        models[0].save(f"{folder}/m")
        command = [sys.executable, "-m", "kneighbors.cli", "serve", f"{folder}/m", "--port", str(PORT)]
        with process([*command, "--n-jobs", "1"], f"http://127.0.0.1:{PORT}/ping", 1):
            rate = 0.5 * peak(body)
            reloads: list[float] = []

            def reload() -> None:
                for number in range(given.reloads):
                    time.sleep(seconds / (given.reloads + 1))
                    reloads.append(time.perf_counter())
                    models[(number + 1) % 2].save(f"{folder}/m")

            thread = threading.Thread(target=reload)
            thread.start()
            seen, failures, labels = steady(body, rate, seconds)
            thread.join()
    waits = np.array([wait for _, wait in seen]) * 1000
    near = np.array([any(0 <= when - moment < 3 for moment in reloads) for when, _ in seen])
    content = {
        "load_average_at_end": os.getloadavg(),
        "seconds": seconds,
        "reloads": len(reloads),
        "rate_per_second": rate,
        "answers": len(seen),
        "failures": failures[:10],
        "n_failures": len(failures),
        "versions": len(labels),
        "p50_ms": float(np.percentile(waits, 50)),
        "p99_ms": float(np.percentile(waits, 99)),
        "p99_near_reloads_ms": float(np.percentile(waits[near], 99)) if near.any() else None,
        "p99_steady_ms": float(np.percentile(waits[~near], 99)) if (~near).any() else None,
    }
    print(json.dumps(content, indent=1))
    print(f"written: {Path(write('serving-reloads', content)).name}")


if __name__ == "__main__":
    main()
