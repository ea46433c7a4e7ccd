# SPDX-License-Identifier: Apache-2.0
"""The demo runs, shows its tables, and fails when an answer is wrong."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

import kneighbors
from tests.contracts.tree import ROOT

DEMO = ROOT / "examples" / "demo.py"


def test_the_demo_runs_and_agrees():
    finished = subprocess.run(
        [sys.executable, DEMO, "--rows", "3000"], capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for words in ("handwritten digits", "diabetes", "generated surface", "model_algo-1.json", "k edited"):
        assert words in finished.stdout
    assert "differ" not in finished.stdout
    assert "Traceback" not in finished.stderr


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["demo"]


def test_the_demo_notices_a_wrong_answer(demo, monkeypatch):
    right = kneighbors.KNeighborsClassifier.predict

    def one_wrong(self, X):
        answers = np.array(right(self, X))
        answers[0] = (answers[0] + 1) % 3
        return answers

    monkeypatch.setattr(kneighbors.KNeighborsClassifier, "predict", one_wrong)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--rows", "1000"])
    assert demo.main() == 1
