# SPDX-License-Identifier: Apache-2.0
"""Results as JSON with their machine, and as tables that show every contestant and every loss."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import machine
from .options import Plan
from .protocol import LEAST_ROUNDS
from .rivals import OURS

__all__ = ["RESULTS", "cell_table", "closing_words", "console", "finish", "summary_table", "write"]

RESULTS = Path(__file__).parent / "results"
Cell = dict[str, Any]


def console() -> Console:
    """A console wide enough for the tables where the output is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=150)


def write(question: str, content: dict[str, Any], folder: Path | None = None) -> Path:
    """Write a result to ``results/<machine>/<question>-<time>.json``; returns the path."""
    folder = folder or RESULTS / machine.slug()
    folder.mkdir(parents=True, exist_ok=True)
    versions = {name: metadata.version(name) for name in ("kneighbors", "numpy", "scikit-learn")}
    head = {
        "question": question,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine.describe(),
        "versions": {"python": platform.python_version()} | versions,
    }
    path = folder / f"{question}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    path.write_text(json.dumps(head | content, indent=1) + "\n")
    return path


def finish(
    out: Console,
    question: str,
    plan: Plan,
    cells: Sequence[Cell],
    content: dict[str, Any],
    absent: dict[str, str],
    skipped: Sequence[str],
) -> None:
    """Print the summary and write the result, unless the run was a trial on few rows."""
    out.print(summary_table(cells))
    for line in closing_words(cells, absent, skipped):
        style = "bold red" if line.split(":")[0].isupper() else None
        out.print(line, style=style, markup=False, highlight=False)
    if plan.n_rows is not None:
        out.print("a trial on few rows: nothing is written")
        return
    name = question + ("-quick" if plan.quick else "") + f"-{plan.n_threads}t"
    plain = (
        {"plan": vars(plan)} | content | {"absent": absent, "skipped": list(skipped), "cells": list(cells)}
    )
    out.print(f"written to {write(name, plain)}")


def number(value: float) -> str:
    """Three significant digits, with thousands separated.

    >>> number(12345.6), number(87.654), number(0.12345)
    ('12,300', '87.7', '0.123')
    """
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def _share(entry: dict[str, Any]) -> str:
    """The resource that is used most, in per cent of its peak."""
    shares = entry.get("share_of_peak") or {}
    if not shares:
        return "-"
    name = max(shares, key=lambda key: shares[key])
    return f"{shares[name]:.0%} {name}"


def _ratio(entry: dict[str, Any]) -> str:
    """Our speed over theirs with its spread; a loss is named in words, not by colour alone."""
    if "ratio" not in entry:
        return "-"
    text = f"{entry['ratio']:.2f} ({entry['ratio_least']:.2f} to {entry['ratio_most']:.2f})"
    if entry["ratio"] < 1:
        return f"[bold red]{text} SLOWER[/]"
    return f"[green]{text}[/]"


def _right(entry: dict[str, Any]) -> str:
    answer = entry.get("answer") or {}
    share = answer.get("right", answer.get("accuracy"))
    if share is None:
        return "-"
    text = f"{share:.4f}"
    return text if share == 1 or "right" not in answer else f"[yellow]{text}[/]"


def _how(entry: dict[str, Any]) -> str:
    """Settings and environment that differ from nothing, shortened."""
    parts = {**entry["environment"], **entry["settings"]}
    short = {"distance_compute_blas_threshold": "blas from", "distance_compute_blas_database_bs": "blas rows"}
    return ", ".join(f"{short.get(name, name)}={value}" for name, value in parts.items()) or "as it comes"


def cell_table(cell: Cell, unit: str = "queries/s") -> Table:
    """One comparison with every contestant."""
    disturbed = (
        f"{cell['rounds_disturbed']} of {cell['rounds']} rounds disturbed; ~ timed on part of the queries"
    )
    table = Table(title=cell["title"], caption=disturbed, title_justify="left", caption_justify="left")
    table.add_column("library", no_wrap=True)
    seconds = ["seconds"] if cell.get("job") else []
    for column in (unit, *seconds, "share of peak", "ours / theirs", cell.get("answers", "right")):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("settings", overflow="fold")
    for entry in sorted(cell["contestants"], key=lambda entry: -entry.get("rate", 0)):
        label = f"[bold]{entry['label']}[/]" if entry["library"] == OURS else entry["label"]
        if "failure" in entry:
            table.add_row(label, "failed", *["-" for _ in seconds], "-", "-", "-", entry["failure"])
            continue
        partial = "~" if entry["queries_per_call"] < cell["batch"] else ""
        job = [f"{cell['job'] / entry['rate']:.2f}" for _ in seconds]
        rate = partial + number(entry["rate"])
        table.add_row(label, rate, *job, _share(entry), _ratio(entry), _right(entry), _how(entry))
    return table


def best_rival(cell: Cell) -> dict[str, Any] | None:
    """The rival that came closest to us or passed us; None where there is none to compare with."""
    rivals = [entry for entry in cell["contestants"] if "ratio" in entry]
    return min(rivals, key=lambda entry: entry["ratio"]) if rivals else None


def summary_table(cells: Sequence[Cell], unit: str = "queries/s") -> Table:
    """A row per comparison: ours beside the best rival."""
    table = Table(title="ours against the best rival of each case", title_justify="left")
    table.add_column("case", overflow="fold")
    right = cells[0].get("answers", "right") if cells else "right"
    for column in ("ours", "share of peak", right):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("best rival", overflow="fold")
    for column in (unit, right, "ours / theirs"):
        table.add_column(column, justify="right", no_wrap=True)
    for cell in cells:
        ours = next((entry for entry in cell["contestants"] if entry["library"] == OURS), None)
        rival = best_rival(cell)
        mine = ("failed", "-", "-")
        if ours is not None and "rate" in ours:
            mine = (number(ours["rate"]), _share(ours), _right(ours))
        other = ("none", "-", "-", "-")
        if rival is not None:
            other = (rival["label"], number(rival["rate"]), _right(rival), _ratio(rival))
        table.add_row(cell["title"], *mine, *other)
    return table


def closing_words(cells: Sequence[Cell], absent: dict[str, str], skipped: Sequence[str]) -> list[str]:
    """What must not be left unsaid: losses, wrong answers, absentees, cases that were not measured."""
    words = []
    compared = [(cell, rival) for cell in cells if (rival := best_rival(cell)) is not None]
    lost = [(cell, rival) for cell, rival in compared if rival["ratio"] < 1]
    words.append(f"{len(compared) - len(lost)} of {len(compared)} cases at least as fast as the best rival")
    words += [f"SLOWER: {cell['title']}: {rival['ratio']:.2f} of {rival['label']}" for cell, rival in lost]
    for cell in cells:
        for entry in cell["contestants"]:
            right = (entry.get("answer") or {}).get("right", 1.0)
            if right < 1:
                words.append(
                    f"WRONG ANSWERS: {cell['title']}: {entry['label']} has {right:.4f} of the ids right"
                )
            if "failure" in entry:
                words.append(f"FAILED: {cell['title']}: {entry['label']}: {entry['failure']}")
    noisy = [cell["title"] for cell in cells if cell["rounds"] - cell["rounds_disturbed"] < LEAST_ROUNDS]
    if noisy:
        words.append(
            f"DISTURBED: {len(noisy)} of {len(cells)} cases had fewer than {LEAST_ROUNDS} quiet rounds. "
            "A busy machine slows those most that wait at barriers: do not quote these figures."
        )
    words += [f"absent: {name}: {reason}" for name, reason in absent.items()]
    words += [f"NOT MEASURED, out of time: {title}" for title in skipped]
    return words
