# SPDX-License-Identifier: Apache-2.0
"""P6: the readers of model files are covered by their tests to the last branch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Left out: what kills processes and what only repeats the same branches twenty thousand times.
SLOW = ("test_mutants.py", "test_kills.py", "test_in_use.py")


@pytest.mark.long
def test_p6_every_branch_of_the_model_files(tmp_path):
    report = tmp_path / "coverage.json"
    told = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-m", "not long", "-p", "no:cacheprovider"),
            *("--cov=kneighbors.model_files", "--cov-branch", "--cov-report", f"json:{report}"),
            *(f"--ignore=tests/model_files/{name}" for name in SLOW),
            "tests/model_files",
        ],
        cwd=ROOT,
        env={**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-4000:]
    files = json.loads(report.read_text("utf-8"))["files"]
    assert len(files) >= 14
    missing = {
        name: (entry["missing_lines"], entry["missing_branches"])
        for name, entry in files.items()
        if entry["missing_lines"] or entry["missing_branches"]
    }
    assert missing == {}
