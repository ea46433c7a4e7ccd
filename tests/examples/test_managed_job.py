# SPDX-License-Identifier: Apache-2.0
"""The migration of a managed job runs, and its three ways to the model agree."""

from __future__ import annotations

import subprocess
import sys

from tests.contracts.tree import ROOT


def test_the_managed_job_runs_and_agrees():
    finished = subprocess.run(
        [sys.executable, ROOT / "examples" / "managed_job.py"], capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for words in (
        "#quality_metric: host=algo-1, test accuracy",
        "model_algo-1.json",
        "over HTTP: 397 answers",
    ):
        assert words in finished.stdout
    assert "Traceback" not in finished.stderr
