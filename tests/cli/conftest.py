# SPDX-License-Identifier: Apache-2.0
"""Running the command line in this process and in one of its own, and small files to run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from kneighbors.cli.program import program

Run = Callable[..., Result]

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.normal(size=(60, 4))
LABELS = np.arange(60) % 3
NAMES = ("height", "width", "depth", "mass")
KINDS = np.array(["cat", "dog", "emu"])


def write_csv(path: Path, rows: Any, labels: Any = None, names: Any = None) -> Path:
    """Rows with the label first, numbers written so that they read back the same."""
    lines = [] if names is None else [",".join(names)]
    for place, row in enumerate(np.asarray(rows).tolist()):
        cells = [] if labels is None else [str(np.asarray(labels)[place])]
        lines.append(",".join([*cells, *(repr(cell) for cell in row)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """``run("fit", ...)`` in the test's own folder; ``code`` is the exit code to expect."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, code: int = 0, input: bytes | None = None) -> Result:
        result = CliRunner().invoke(program, [str(argument) for argument in arguments], input=input)
        told = f"exit {result.exit_code}\n{result.stdout}\n{result.stderr}"
        assert result.exit_code == code, told
        assert "Traceback" not in result.stderr, told
        return result

    return call


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """The program in a process of its own, with pipes for its three streams."""

    def call(*arguments: object, **settings: Any) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "kneighbors.cli", *map(str, arguments)]
        return subprocess.Popen(command, cwd=tmp_path, **{**pipes, **settings})

    return call


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """60 rows of 4 named columns, the kind first: cat, dog, emu."""
    return write_csv(tmp_path / "train.csv", ROWS, KINDS[LABELS], ("kind", *NAMES))


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    """The same rows without their kinds."""
    return write_csv(tmp_path / "queries.csv", ROWS, names=NAMES)


@pytest.fixture
def model(run: Run, train: Path) -> Path:
    """A classifier of the rows."""
    run("fit", train, "--model-dir", "model")
    return train.parent / "model"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the larger real tables, which are no part of the project."""
    folder = os.environ.get("KNEIGHBORS_SHARED_DATA")
    if not folder:
        pytest.skip("the environment variable KNEIGHBORS_SHARED_DATA names no folder of real tables")
    return Path(folder)


def lines_of(text: str) -> list[dict[str, Any]]:
    """JSON lines, parsed."""
    return [json.loads(line) for line in text.splitlines()]
