# SPDX-License-Identifier: Apache-2.0
"""Pages that cannot drift: their Python runs, their links lead somewhere, their maps name what is there."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from kneighbors.parameters import PARAMETERS
from tests.contracts.tree import NATIVE, PACKAGE, ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("benchmarks/*.md"),
        *ROOT.glob("examples/*.md"),
    ]
)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

# What a build or a test run leaves behind.
LEFT_BEHIND = {"build", "dist", "wheelhouse", "model", "htmlcov"}
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.M | re.S)


def blocks(page, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def prose(page) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def holds_files(folder) -> bool:
    return any(path.is_file() and "__pycache__" not in path.parts for path in folder.rglob("*"))


def folders_of(parent) -> set[str]:
    return {
        path.name
        for path in parent.iterdir()
        if path.is_dir() and not path.name.startswith((".", "__")) and holds_files(path)
    }


@each_page
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """A page's blocks run one after the other, as a reader would try them."""
    if page.parent.name == "guide":
        pytest.skip("the guide shares files from page to page: tests/cli/test_guide.py runs it")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for number, block in enumerate(blocks(page, "python"), 1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


@each_page
def test_every_fence_names_its_language(page):
    """Unnamed blocks are not run by anything: text is called text."""
    kinds = [kind for kind, _ in FENCE.findall(page.read_text(encoding="utf-8"))]
    assert all(kinds), f"{page.name} has a fence without a language"
    assert page.read_text(encoding="utf-8").count("```") == 2 * len(kinds)


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, heading = target.partition("#")
        place = (page.parent / path) if path else page
        assert place.exists(), f"{page.name} links to {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
            assert heading in slugs, f"{page.name}: {place.name} has no heading {heading}"


@each_page
def test_files_and_folders_named_in_code_font_exist(page):
    """`native/rows/` and `src/kneighbors/metrics/names.py` are where a page says they are."""
    for name in re.findall(r"`([\w.\-]+(?:/[\w.\-*<>]+)*/?)`", prose(page)):
        if "/" not in name or name.startswith("model/") or "<" in name:
            continue
        places = [ROOT, page.parent, PACKAGE, NATIVE]
        found = any(list(place.glob(name.rstrip("/"))) for place in places)
        assert found, f"{page.name} names {name}, which is not there"


def test_every_top_folder_has_its_line():
    shown = set(re.findall(r"^\| `([\w.]+)/` \| \S", (ROOT / "CONTRIBUTING.md").read_text(), re.M))
    assert folders_of(ROOT) - LEFT_BEHIND <= shown
    assert ".ci" in shown
    assert all((ROOT / name).is_dir() for name in shown)


def section(page, title: str) -> str:
    text = page.read_text(encoding="utf-8")
    start = text.index(f"{title}\n")
    following = re.search(r"^#+ ", text[start + len(title) :], re.M)
    return text[start : start + len(title) + following.start()] if following else text[start:]


def test_every_part_of_the_package_has_its_line():
    """Each file and folder directly below src/kneighbors, and nothing that is not there."""
    lines = re.findall(r"^\| (`.*?) \|", section(ROOT / "docs/architecture.md", "### src/kneighbors/"), re.M)
    shown = {name.rstrip("/") for line in lines for name in re.findall(r"`([^`]+)`", line)}
    there = folders_of(PACKAGE) | {path.name for path in PACKAGE.glob("*.py*")} - {"py.typed"}
    assert shown == there


def test_every_part_of_the_core_has_its_line():
    lines = re.findall(r"^\| `(\w+)/` \|", section(ROOT / "docs/architecture.md", "### native/"), re.M)
    assert set(lines) == folders_of(NATIVE)


def test_every_instruction_set_is_told():
    text = section(ROOT / "docs/architecture.md", "## Instruction sets")
    for path in NATIVE.glob("kernels/isa_*.cpp"):
        name = re.search(r'isa_name = "([^"]+)"', path.read_text())[1]
        assert f"| `{name}` |" in text, f"docs/architecture.md does not tell what {name} needs"


def test_every_page_is_listed():
    """A page is listed by the README of its folder, or of `docs/` where the folder has none."""
    for page in ROOT.glob("docs/**/*.md"):
        home = page.parent if page.name != "README.md" else page.parent.parent
        while not (home / "README.md").exists():
            home = home.parent
        name = page.relative_to(home).as_posix()
        listed = page == ROOT / "docs/README.md" or f"]({name})" in (home / "README.md").read_text()
        assert listed, f"{home / 'README.md'} does not list {name}"


@each_page
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"^make ([a-z-]+)", "\n".join(blocks(page, "sh")), re.M) + re.findall(
        r"`make ([a-z-]+)`", text
    )
    for name in named:
        assert name in targets, f"{page.name} says 'make {name}'"


@each_page
def test_command_lines_use_options_that_exist(page):
    """Every `kneighbors fit ...` in a page is parsed as the shell and the program would."""
    from kneighbors.cli.program import program

    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"`(kneighbors [a-z][^`]*)`", text)
    lines += [
        line.strip("$ ")
        for block in blocks(page, "sh")
        for line in block.splitlines()
        if "kneighbors " in line
    ]
    for line in lines:
        words = shlex.split(line.split("#")[0])
        if words[:1] != ["kneighbors"] or words[1].startswith("-"):
            continue
        command = program.get_command(None, words[1])
        assert command is not None, f"{page.name}: there is no 'kneighbors {words[1]}'"
        known = {
            option for parameter in command.params for option in parameter.opts + parameter.secondary_opts
        }
        for word in words[2:]:
            assert not word.startswith("--") or word.split("=")[0] in known, f"{page.name}: {line}"


def test_settings_in_the_migration_tables_exist():
    text = (ROOT / "docs/migration.md").read_text()
    for name in re.findall(r"\b([a-z_]+)=(?:[\"\d-]|None)", text):
        known = {*PARAMETERS, "pad", "mmap", "sample_weight", "n"}
        assert name in known, f"docs/migration.md mentions {name}="


def three_digits(value: float) -> float:
    return float(f"{value:.2e}")


def test_the_readmes_rates_are_measured_ones():
    """Every rate of the README's table stands in one result file, and its ratio is that of its row."""
    rows = re.findall(
        r"^\| [^|]*\| [\d,]+ \| ([\d,.]+) \| [^|]*? ([\d,.]+)(?: \([^|]*\))? \| ([\d.]+) \|$",
        section(ROOT / "README.md", "## How fast"),
        re.M,
    )
    assert len(rows) >= 5
    shown = {(float(a.replace(",", "")), float(b.replace(",", ""))) for a, b, _ in rows}
    for ours, theirs, ratio in rows:
        quotient = float(ours.replace(",", "")) / float(theirs.replace(",", ""))
        assert abs(float(ratio) / quotient - 1) < 0.1, f"{ours} beside {theirs} is no {ratio}"
    for path in ROOT.glob("benchmarks/results/*/exact-*.json"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        rates = {three_digits(one["rate"]) for cell in cells for one in cell["contestants"]}
        if {rate for pair in shown for rate in pair} <= rates:
            return
    raise AssertionError("no file in benchmarks/results holds all rates of the README")
