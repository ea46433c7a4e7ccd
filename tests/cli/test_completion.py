# SPDX-License-Identifier: Apache-2.0
"""``completion``: scripts for three shells, and what they are told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from kneighbors.cli.program import COMMANDS

each_shell = pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])


@each_shell
def test_the_script_asks_the_program(run, shell):
    script = run("completion", shell).stdout
    assert f"_KNEIGHBORS_COMPLETE={shell}_complete" in script
    told = json.loads(run("completion", shell, "--json").stdout)
    assert told["shell"] == shell and told["script"].strip() == script.strip()


@each_shell
def test_the_script_is_one_that_the_shell_can_read(run, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = run("completion", shell).stdout.encode()
    checked = subprocess.run([shell, "-n"], input=script, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_another_shell_is_wrong_usage(run):
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in run("completion", "tcsh", code=2).stderr


def completed(*words: str) -> set[str]:
    """What bash is offered for the last of the words."""
    environment = {
        **os.environ,
        "_KNEIGHBORS_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["kneighbors", *words]),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-m", "kneighbors.cli"]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return {line.partition(",")[2] for line in text.splitlines()}


def test_commands_options_choices_and_metrics_are_completed():
    assert completed("") == set(COMMANDS)
    assert completed("fit", "--sample") == {"--sample-size"}
    assert completed("fit", "--scale", "") == {"standard", "minmax", "robust", "unit"}
    assert completed("fit", "--metric", "man") == {"manhattan"}
