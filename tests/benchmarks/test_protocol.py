# SPDX-License-Identifier: Apache-2.0
"""The protocol's arithmetic: plans, rounds, medians, ratios, and who drops out."""

from __future__ import annotations

import doctest
import os
from types import SimpleNamespace

import pytest

from benchmarks import classify, peaks, protocol, report
from benchmarks.probe import Probe
from benchmarks.process import WorkerFailure
from benchmarks.protocol import Contestant, Timing
from benchmarks.rivals import OURS, Variant


def contestant(name: str, label: str | None = None, **given) -> Contestant:
    """A contestant whose process is only a name."""
    process = SimpleNamespace(
        rival=SimpleNamespace(name=name),
        variant=Variant("installed"),
        pid=os.getpid(),
        configure=lambda _: None,
    )
    return Contestant(label or name, process, {}, **given)  # type: ignore[arg-type]


def quiet_probe() -> Probe:
    return Probe(1, measure=lambda: 1.0)


def with_rates(name: str, *rates: float, disturbed: tuple[int, ...] = ()) -> Contestant:
    timings = [Timing(rate, number in disturbed) for number, rate in enumerate(rates)]
    return contestant(name, timings=timings, count=1)


@pytest.mark.parametrize("module", [protocol, report, peaks, classify])
def test_examples_in_docstrings(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0 and outcome.failed == 0


@pytest.mark.parametrize("rate", [0.1, 10, 300, 700, 1e6])
@pytest.mark.parametrize("batch", [1, 32, 1000, 10_000])
def test_plan_count_never_leaves_the_batch_nor_the_least(rate, batch):
    count = protocol.plan_count(rate, batch, seconds=2.0)
    assert min(batch, 100) <= count <= batch
    if count < batch:
        assert count <= max(100, 2.0 * rate)


def test_plan_calls_fill_the_time():
    assert protocol.plan_calls(rate=50_000, count=1, at_least=0.2, most=10**6) == 10_000
    assert protocol.plan_calls(rate=50_000, count=1, at_least=0.2) == 2000
    assert protocol.plan_calls(rate=0.01, count=1, at_least=0.2) == 1


def test_budget_is_shared_among_what_is_left():
    budget = protocol.Budget(100.0)
    assert budget.share(4) == pytest.approx(25, abs=1)
    assert protocol.Budget(-5.0).share(3) == 0


def test_ratio_is_the_median_within_rounds():
    # The machine halves its speed for two rounds: rates mislead, ratios within a round do not.
    ours = with_rates(OURS, 200, 100, 200, 100, 200)
    theirs = with_rates("faiss", 100, 50, 100, 50, 10)
    entry = protocol.summarise([ours, theirs], 5)["contestants"][1]
    assert entry["ratio"] == 2 and entry["ratio_least"] == 2 and entry["ratio_most"] == 20


def test_disturbed_rounds_count_only_while_there_are_too_few_quiet_ones():
    rates = (200, 200, 200, 20, 20)
    ours, theirs = with_rates(OURS, *rates, disturbed=(3, 4)), with_rates("faiss", *(100,) * 5)
    found = protocol.summarise([ours, theirs], 5)
    assert found["rounds_disturbed"] == 2 and found["rounds_counted"] == [0, 1, 2]
    assert found["contestants"][0]["rate_least"] == 200
    # One disturbed contestant makes the whole round disturbed: ratios need both.
    ours = with_rates(OURS, *rates, disturbed=(0, 1))
    found = protocol.summarise([ours, with_rates("faiss", *(100,) * 5, disturbed=(2,))], 5)
    assert found["rounds_disturbed"] == 3 and found["rounds_counted"] == [0, 1, 2, 3, 4]
    assert found["contestants"][0]["rate_least"] == 20


def test_choose_takes_the_best_and_keeps_the_installed():
    tried = [contestant("faiss", rate=10), contestant("faiss", rate=30), contestant("faiss", rate=20)]
    assert protocol.choose(tried) == [tried[1], tried[0]]
    assert tried[1].label == "faiss" and tried[0].label == "faiss (as installed)"
    assert protocol.choose([contestant("faiss", rate=10), contestant("faiss", rate=3)])[0].rate == 10
    failed = [contestant("faiss", failure="no"), contestant("faiss", rate=1)]
    assert protocol.choose(failed) == [failed[1]]
    assert protocol.choose([contestant("faiss", failure="no")])[0].failure == "no"


def test_rounds_are_shuffled_and_everybody_takes_part_once():
    lineup = [contestant(name) for name in (OURS, "faiss", "scann", "scikit-learn")]
    order: list[tuple[int, str]] = []

    def measure(one: Contestant, number: int) -> Timing:
        order.append((number, one.label))
        return Timing(1.0, False)

    n_rounds = protocol.run_rounds(lineup, measure, quiet_probe(), seconds=1000, most=6, longest_wait=0)
    assert n_rounds == 6 and all(len(one.timings) == 6 for one in lineup)
    by_round = [[label for number, label in order if number == which] for which in range(6)]
    assert all(sorted(labels) == sorted(by_round[0]) for labels in by_round)
    assert len({tuple(labels) for labels in by_round}) > 1


def test_at_least_three_rounds_even_without_time():
    lineup = [contestant(OURS)]
    timed = protocol.run_rounds(
        lineup, lambda one, number: Timing(1.0, False), quiet_probe(), seconds=0, most=9
    )
    assert timed == 3


def test_who_fails_drops_out_with_its_message():
    ours, theirs = contestant(OURS), contestant("faiss")

    def measure(one: Contestant, number: int) -> Timing:
        if one is theirs and number == 1:
            raise WorkerFailure("out of memory")
        return Timing(5.0, False)

    n_rounds = protocol.run_rounds(
        [ours, theirs], measure, quiet_probe(), seconds=1000, most=4, longest_wait=0
    )
    found = protocol.summarise([ours, theirs], n_rounds)
    assert len(ours.timings) == 4 and found["contestants"][0]["rate"] == 5
    assert found["contestants"][1]["failure"] == "out of memory" and "rate" not in found["contestants"][1]


def test_a_noisy_machine_marks_the_timing_and_waiting_is_bounded():
    speeds = iter([10.0] + [1.0] * 1000)
    probe = Probe(1, measure=lambda: next(speeds))
    probe.speed()
    lineup = [contestant(OURS)]
    protocol.run_rounds(
        lineup, lambda one, number: Timing(1.0, False), probe, seconds=0.8, most=3, longest_wait=0.1
    )
    assert all(timing.disturbed for timing in lineup[0].timings)
    assert probe.waited < 0.8  # a quarter of the time, and the last pause
