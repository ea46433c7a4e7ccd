# SPDX-License-Identifier: Apache-2.0
"""How a comparison is run: who takes part, in which order, how often, and what is made of the times.

1. *Tuning*: every setting of every library is timed briefly; a library enters as "tuned" (its best setting
   for this very case) and, where that is another, "as installed".
2. *Rounds*: in each round every contestant is timed once, in a new random order, on the same queries, after a
   wait for a quiet machine. A timing during which others were at work is repeated once, then kept and marked.
3. *Ratios* are taken within a round, where all met the same machine, and their median over the rounds is
   quoted. Rounds that were disturbed count only while there are fewer than three quiet ones.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .probe import CpuClock, Probe
from .process import WorkerFailure, WorkerProcess
from .rivals import OURS

__all__ = ["Budget", "Contestant", "Timing", "choose", "counted_rounds", "plan_count", "ratios", "run_rounds"]

FOREIGN_LIMIT = 0.15  # cores: more than this and a timing is disturbed
LEAST_ROUNDS = 3


@dataclass
class Budget:
    """Seconds that may be used, and what is left of them."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left; negative when overdrawn."""
        return self.seconds - (time.monotonic() - self.started)

    def share(self, parts: int) -> float:
        """What is left, divided fairly among the parts still to come."""
        return max(0.0, self.left) / max(1, parts)


@dataclass(frozen=True)
class Timing:
    """One timing of one contestant in one round: queries per second, and whether others were at work."""

    rate: float
    disturbed: bool
    foreign_cores: float | None = None
    details: dict[str, float] = field(default_factory=dict)


@dataclass
class Contestant:
    """A library with settings that takes part in the rounds.

    Attributes
    ----------
    label : str
        The library's name, with "as installed" where that is not its best.
    process : WorkerProcess
        Where it runs.
    settings : dict
        What is configured before each timing.
    rate : float
        Queries per second while tuning; used for planning only.
    count : int
        Queries per call; fewer than the batch for a slow library.
    timings : list of Timing
        One per round.
    answer : dict
        What the judge said.
    failure : str or None
        The library's own words, if it could not go on.
    """

    label: str
    process: WorkerProcess
    settings: dict[str, Any]
    rate: float = 0.0
    count: int = 0
    timings: list[Timing] = field(default_factory=list)
    answer: dict[str, float] = field(default_factory=dict)
    failure: str | None = None

    @property
    def ours(self) -> bool:
        """Whether this is kneighbors."""
        return self.process.rival.name == OURS


def plan_count(rate: float, batch: int, seconds: float, least: int = 100) -> int:
    """How many of a batch's queries a library is timed on, given its rate.

    The whole batch if that takes up to 1.5 times ``seconds``; otherwise as many as fill ``seconds``, but at
    least ``least``, below which matrix kernels lose efficiency.

    >>> plan_count(rate=500.0, batch=1000, seconds=2.0)
    1000
    >>> plan_count(rate=900.0, batch=10_000, seconds=2.0)
    1800
    >>> plan_count(rate=30.0, batch=10_000, seconds=2.0)
    100
    """
    if batch <= least or batch <= 1.5 * seconds * rate:
        return batch
    return min(batch, max(least, int(seconds * rate)))


def plan_calls(rate: float, count: int, at_least: float, most: int = 2000) -> int:
    """Calls of ``count`` queries that last about ``at_least`` seconds together.

    >>> plan_calls(rate=100.0, count=1, at_least=0.2)
    20
    >>> plan_calls(rate=100.0, count=1000, at_least=0.2)
    1
    """
    return max(1, min(most, round(at_least * rate / count)))


def ratios(ours: Sequence[Timing], theirs: Sequence[Timing], rounds: Sequence[int]) -> list[float]:
    """How many times faster we were, round by round."""
    return [ours[number].rate / theirs[number].rate for number in rounds]


def counted_rounds(disturbed: Sequence[bool]) -> list[int]:
    """Numbers of the rounds that enter the medians: the quiet ones if there are three, else all.

    >>> counted_rounds([False, True, False, False])
    [0, 2, 3]
    >>> counted_rounds([False, True, True])
    [0, 1, 2]
    """
    quiet = [number for number, flag in enumerate(disturbed) if not flag]
    return quiet if len(quiet) >= LEAST_ROUNDS else list(range(len(disturbed)))


def choose(tried: Sequence[Contestant]) -> list[Contestant]:
    """Of one library's settings, tried in order with the one as installed first: the best, and the installed
    one.

    Settings that failed are passed over; where all did, the first is kept for its message.
    """
    working = [contestant for contestant in tried if contestant.failure is None]
    if not working:
        return [tried[0]]
    best = max(working, key=lambda contestant: contestant.rate)
    installed = tried[0]
    if installed is best:
        return [best]
    installed.label += " (as installed)"
    return [best, installed] if installed.failure is None else [best]


def time_once(
    contestant: Contestant, measure: Callable[[Contestant], Timing], probe: Probe, patience: float
) -> Timing:
    """One timing on a machine as quiet as ``patience`` seconds can buy; repeated once if others broke in.

    With no patience left nobody waits and nothing is repeated.
    """
    contestant.process.configure(contestant.settings)
    for attempt in range(2):
        quiet = probe.wait(patience)
        clock = CpuClock(contestant.process.pid)
        timing = measure(contestant)
        foreign = clock.foreign_cores()
        disturbed = not quiet or (foreign is not None and foreign > FOREIGN_LIMIT)
        if not disturbed or attempt or patience <= 0:
            break
    return Timing(timing.rate, disturbed, foreign, timing.details)


def run_rounds(
    contestants: Sequence[Contestant],
    measure: Callable[..., Timing],
    probe: Probe,
    *,
    seconds: float,
    most: int,
    longest_wait: float = 2.0,
    seed: int = 0,
) -> int:
    """Time everybody in rounds until ``seconds`` are used or there are ``most``, but at least three times.

    Up to a quarter of the time is spent waiting for a quiet machine, at most ``longest_wait`` seconds at
    once. A contestant that fails drops out with its message. Returns the number of rounds.
    """
    order = random.Random(seed)
    started, waited = time.monotonic(), probe.waited
    number = 0
    while number < most:
        lineup = [contestant for contestant in contestants if contestant.failure is None]
        order.shuffle(lineup)
        for contestant in lineup:
            patience = min(longest_wait, seconds / 4 - (probe.waited - waited))
            try:
                timing = time_once(contestant, partial(measure, number=number), probe, patience)
            except WorkerFailure as failure:
                contestant.failure = str(failure)
            else:
                contestant.timings.append(timing)
        number += 1
        elapsed = time.monotonic() - started
        if number >= LEAST_ROUNDS and elapsed * (number + 1) / number > seconds:
            break
    return number


def summarise(contestants: Sequence[Contestant], n_rounds: int) -> dict[str, Any]:
    """Rates and ratios of a finished comparison, as plain data for JSON and the tables.

    ``ratio`` is ours over theirs: above 1 we were faster, below 1 slower.
    """
    standing = [contestant for contestant in contestants if contestant.failure is None]
    disturbed = [
        any(contestant.timings[number].disturbed for contestant in standing) for number in range(n_rounds)
    ]
    rounds = counted_rounds(disturbed)
    ours = next((contestant for contestant in standing if contestant.ours), None)
    entries = []
    for contestant in contestants:
        process = contestant.process
        entry: dict[str, Any] = {
            "label": contestant.label,
            "library": process.rival.name,
            "environment": dict(process.variant.environment),
            "settings": contestant.settings,
        }
        if contestant.failure is not None:
            entries.append(entry | {"failure": contestant.failure})
            continue
        rates = [contestant.timings[number].rate for number in rounds]
        entry |= {
            "rate": statistics.median(rates),
            "rate_least": min(rates),
            "rate_most": max(rates),
            "queries_per_call": contestant.count,
            "all_rates": [timing.rate for timing in contestant.timings],
            "disturbed": [timing.disturbed for timing in contestant.timings],
            "foreign_cores": [timing.foreign_cores for timing in contestant.timings],
            "details": [timing.details for timing in contestant.timings if timing.details],
            "answer": contestant.answer,
        }
        if ours is not None and contestant is not ours:
            per_round = ratios(ours.timings, contestant.timings, rounds)
            entry |= {
                "ratio": statistics.median(per_round),
                "ratio_least": min(per_round),
                "ratio_most": max(per_round),
            }
        entries.append(entry)
    return {
        "rounds": n_rounds,
        "rounds_disturbed": sum(disturbed),
        "rounds_counted": rounds,
        "contestants": entries,
    }
