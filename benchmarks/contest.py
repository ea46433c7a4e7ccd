# SPDX-License-Identifier: Apache-2.0
"""All libraries with one data set loaded, each in its own processes, and the choice of the best settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from . import data
from .machine import cpu_flags
from .process import WorkerFailure, WorkerProcess, python_for
from .protocol import Contestant, choose
from .rivals import RIVALS

__all__ = ["Contest"]


class Contest:
    """Starts a process per library and environment, loads the data, and lets who cannot fit drop out by name.

    Parameters
    ----------
    question : {"exact", "classify"}
        What the libraries must be able to do.
    name : str
        A data set of ``data.py``.
    n_threads : int
        Cores each library may use.
    n_rows : int or None
        Only the first so many rows: to try the benchmarks themselves.
    metric : {"sqeuclidean", "inner_product", "cosine"}
        Of the searches; libraries without it stay out.
    on_avx2 : bool
        Hold everybody to AVX2; libraries that cannot be held stay out.
    """

    def __init__(
        self,
        question: str,
        name: str,
        n_threads: int,
        n_rows: int | None = None,
        metric: str = "sqeuclidean",
        on_avx2: bool = False,
    ) -> None:
        self.question, self.name, self.n_threads = question, name, n_threads
        self.metric, self.on_avx2 = metric, on_avx2
        self.dataset = data.load(name)
        self.n_rows = len(self.dataset.rows[:n_rows])
        self.processes: list[WorkerProcess] = []
        self.absent: dict[str, str] = {}
        self.about: dict[str, Any] = {}
        try:
            for rival in RIVALS.values():
                if question in rival.questions and metric in rival.metrics:
                    self._start(rival.name)
        except BaseException:
            self.close()
            raise

    def _start(self, name: str) -> None:
        rival = RIVALS[name]
        if python_for(rival.module) is None:
            self.absent[name] = (
                f"{rival.distribution} is not installed (python -m benchmarks.setup installs it)"
            )
            return
        kernels: list[list[str]] = []
        variants = rival.variants(cpu_flags())
        if self.on_avx2:
            if (held := rival.on_avx2()) is None:
                self.absent[name] = "it cannot be held to AVX2"
                return
            variants = (held,)
        for variant in variants:
            try:
                process = WorkerProcess(rival, variant, self.n_threads, self.metric)
            except WorkerFailure as failure:
                self.absent[f"{name}, {variant.name}"] = str(failure)
                continue
            if process.about["blas"] in kernels:  # the variable changed nothing on this machine
                process.close()
                continue
            kernels.append(process.about["blas"])
            self.processes.append(process)
            self.about[f"{name}, {variant.name}"] = process.about

    def each(self, action: Callable[[WorkerProcess], Any]) -> dict[str, Any]:
        """Do something in every process; those that fail drop out. Returns the answers by process."""
        answers = {}
        for process in list(self.processes):
            label = f"{process.rival.name}, {process.variant.name}"
            try:
                answers[label] = action(process)
            except WorkerFailure as failure:
                self.absent[label] = str(failure)
                process.close()
                self.processes.remove(process)
        return answers

    def load(self) -> None:
        """Give every process the data."""
        labels = None if self.dataset.labels is None else str(self._path("labels"))
        self.each(
            lambda process: process.call(
                "load",
                rows=str(self._path("rows")),
                queries=str(self._path("queries")),
                labels=labels,
                n_rows=self.n_rows,
            )
        )

    def _path(self, part: str) -> Path:
        return data.path_of(self.name, part)

    def tune(self, batch: int, estimate: Callable[[Contestant], float]) -> list[Contestant]:
        """Try every setting of every library briefly; returns those that enter the rounds, ours first."""
        by_library: dict[str, list[Contestant]] = {}
        for process in self.processes:
            for settings in process.rival.settings(self.question, batch, self.n_threads):
                contestant = Contestant(process.rival.name, process, dict(settings))
                try:
                    process.configure(contestant.settings)
                    contestant.rate = estimate(contestant)
                except WorkerFailure as failure:
                    contestant.failure = str(failure)
                by_library.setdefault(process.rival.name, []).append(contestant)
        chosen: list[Contestant] = []
        for tried in by_library.values():
            chosen += choose(tried)
        return chosen

    def close(self) -> None:
        """End all processes."""
        for process in self.processes:
            process.close()

    def __enter__(self) -> Contest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fit_all(contest: Contest, k: int) -> dict[str, Any]:
    """Make every index; seconds and bytes (beyond the caller's rows) by process."""

    def fit(process: WorkerProcess) -> dict[str, Any]:
        first: Sequence[Any] = process.rival.settings(contest.question, 1, contest.n_threads)
        process.configure(dict(first[0]))
        return process.call("fit", k=k)

    return contest.each(fit)
