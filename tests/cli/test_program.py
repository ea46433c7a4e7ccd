# SPDX-License-Identifier: Apache-2.0
"""The program as a whole: help that teaches, quick start, commands loaded when used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import kneighbors.cli
from kneighbors.cli.program import COMMANDS

each_command = pytest.mark.parametrize("name", COMMANDS)


def test_help_has_the_quick_start_and_the_exit_codes(run):
    text = run("--help").stdout
    for line in (
        "kneighbors fit train.csv --k 5 --model-dir model/",
        "kneighbors evaluate model/ test.csv",
        "kneighbors predict model/ queries.csv --output predictions.csv",
    ):
        assert line in text
    for code in ("0 fine", "1 a mistake", "2 wrong usage", "70 a fault", "130 stopped", "141 the reader"):
        assert code in text


@each_command
def test_every_command_teaches_by_an_example(run, name):
    text = run(name, "--help").stdout
    assert text == run(name, "-h").stdout
    assert "Example:" in text and f"kneighbors {name}" in text.split("Example:")[1]
    for option in ("--json", "--debug"):
        assert option in text


@each_command
def test_the_summary_is_the_first_line_of_the_help(name):
    command = importlib.import_module(f"kneighbors.cli.{name}").command
    assert command.name == name
    assert command.help.strip().splitlines()[0] == COMMANDS[name]


def test_every_command_file_is_a_command():
    folder = Path(kneighbors.cli.__file__).parent
    commands = {path.stem for path in folder.glob("*.py") if "@subcommand(" in path.read_text()}
    assert commands == set(COMMANDS)


def test_version(run):
    assert run("--version").stdout == f"kneighbors {version('kneighbors')}\n"
    assert version("kneighbors") == kneighbors.__version__


def test_no_command_is_wrong_usage_and_shows_the_help(run):
    result = run(code=2)
    assert result.stdout == "" and "Quick start:" in result.stderr


def test_an_unknown_command_and_an_unknown_option(run):
    assert "No such command 'fitt'" in run("fitt", code=2).stderr
    result = run("fit", "train.csv", "--model-dri", "m", code=2)
    assert "--model-dir" in result.stderr and result.stdout == ""


def loaded_by(*arguments: str) -> set[str]:
    program = (
        "import sys\nfrom kneighbors.cli import main\n"
        f"sys.argv = ['kneighbors', *{list(arguments)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(finished.stderr.split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["fit", "--help"], ["predict", "--help"], ["completion", "zsh"]]
)
def test_help_loads_nothing_heavy(arguments):
    heavy = {"numpy", "scipy", "sklearn", "pyarrow", "msgspec", "rich", "pandas"}
    assert not loaded_by(*arguments) & heavy


def test_help_is_there_in_well_under_half_a_second():
    """The best of three, because other processes share the cores; the interpreter's start is not counted."""
    program = (
        "import time, sys; started = time.perf_counter()\n"
        "from kneighbors.cli import main; sys.argv = ['kneighbors', 'fit', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(time.perf_counter() - started, file=sys.stderr)"
    )
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True) for _ in range(3)]
    assert min(float(one.stderr) for one in runs) < 0.4


def test_the_installed_script_and_the_module_are_the_same_program():
    script = Path(sys.executable).with_name("kneighbors")
    if not script.exists():
        pytest.skip("the package is not installed beside this interpreter")
    for command in ([script], [sys.executable, "-m", "kneighbors.cli"]):
        finished = subprocess.run([*command, "--version"], capture_output=True, text=True)
        assert (finished.returncode, finished.stdout) == (0, f"kneighbors {kneighbors.__version__}\n")
