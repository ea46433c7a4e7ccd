# SPDX-License-Identifier: Apache-2.0
"""How many exact searches per second, for one query, small and large batches, against every rival?

``python -m benchmarks.exact --quick`` asks for k = 10 in batches of 1, 32 and 1,000, narrow data, inner
product, cosine and k = 100 in batches of 1,000, and takes up to 10 minutes; without ``--quick`` batches of 8,
128 and 10,000 and k = 100 come in everywhere, and it takes up to 65. ``--avx2`` holds everybody who can be
held to AVX2; ``--threads 1`` is one core; several ``--batch`` give the curve over batch sizes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from . import judge, report
from .contest import Contest, fit_all
from .options import Plan, parse, ready_probe
from .peaks import Peaks, measure, share_of_peak
from .probe import Probe
from .process import WorkerFailure
from .protocol import Budget, Contestant, Timing, plan_calls, plan_count, run_rounds, summarise

__all__ = ["CASES", "main", "run"]

# A data set, and a metric where it is not L2.
CASES = (
    *("pixels60k", "clustered1m", "text50k", "normal16", "normal64", "normal2", "normal3", "normal8"),
    *("text50k/cosine", "clustered1m/inner_product", "normal64/inner_product"),
)


def questions(plan: Plan, case: str = CASES[0]) -> list[tuple[int, int]]:
    """Batch and k of each comparison, the most telling first: time may run out."""
    if plan.batches:
        return [(batch, k) for k in ((10,) if plan.quick else (10, 100)) for batch in plan.batches]
    if not plan.quick:
        return [(batch, k) for k in (10, 100) for batch in (1000, 1, 32, 10_000, 8, 128)]
    if CASES.index(case) >= 5:
        return [(1000, 10)]
    return [(1000, 10), (1, 10), (32, 10)] + ([(1000, 100)] if case == "text50k" else [])


def time_search(contestant: Contestant, start: int, count: int, calls: int, k: int) -> float:
    """Queries per second of one timing."""
    reply = contestant.process.call("search", start=start, count=count, calls=calls, k=k)
    return calls * count / float(reply["seconds"])


def compare(contest: Contest, batch: int, k: int, plan: Plan, probe: Probe, seconds: float) -> dict[str, Any]:
    """Tune, run the rounds and judge the answers of one batch size and k."""
    n_queries = len(contest.dataset.queries)
    batch = min(batch, n_queries)

    def estimate(contestant: Contestant) -> float:
        brief = plan.per_timing / 4
        rate = time_search(contestant, 0, min(batch, 32), 1, k)
        if batch > 32 and 32 / rate > brief:  # slow enough to be known already
            return rate
        count = plan_count(rate, batch, brief)
        calls = plan_calls(rate, count, brief / 2)
        return max(time_search(contestant, 0, count, calls, k) for _ in range(2))

    contestants = contest.tune(batch, estimate)
    for contestant in contestants:
        contestant.count = plan_count(contestant.rate, batch, plan.per_timing)

    def timing(contestant: Contestant, number: int) -> Timing:
        calls = plan_calls(contestant.rate, contestant.count, plan.per_timing / 5)
        start = number * 1009 % n_queries  # other queries in each round, the same for all
        return Timing(time_search(contestant, start, contestant.count, calls, k), disturbed=False)

    n_rounds = run_rounds(
        contestants, timing, probe, seconds=seconds, most=plan.rounds, seed=batch * 1000 + k
    )
    judge_answers(contest, contestants, k, plan.judged)
    return summarise(contestants, n_rounds) | {"batch": batch, "k": k, "judged_queries": plan.judged}


def judge_answers(contest: Contest, contestants: Sequence[Contestant], k: int, n_judged: int) -> None:
    """Let every contestant answer once more, and write into each what the judge and our own answer say."""
    rows, queries = contest.dataset.rows[: contest.n_rows], contest.dataset.queries[:n_judged]
    nearest = judge.kth_distances(queries, rows, k, contest.metric)
    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, contestant in enumerate(contestants):
            if contestant.failure is not None:
                continue
            path = Path(folder) / f"{number}.npy"
            calls = -(-n_judged // contestant.count)
            try:
                contestant.process.configure(contestant.settings)
                contestant.process.call("answer", count=contestant.count, calls=calls, k=k, path=str(path))
            except WorkerFailure as failure:
                contestant.failure = str(failure)
                continue
            answers[number] = np.load(path)
    ours = next((ids for number, ids in answers.items() if contestants[number].ours), None)
    for number, ids in answers.items():
        right = judge.right_share(ids[:n_judged], nearest, queries, rows, contest.metric)
        contestants[number].answer["right"] = right
        if ours is not None:
            both = min(len(ids), len(ours))
            contestants[number].answer["as_ours"] = judge.overlap(ids[:both], ours[:both])
            contestants[number].answer["compared"] = both


def run_case(
    name: str,
    plan: Plan,
    probe: Probe,
    budget: Budget,
    cases_left: int,
    peaks: Peaks | None,
    console: Console,
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """All comparisons on one data set: the cells, what to say about the contest, what was skipped."""
    cells: list[dict[str, Any]] = []
    skipped: list[str] = []
    asked = questions(plan, name)
    dataset, _, metric = name.partition("/")
    case_budget = Budget(budget.share(cases_left))
    with Contest(
        "exact", dataset, plan.n_threads, plan.n_rows, metric or "sqeuclidean", plan.avx2
    ) as contest:
        n_rows, n_columns = contest.n_rows, contest.dataset.rows.shape[1]
        console.print(f"[bold]{name}[/]: {n_rows:,} x {n_columns}; {contest.dataset.note}")
        contest.load()
        fits = fit_all(contest, max(k for _, k in asked))
        console.print(
            "ready after: " + ", ".join(f"{who} {fit['seconds']:.2f} s" for who, fit in fits.items())
        )
        for number, (batch, k) in enumerate(asked):
            title = f"{name}, batch {batch:,}, k = {k}"
            if number and case_budget.left <= 0:
                skipped.append(title)
                continue
            # A quarter of the time goes to tuning and judging, which have no limit of their own.
            cell = compare(contest, batch, k, plan, probe, 0.75 * case_budget.share(len(asked) - number))
            for entry in cell["contestants"]:
                if "rate" in entry:
                    batch_asked = entry["queries_per_call"]
                    entry["share_of_peak"] = share_of_peak(
                        entry["rate"], batch_asked, n_rows, n_columns, peaks
                    )
            where = {"case": name, "metric": contest.metric, "n_rows": n_rows, "n_columns": n_columns}
            cells.append({"title": title} | where | cell)
            console.print(report.cell_table(cells[-1]))
        about = {
            "note": contest.dataset.note,
            "fit": fits,
            "processes": contest.about,
            "absent": contest.absent,
        }
    return cells, about, skipped


def run(plan: Plan, console: Console) -> list[dict[str, Any]]:
    """The whole question; writes the result unless it is a trial."""
    budget = Budget(plan.seconds)
    probe = ready_probe(console)
    peaks = measure(plan.n_threads)
    cells: list[dict[str, Any]] = []
    skipped: list[str] = []
    about: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for number, name in enumerate(plan.cases):
        found, about[name], missed = run_case(
            name, plan, probe, budget, len(plan.cases) - number, peaks, console
        )
        cells += found
        skipped += missed
        absent |= about[name]["absent"]
    content = {
        "seconds": plan.seconds - budget.left,
        "seconds_waited_for_quiet": probe.waited,
        "peaks": peaks,
        "peaks_after": measure(plan.n_threads),
        "data": about,
    }
    report.finish(console, "exact-avx2" if plan.avx2 else "exact", plan, cells, content, absent, skipped)
    return cells


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    run(parse(__doc__ or "", CASES, 10, 65, arguments), report.console())


if __name__ == "__main__":
    main()
