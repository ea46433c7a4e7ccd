# SPDX-License-Identifier: Apache-2.0
"""The command line that all questions share, and the run's plan that follows from it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from .machine import n_cores
from .probe import Probe

__all__ = ["Plan", "parse"]


@dataclass(frozen=True)
class Plan:
    """How a run spends its time.

    Attributes
    ----------
    quick : bool
        The short version of the questions.
    n_threads : int
        Cores every library may use.
    cases : tuple of str
        Data sets to run, in order.
    seconds : float
        The whole run's budget.
    per_timing : float
        What a slow library is timed for; a fast one at least a tenth of it.
    rounds : int
        The most rounds per comparison.
    judged : int
        Queries whose answers the float64 judge checks.
    batches : tuple of int
        Only these batch sizes, where the question has several; all if empty.
    avx2 : bool
        Everybody is held to AVX2; who cannot be held stays out.
    n_rows : int or None
        Only so many rows: a trial of the benchmark itself, whose result is not written.
    """

    quick: bool
    n_threads: int
    cases: tuple[str, ...]
    seconds: float
    per_timing: float
    rounds: int
    judged: int
    batches: tuple[int, ...]
    n_rows: int | None
    avx2: bool = False


def parse(
    description: str,
    cases: Sequence[str],
    quick_minutes: float,
    full_minutes: float,
    arguments: Sequence[str] | None,
) -> Plan:
    """Read the command line of one question."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="the short version")
    parser.add_argument(
        "--threads", type=int, default=min(2, n_cores()), help="cores per library (%(default)s)"
    )
    parser.add_argument("--case", action="append", choices=cases, help="only this data set; may be repeated")
    parser.add_argument(
        "--batch", type=int, action="append", help="only this batch size (exact); may be repeated"
    )
    parser.add_argument("--minutes", type=float, help=f"budget ({full_minutes:g}, quick {quick_minutes:g})")
    parser.add_argument(
        "--rows", type=int, help="only so many rows, to try the benchmark; nothing is written"
    )
    parser.add_argument("--avx2", action="store_true", help="hold everybody to AVX2 (exact)")
    given = parser.parse_args(arguments)
    if not 1 <= given.threads <= n_cores():
        parser.error(f"--threads {given.threads}: this process may use 1 to {n_cores()} cores")
    chosen = tuple(given.case or cases)
    minutes = given.minutes or (quick_minutes if given.quick else full_minutes) * len(chosen) / len(cases)
    return Plan(
        quick=given.quick,
        n_threads=given.threads,
        cases=chosen,
        seconds=60 * minutes,
        per_timing=1.0 if given.quick else 2.0,
        rounds=5 if given.quick else 9,
        judged=20 if given.quick else 50,
        batches=tuple(given.batch or ()),
        n_rows=given.rows,
        avx2=given.avx2,
    )


def ready_probe(console: Console) -> Probe:
    """A probe that knows this machine's best speed."""
    probe = Probe(min(2, n_cores()))
    probe.calibrate()
    if not probe.wait(10):
        console.print(
            "the machine is not quiet; the tables say how many rounds were disturbed", style="yellow"
        )
    return probe
