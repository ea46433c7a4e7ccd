# SPDX-License-Identifier: Apache-2.0
"""Pictures say what was measured: every comparison, every library, and how quiet the machine was."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib", reason="matplotlib draws the figures (pip install --group bench)")

from benchmarks import exact_figures
from benchmarks.rivals import OURS


def entry(library: str, rate: float, **more):
    share = {"float32": rate / 1000, "read": 0.01}
    return {"label": library, "library": library, "rate": rate, "share_of_peak": share} | more


@pytest.fixture
def result():
    cells = []
    for batch in (1, 32):
        contestants = [
            entry(OURS, 100.0 * batch),
            entry("faiss", 50.0 * batch, ratio=2.0, answer={"right": 0.98}),
            entry("scann", 25.0 * batch, ratio=4.0),
            {"label": "broken", "library": "broken", "failure": "died"},
        ]
        cell = {"title": f"set, batch {batch}", "case": "set", "batch": batch, "k": 10}
        cells.append(cell | {"rounds": 5, "rounds_disturbed": 2, "contestants": contestants})
    return {"cells": cells, "plan": {"n_threads": 2}, "date": "2026-11-21T00:00:00Z"}


@pytest.fixture(autouse=True)
def letters_stay_letters():
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        yield


def test_ratios_name_the_closest_rival_and_its_wrong_answers(result, tmp_path):
    exact_figures.draw_ratios(result, tmp_path / "exact.svg")
    text = (tmp_path / "exact.svg").read_text()
    assert text.count("2.0 x faiss, 98.0% right") == 2
    assert "scann" not in text
    assert "4 of 10 rounds" in text
    assert "set, batch 32" in text


def test_batches_show_every_library_that_answered(result, tmp_path):
    exact_figures.draw_batches(result, "set", tmp_path / "batches.svg")
    text = (tmp_path / "batches.svg").read_text()
    assert OURS in text and "faiss" in text and "scann" in text and "broken" not in text


def test_a_case_that_was_not_measured_is_refused(result, tmp_path):
    with pytest.raises(SystemExit, match="other"):
        exact_figures.draw_batches(result, "other", tmp_path / "batches.svg")
