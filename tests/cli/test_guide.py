# SPDX-License-Identifier: Apache-2.0
"""The guide: every command and every line of Python on its pages runs, and says what the page says.

A ``console`` block holds commands after "$ " and what they write to standard output, "..." standing for
anything; a command without output below it must write none. Numbers in the text come from the file behind the
figures.
"""

from __future__ import annotations

import doctest
import json
import re
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kneighbors.cli.program import program

DOCS = Path(__file__).resolve().parents[2] / "docs"
STEPS = ("data", "sample", "scale", "reduce", "index", "vote", "save")
QUESTIONS = ("choosing", "checking", "explaining")
PAGES = {page: (DOCS / "guide" / f"{page}.md").read_text(encoding="utf-8") for page in (*STEPS, *QUESTIONS)}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("step", PAGES)


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block, and the output below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def run_command(command: str) -> str:
    """Standard output; plain calls of the program stay in this process, which saves its start."""
    if command.startswith("kneighbors ") and not set(command) & set("|<>&;"):
        result = CliRunner().invoke(program, shlex.split(command)[1:])
        assert result.exit_code == 0, f"$ {command}\n{result.output}"
        return result.stdout
    shell = f'kneighbors() {{ "{sys.executable}" -m kneighbors.cli "$@"; }}\n{command}'
    finished = subprocess.run(["bash", "-ec", shell], capture_output=True, text=True)
    assert finished.returncode == 0, f"$ {command}\n{finished.stdout}{finished.stderr}"
    return finished.stdout


def make_tables() -> None:
    """The files that the first page makes, by its own first lines of Python."""
    kind, source = FENCE.findall(PAGES["data"])[0]
    assert kind == "python"
    exec(source, {})


@each_page
def test_what_stands_on_the_page_runs(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_tables()
    names: dict[str, Any] = {}
    n_commands = 0
    for kind, block in FENCE.findall(PAGES[step]):
        assert kind in ("console", "python"), f"{step}.md has a block of {kind}, which no test runs"
        if kind == "python":
            exec(compile(block, f"{step}.md", "exec"), names)
            continue
        for command, expected in commands(block):
            n_commands += 1
            found = run_command(command)
            same = doctest.OutputChecker().check_output(expected, found, doctest.ELLIPSIS)
            assert same, f"{step}.md: $ {command}\nthe page says\n{expected}\nand it is\n{found}"
    assert n_commands >= (1 if step in QUESTIONS else 2)


@each_page
def test_pages_are_short_and_their_links_lead_somewhere(step: str) -> None:
    text = PAGES[step]
    assert text.startswith(f"# {step}: ") and len(text.splitlines()) < 120
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCS / "guide" / target).exists(), f"{step}.md links to {target}, which is not there"
    assert f"({step}.md)" in (DOCS / "guide" / "README.md").read_text(encoding="utf-8")


def measured(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for part in value.values():
            yield from measured(part)
    elif isinstance(value, list):
        yield from (part for one in value for part in measured(one))
        if value and all(isinstance(one, float) for one in value):
            yield statistics.mean(value)
    elif isinstance(value, float):
        yield value


@pytest.mark.parametrize("step", ["sample", "scale", "reduce", "vote"])
def test_numbers_in_the_text_are_those_of_the_figures(step: str) -> None:
    numbers = json.loads((DOCS / "images" / "guide.json").read_text(encoding="utf-8"))
    shares = {f"{value:.3f}" for value in measured(numbers[step])}
    percents = {f"{100 * value:.1f}" for value in measured(numbers[step])}
    text = FENCE.sub("", PAGES[step])
    assert set(re.findall(r"\b[01]\.\d{3}\b", text)) <= shares
    assert set(re.findall(r"\b(\d+\.\d) %", text)) <= percents


@pytest.mark.parametrize("page", QUESTIONS)
def test_numbers_in_the_answers_to_questions_are_measured(page: str) -> None:
    numbers = json.loads((DOCS / "images" / "advise.json").read_text(encoding="utf-8"))
    shares = {f"{value:.3f}" for value in measured(numbers[page])}
    text = FENCE.sub("", PAGES[page])
    found = set(re.findall(r"\b[01]\.\d{3}\b", text))
    assert found and found <= shares


def test_the_figures_come_from_the_machine_they_name() -> None:
    numbers = json.loads((DOCS / "images" / "guide.json").read_text(encoding="utf-8"))
    assert numbers["machine"]["cores"] >= 1
    for name in set(numbers) - {"machine"}:
        assert (DOCS / "images" / f"{name}.svg").exists()
        assert f"../images/{name}.svg" in PAGES[name]


def test_every_command_of_the_program_is_in_the_guide() -> None:
    everything = "".join(PAGES.values())
    for name in ("fit", "predict", "evaluate", "inspect", "info"):
        assert f"kneighbors {name}" in everything
