# SPDX-License-Identifier: Apache-2.0
"""Counters of all workers, in the text format of Prometheus. No label, vector or path is ever in them."""

from __future__ import annotations

import mmap

import numpy as np

from .messages import Request, Response

__all__ = ["Counters"]

_REFUSED = (400, 401, 404, 405, 406, 408, 409, 413, 414, 415, 417, 421, 431)
_STATUSES = (200, 304, *_REFUSED, 500, 503, 504, 505, 507)
_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PLAIN = {
    "rows": "Rows that were answered.",
    "batches": "Searches, each for all requests that waited.",
    "batched_requests": "Requests that took part in a search.",
    "model_loads": "Models loaded, the first included.",
    "model_load_failures": "Models that could not be loaded.",
}


class Counters:
    """Numbers that only grow, one row of them per worker in memory that all workers share.

    Parameters
    ----------
    workers : int, default=1
        Made before the workers are, so that each sees them all.
    """

    def __init__(self, workers: int = 1) -> None:
        self._names = [
            *(f"status_{status}" for status in (*_STATUSES, 0)),
            *(f"bucket_{place}" for place in range(len(_BOUNDS) + 1)),
            "seconds",
            *_PLAIN,
        ]
        self._place = {name: place for place, name in enumerate(self._names)}
        shared = mmap.mmap(-1, max(1, workers) * len(self._names) * 8)
        self._all = np.frombuffer(shared, dtype=np.float64).reshape(max(1, workers), -1)
        self._mine = self._all[0]

    def become(self, worker: int) -> Counters:
        """These counters, counting in the row of one worker."""
        self._mine = self._all[worker]
        return self

    def add(self, name: str, amount: float = 1.0) -> None:
        """Count something of ``_PLAIN``, by its name."""
        self._mine[self._place[name]] += amount

    def observe(self, request: Request | None, status: int, seconds: float) -> None:
        """Count an answer."""
        place = self._place
        self._mine[place.get(f"status_{status}", place["status_0"])] += 1.0
        if request is not None:
            bucket = next((b for b, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))
            self._mine[place[f"bucket_{bucket}"]] += 1.0
            self._mine[place["seconds"]] += seconds

    def observe_batch(self, n_rows: int, n_requests: int) -> None:
        """Count a search."""
        self.add("rows", n_rows)
        self.add("batches")
        self.add("batched_requests", n_requests)

    def response(self, request: Request) -> Response:
        """The answer of /metrics."""
        total = dict(zip(self._names, self._all.sum(axis=0).tolist(), strict=True))
        lines = [
            "# HELP kneighbors_requests_total Answers by status.",
            "# TYPE kneighbors_requests_total counter",
        ]
        for status in (*_STATUSES, 0):
            count = total[f"status_{status}"]
            if count or status == 200:
                name = status or "other"
                lines.append(f'kneighbors_requests_total{{status="{name}"}} {count:.0f}')
        lines += [
            "# HELP kneighbors_request_seconds From the whole request to its answer.",
            "# TYPE kneighbors_request_seconds histogram",
        ]
        below = 0.0
        for place, bound in enumerate((*_BOUNDS, "+Inf")):
            below += total[f"bucket_{place}"]
            lines.append(f'kneighbors_request_seconds_bucket{{le="{bound}"}} {below:.0f}')
        lines += [
            f"kneighbors_request_seconds_sum {total['seconds']:.6f}",
            f"kneighbors_request_seconds_count {below:.0f}",
        ]
        for name, meaning in _PLAIN.items():
            lines += [
                f"# HELP kneighbors_{name}_total {meaning}",
                f"# TYPE kneighbors_{name}_total counter",
                f"kneighbors_{name}_total {total[name]:.0f}",
            ]
        return Response("\n".join([*lines, ""]).encode(), 200, "text/plain; version=0.0.4; charset=utf-8")
