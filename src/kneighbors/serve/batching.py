# SPDX-License-Identifier: Apache-2.0
"""Requests that wait are answered together; a request that finds nobody waiting is answered at once.

No timer is involved. What arrives while the model works (or in one turn of the event loop) is asked together
as soon as it is free. A batch that is expected to take under two milliseconds is searched right in the event
loop, which costs less than telling a thread; others go to one thread, with every core inside the search.
A large request is searched in slices, between which small ones get their turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pipeline import Answers
from .limits import Limits
from .messages import RequestError
from .served import ServedModel

__all__ = ["Batcher"]

_INLINE_SECONDS = 0.002
_SLICE_SECONDS = 0.05
_MOST_ROWS = 4096


@dataclass(eq=False)
class _Job:
    served: ServedModel
    rows: NDArray[Any]
    k: int
    probabilities: bool
    future: asyncio.Future[Answers]
    done: int = 0
    parts: list[Answers] = field(default_factory=list)

    @property
    def kind(self) -> tuple[Any, ...]:
        """Jobs of one kind can be searched together."""
        return id(self.served), self.k, self.probabilities, self.rows.dtype, self.rows.shape[1]


class Batcher:
    """The queue before the models of one process.

    Parameters
    ----------
    limits : Limits
        ``queued`` bounds the requests that wait.
    observe : callable or None
        Called with the rows and the requests of each batch.
    """

    def __init__(self, limits: Limits, observe: Callable[[int, int], None] | None = None) -> None:
        self._limits = limits
        self._observe = observe
        self._queue: deque[_Job] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kneighbors-search")
        self._is_busy = False
        self._is_due = False
        self._pace: dict[str, float] = {}  # seconds per row of a model's version

    def ask(
        self, served: ServedModel, rows: NDArray[Any], k: int, *, probabilities: bool = False
    ) -> asyncio.Future[Answers]:
        """Answers for these rows, in their order."""
        if len(self._queue) >= self._limits.queued:
            raise RequestError(503, "Too many requests are waiting; try again.", headers={"retry-after": "1"})
        loop = asyncio.get_running_loop()
        job = _Job(served, rows, k, probabilities, loop.create_future())
        self._queue.append(job)
        if not self._is_busy and not self._is_due:
            self._is_due = True
            loop.call_soon(self._next)
        return job.future

    async def close(self) -> None:
        """End the thread once it is free."""
        self._thread.shutdown(wait=False)

    def _next(self) -> None:
        """Search the next batch: here if it is short, else in the thread."""
        self._is_due = False
        while self._queue and not self._is_busy:
            batch = self._take()
            if not batch:
                continue
            served, n_rows = batch[0][0].served, sum(stop - start for _, start, stop in batch)
            if n_rows * self._pace.get(served.version, 0.0) < _INLINE_SECONDS:
                try:
                    self._deliver(batch, _search(batch), None)
                except Exception as error:
                    self._deliver(batch, None, error)
                if self._queue:
                    self._is_due = True
                    asyncio.get_running_loop().call_soon(self._next)
                return
            self._is_busy = True
            searching = asyncio.get_running_loop().run_in_executor(self._thread, _search, batch)
            searching.add_done_callback(partial(self._searched, batch))

    def _searched(self, batch: list[tuple[_Job, int, int]], done: asyncio.Future[Any]) -> None:
        self._is_busy = False
        error = done.exception()
        self._deliver(batch, None if error is not None else done.result(), error)
        self._next()

    def _take(self) -> list[tuple[_Job, int, int]]:
        """The first job and all of its kind, as far as one slice of time reaches: (job, start, stop)."""
        while self._queue and self._queue[0].future.done():  # nobody waits for it any more
            self._queue.popleft()
        if not self._queue:
            return []
        first = self._queue[0]
        pace = self._pace.get(first.served.version, 0.0)
        room = _MOST_ROWS if pace == 0.0 else max(16, min(_MOST_ROWS, int(_SLICE_SECONDS / pace)))
        kind, batch, others = first.kind, [], []
        fair = max(1, room // 2)  # a large request leaves room for those behind it
        while self._queue and room > 0:
            job = self._queue.popleft()
            if job.future.done():
                continue
            if job.kind != kind:
                others.append(job)
                continue
            stop = min(len(job.rows), job.done + (room if not self._queue else min(fair, room)))
            batch.append((job, job.done, stop))
            room -= stop - job.done
        unfinished = [job for job, _, stop in batch if stop < len(job.rows)]
        self._queue.extendleft(reversed(others))
        self._queue.extend(unfinished)
        return batch

    def _deliver(
        self,
        batch: list[tuple[_Job, int, int]],
        found: tuple[Answers, float] | None,
        error: BaseException | None,
    ) -> None:
        if found is None:
            for job, _, _ in batch:
                if not job.future.done():
                    job.future.set_exception(error or RuntimeError("no answer"))
            return
        answers, seconds = found
        n_rows = sum(stop - start for _, start, stop in batch)
        version = batch[0][0].served.version
        pace = seconds / max(1, n_rows)
        self._pace = {**self._pace, version: 0.8 * self._pace.get(version, pace) + 0.2 * pace}
        if len(self._pace) > 64:
            self._pace = {version: pace}
        if self._observe is not None:
            self._observe(n_rows, len(batch))
        place = 0
        for job, start, stop in batch:
            if len(batch) == 1:
                part = answers
            else:
                part = _part(answers, place, place + stop - start)
                place += stop - start
            job.done = stop
            whole = stop == len(job.rows)
            if whole and not job.parts:
                if not job.future.done():
                    job.future.set_result(part)
                continue
            job.parts.append(part)
            if whole and not job.future.done():
                job.future.set_result(_joined(job.parts))


def _search(batch: list[tuple[_Job, int, int]]) -> tuple[Answers, float]:
    first = batch[0][0]
    pieces = [job.rows[start:stop] for job, start, stop in batch]
    rows = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    started = time.perf_counter()
    answers = first.served.ask(rows, first.k, probabilities=first.probabilities)
    return answers, time.perf_counter() - started


def _part(answers: Answers, start: int, stop: int) -> Answers:
    rows = slice(start, stop)
    return Answers(
        answers.distances[rows],
        answers.ids[rows],
        None if answers.labels is None else [labels[rows] for labels in answers.labels],
        None if answers.predicted is None else answers.predicted[rows],
        None if answers.probabilities is None else [shares[rows] for shares in answers.probabilities],
    )


def _joined(parts: list[Answers]) -> Answers:
    def lists(name: str) -> Any:
        columns = [getattr(part, name) for part in parts]
        return None if columns[0] is None else [np.concatenate(c) for c in zip(*columns, strict=True)]

    predicted = [part.predicted for part in parts]
    return Answers(
        np.concatenate([part.distances for part in parts]),
        np.concatenate([part.ids for part in parts]),
        lists("labels"),
        None if predicted[0] is None else np.concatenate([p for p in predicted if p is not None]),
        lists("probabilities"),
    )
