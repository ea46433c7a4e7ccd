# SPDX-License-Identifier: Apache-2.0
"""Results say where they were measured, and no loss, failure or wrong answer is hidden."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import machine, report
from benchmarks.rivals import OURS


def entry(library: str, rate: float, ratio: float | None = None, **more):
    found = {"label": library, "library": library, "environment": {}, "settings": {}, "rate": rate}
    found |= {"queries_per_call": 10, "answer": {"right": 1.0}}
    if ratio is not None:
        found |= {"ratio": ratio, "ratio_least": ratio / 2, "ratio_most": ratio * 2}
    return found | more


@pytest.fixture
def cell():
    contestants = [
        entry(OURS, 100.0),
        entry("faiss", 125.0, 0.8),
        entry("scann", 50.0, 2.0, answer={"right": 0.99}),
        {"label": "other", "library": "other", "environment": {}, "settings": {}, "failure": "out of memory"},
    ]
    return {"title": "case", "batch": 10, "rounds": 5, "rounds_disturbed": 2, "contestants": contestants}


def shown(table) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def test_every_contestant_and_the_loss_are_in_the_table(cell):
    text = shown(report.cell_table(cell))
    assert re.search(r"faiss .*0\.80 \(0\.40 to 1\.60\) SLOWER", text)
    assert "2.00 (1.00 to 4.00)" in text and "SLOWER" not in text.split("scann")[1].split("\n")[0]
    assert "out of memory" in text and "2 of 5 rounds disturbed" in text


def test_the_summary_compares_with_the_strongest_rival(cell):
    assert report.best_rival(cell)["label"] == "faiss"
    assert "0.80 (0.40 to 1.60) SLOWER" in shown(report.summary_table([cell]))


def test_closing_words_leave_nothing_out(cell):
    words = "\n".join(report.closing_words([cell], {"gone": "not installed"}, ["late case"]))
    for part in ("0 of 1 cases", "SLOWER: case: 0.80 of faiss", "WRONG ANSWERS: case: scann has 0.9900"):
        assert part in words
    for part in (
        "FAILED: case: other: out of memory",
        "absent: gone: not installed",
        "out of time: late case",
    ):
        assert part in words


def test_a_noisy_run_is_called_so(cell):
    quiet = report.closing_words([cell], {}, [])
    noisy = report.closing_words([cell | {"rounds_disturbed": 3}], {}, [])
    assert not any("DISTURBED" in line for line in quiet)
    assert any("DISTURBED: 1 of 1 cases" in line for line in noisy)


def test_our_own_failure_is_shown(cell):
    cell["contestants"][0] = cell["contestants"][3] | {"label": OURS, "library": OURS}
    assert "failed" in shown(report.summary_table([cell]))


def test_a_result_holds_its_machine_and_date(tmp_path: Path):
    path = report.write("exact", {"cells": [1]}, tmp_path)
    found = json.loads(path.read_text())
    assert path.name.startswith("exact-") and found["cells"] == [1] and found["question"] == "exact"
    assert found["machine"]["cores"] == machine.n_cores() and found["machine"]["cpu"]
    assert found["versions"]["kneighbors"] and found["date"].endswith("Z")


def test_folder_names_are_plain():
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", machine.slug())
    assert machine.slug().endswith("cores")
