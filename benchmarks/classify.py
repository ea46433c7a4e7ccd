# SPDX-License-Identifier: Apache-2.0
"""How long does a classifier take to fit and to predict 10,000 queries, against every rival that can
classify?

The time is the whole job: fit, predict, and for faiss the vote. A library that is too slow for the time of a
round predicts fewer queries and is scaled up: fit + predict x 10,000 / queries. k = 10, uniform weights, L2.

``python -m benchmarks.classify --quick`` takes up to 4 minutes; without ``--quick`` up to 15.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from . import report
from .contest import Contest
from .options import Plan, parse, ready_probe
from .peaks import Peaks, measure, share_of_peak
from .probe import Probe
from .protocol import Budget, Contestant, Timing, plan_count, run_rounds, summarise

__all__ = ["CASES", "job_rate", "main", "run"]

CASES = ("pixels60k", "table500k")
K = 10


def job_rate(fit_seconds: float, predict_seconds: float, count: int, n_queries: int) -> float:
    """Queries per second of fit and predict together, scaled from ``count`` queries to ``n_queries``.

    >>> job_rate(fit_seconds=1.0, predict_seconds=2.0, count=5_000, n_queries=10_000)
    2000.0
    """
    return n_queries / (fit_seconds + predict_seconds * n_queries / count)


def compare(contest: Contest, plan: Plan, probe: Probe, seconds: float) -> dict[str, Any]:
    """Tune, run the rounds, and compare the labels with the true ones and with ours."""
    n_queries = len(contest.dataset.queries)
    truth = contest.dataset.query_labels
    assert truth is not None

    def estimate(contestant: Contestant) -> float:
        rate = 0.0
        for count in (100, 1000):
            reply = contestant.process.call("classify", count=count, k=K)
            rate = count / reply["predict_seconds"]
            if count / rate > plan.per_timing:
                break
        return rate

    contestants = contest.tune(n_queries, estimate)
    for contestant in contestants:
        contestant.count = plan_count(contestant.rate, n_queries, plan.per_timing, least=1000)

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.npy" for number in range(len(contestants))]

        def timing(contestant: Contestant, number: int) -> Timing:
            path = paths[contestants.index(contestant)]
            reply = contestant.process.call("classify", count=contestant.count, k=K, path=str(path))
            rate = job_rate(reply["fit_seconds"], reply["predict_seconds"], contestant.count, n_queries)
            return Timing(rate, disturbed=False, details=reply)

        n_rounds = run_rounds(contestants, timing, probe, seconds=seconds, most=plan.rounds)
        labels = {number: np.load(path) for number, path in enumerate(paths) if path.exists()}

    ours = next((found for number, found in labels.items() if contestants[number].ours), None)
    for number, found in labels.items():
        answer = contestants[number].answer
        answer["accuracy"] = float(np.mean(found == truth[: len(found)]))
        if ours is not None:
            both = min(len(found), len(ours))
            answer["as_ours"] = float(np.mean(found[:both] == ours[:both]))
            answer["compared"] = both
    return summarise(contestants, n_rounds) | {
        "batch": n_queries,
        "k": K,
        "job": n_queries,
        "answers": "accuracy",
    }


def run(plan: Plan, console: Console) -> list[dict[str, Any]]:
    """The whole question; writes the result unless it is a trial."""
    budget = Budget(plan.seconds)
    probe = ready_probe(console)
    peaks: Peaks | None = measure(plan.n_threads)
    cells: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    absent: dict[str, str] = {}
    skipped: list[str] = []
    for number, name in enumerate(plan.cases):
        if number and budget.left <= 0:
            skipped.append(name)
            continue
        share = Budget(budget.share(len(plan.cases) - number))
        with Contest("classify", name, plan.n_threads, plan.n_rows) as contest:
            n_rows, n_columns = contest.n_rows, contest.dataset.rows.shape[1]
            console.print(f"[bold]{name}[/]: {n_rows:,} x {n_columns}; {contest.dataset.note}")
            contest.load()
            cell = compare(contest, plan, probe, 0.7 * share.left)
            for entry in cell["contestants"]:
                if "rate" in entry:
                    entry["share_of_peak"] = share_of_peak(
                        entry["rate"], cell["batch"], n_rows, n_columns, peaks
                    )
            title = f"{name}, fit + predict {cell['batch']:,}, k = {K}"
            cells.append({"title": title, "case": name, "n_rows": n_rows, "n_columns": n_columns} | cell)
            console.print(report.cell_table(cells[-1]))
            about[name] = {"note": contest.dataset.note, "processes": contest.about, "absent": contest.absent}
            absent |= contest.absent
    content = {
        "seconds": plan.seconds - budget.left,
        "seconds_waited_for_quiet": probe.waited,
        "peaks": peaks,
        "peaks_after": measure(plan.n_threads),
        "data": about,
    }
    report.finish(console, "classify", plan, cells, content, absent, skipped)
    return cells


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    run(parse(__doc__ or "", CASES, 4, 15, arguments), report.console())


if __name__ == "__main__":
    main()
