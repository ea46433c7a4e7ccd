# SPDX-License-Identifier: Apache-2.0
"""The process that runs one library: reads one JSON request per line, answers one JSON line each.

It runs under whatever Python the library needs, so it uses NumPy and the standard library only. Cores are
limited by affinity before NumPy or the library is loaded; thread counts and BLAS settings come in as
environment variables. Whatever a library prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib import metadata
from typing import Any


def resident_bytes() -> int:
    """Memory of this process in use now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class Worker:
    """Holds the rival, the data and the clock. Each public method is a request."""

    def start(self, rival: str, n_threads: int, metric: str = "sqeuclidean") -> dict[str, Any]:
        """Load the library; says its version and the BLAS kernels in use."""
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_threads])
        from . import rivals

        self.rival = rivals.RIVALS[rival](n_threads, metric)
        __import__(self.rival.module)
        versions = {name: metadata.version(name) for name in (self.rival.distribution, "numpy")}
        return {"versions": versions, "python": sys.version.split()[0], "blas": self._blas()}

    def _blas(self) -> list[str]:
        try:
            from threadpoolctl import threadpool_info
        except ImportError:
            return []
        found = [library for library in threadpool_info() if library["user_api"] == "blas"]
        return sorted(
            f"{os.path.basename(library['filepath'])} {library['version']} {library.get('architecture')}"
            for library in found
        )

    def load(self, rows: str, queries: str, labels: str | None, n_rows: int | None) -> dict[str, Any]:
        """Read the data into this process's own memory."""
        import numpy as np

        self.rows = np.ascontiguousarray(np.load(rows, mmap_mode="r")[:n_rows])
        self.queries = np.load(queries)
        self.labels = None if labels is None else np.load(labels)[:n_rows]
        return {"n_rows": len(self.rows)}

    def configure(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Apply settings that need no new process."""
        self.rival.configure(settings)
        return {}

    def fit(self, k: int) -> dict[str, Any]:
        """Make the index and answer one query, since some libraries build at the first question."""
        before, started = resident_bytes(), time.perf_counter()
        self.rival.fit(self.rows, k)
        self.rival.search(self.queries[:1], k)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "bytes": max(0, resident_bytes() - before)}

    def _batch(self, start: int, count: int) -> Any:
        """``count`` queries from ``start`` on, beginning again at the end, contiguous."""
        import numpy as np

        places = np.arange(start, start + count) % len(self.queries)
        return np.ascontiguousarray(self.queries[places])

    def search(self, start: int, count: int, calls: int, k: int) -> dict[str, Any]:
        """Seconds for ``calls`` calls of ``count`` queries each, after one query to wake the threads."""
        batches = [self._batch(start + call * count, count) for call in range(calls)]
        search = self.rival.search
        search(self._batch(start, 1), k)
        started = time.perf_counter()
        for batch in batches:
            search(batch, k)
        return {"seconds": time.perf_counter() - started}

    def answer(self, count: int, calls: int, k: int, path: str) -> dict[str, Any]:
        """Write the ids of the first ``calls * count`` queries, asked as they are asked when timed."""
        import numpy as np

        ids = [np.asarray(self.rival.search(self._batch(call * count, count), k)) for call in range(calls)]
        np.save(path, np.concatenate(ids).astype(np.int64))
        return {}

    def classify(self, count: int, k: int, path: str | None = None) -> dict[str, Any]:
        """Seconds of fit and of predict on the first ``count`` queries; the labels go to ``path``."""
        import numpy as np

        if self.labels is None:
            raise ValueError("this data has no labels")
        queries = self._batch(0, count)
        started = time.perf_counter()
        self.rival.fit_classifier(self.rows, self.labels, k)
        fitted = time.perf_counter()
        predicted = self.rival.predict(queries)
        done = time.perf_counter()
        if path is not None:
            np.save(path, np.asarray(predicted).astype(np.int64))
        return {"fit_seconds": fitted - started, "predict_seconds": done - fitted}


def main() -> None:
    """Serve requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints must not be taken for an answer
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        method: Callable[..., dict[str, Any]] = getattr(worker, request.pop("do"))
        try:
            reply = method(**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
