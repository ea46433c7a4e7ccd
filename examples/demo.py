# SPDX-License-Identifier: Apache-2.0
"""The tour: fit, predict, save, edit, load, beside scikit-learn on the same data in the same run.

Run it with ``make demo``, or ``python examples/demo.py --rows 20000`` for a smaller one. It ends with exit
code 1 if an answer differs from scikit-learn's where the data leave no choice between equally near rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn.neighbors
from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from sklearn.datasets import load_diabetes, load_digits

import kneighbors

console = Console()


@dataclass
class Task:
    """One data set, split; ``kind`` is the class's name in both libraries."""

    name: str
    kind: str
    train: np.ndarray
    labels: np.ndarray
    queries: np.ndarray
    truth: np.ndarray
    n_neighbors: int = 5
    rounds: int = 3

    @property
    def shape(self) -> str:
        return f"{self.train.shape[0]:,} x {self.train.shape[1]}, {len(self.queries):,} asked"


@dataclass
class Run:
    """What one library did with one task."""

    library: str
    model: object
    fit_seconds: float
    predict_seconds: float
    answers: np.ndarray
    score: float


def split(name: str, kind: str, rows: np.ndarray, labels: np.ndarray, n_queries: int, **more: int) -> Task:
    order = np.random.default_rng(0).permutation(len(rows))
    asked, kept = order[:n_queries], order[n_queries:]
    return Task(name, kind, rows[kept], labels[kept], rows[asked], labels[asked], **more)


def generated(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows near a curved surface of 6 dimensions in 32, in classes that bend with it."""
    generator = np.random.default_rng(1)
    inner = generator.uniform(-2, 2, (n_rows, 6))
    waves = np.sin(inner @ generator.standard_normal((6, 32)) + generator.uniform(0, 6, 32))
    rows = waves + 0.05 * generator.standard_normal((n_rows, 32)) + 10.0
    labels = np.digitize(np.sin(inner[:, 0] * 1.5) + 0.5 * inner[:, 1], [-1.0, 0.0, 1.0])
    return rows, labels


def tasks(n_rows: int) -> list[Task]:
    digits, diabetes = load_digits(), load_diabetes()
    n_queries = min(5000, n_rows // 10)
    return [
        split("handwritten digits", "KNeighborsClassifier", digits.data, digits.target, 400, rounds=7),
        split(
            "diabetes", "KNeighborsRegressor", diabetes.data, diabetes.target, 90, n_neighbors=15, rounds=7
        ),
        split("generated surface", "KNeighborsClassifier", *generated(n_rows + n_queries), n_queries),
    ]


def run(library: str, module: object, task: Task, **settings: int) -> Run:
    """The best of a few rounds: the first one also loads libraries and starts threads."""
    fits, predictions = [], []
    for _ in range(task.rounds):
        started = time.perf_counter()
        model = getattr(module, task.kind)(n_neighbors=task.n_neighbors, **settings).fit(
            task.train, task.labels
        )
        fitted = time.perf_counter()
        answers = model.predict(task.queries)
        predictions.append(time.perf_counter() - fitted)
        fits.append(fitted - started)
    score = model.score(task.queries, task.truth)
    return Run(library, model, min(fits), min(predictions), answers, score)


def differences(task: Task, ours: Run, theirs: Run) -> int:
    """Answers that differ though no row ties with the last neighbour. Tied rows may be chosen either way."""
    if np.issubdtype(ours.answers.dtype, np.floating):
        differ = ~np.isclose(ours.answers, theirs.answers, rtol=1e-9, atol=0)
    else:
        differ = ours.answers != theirs.answers
    distances, _ = ours.model.kneighbors(task.queries[differ], n_neighbors=task.n_neighbors + 1)
    tied = np.isclose(distances[:, -1], distances[:, -2], rtol=1e-9, atol=0)
    return int(np.count_nonzero(~tied))


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"


def compare(n_rows: int) -> tuple[Table, int, Task, Run]:
    """Every task by every library; the table, the answers that differ, and the large task with our run."""
    table = Table(
        title="The same data, the same run", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("data", no_wrap=True)
    table.add_column("library", no_wrap=True)
    for heading in ("time", "ratio", "score", "same"):
        table.add_column(heading, justify="right", no_wrap=True)
    wrong = 0
    for task in tasks(n_rows):
        ours = run("kneighbors", kneighbors, task)
        total = ours.fit_seconds + ours.predict_seconds
        table.add_section()
        table.add_row(
            f"[bold]{task.name}[/]",
            "[green]kneighbors[/]",
            f"[green]{seconds(total)}[/]",
            "",
            f"{ours.score:.4f}",
        )
        rivals = [
            run("scikit-learn", sklearn.neighbors, task),
            run("  all cores", sklearn.neighbors, task, n_jobs=-1),
        ]
        for note, rival in zip((f"[dim]{task.shape}[/]", ""), rivals, strict=True):
            differ = differences(task, ours, rival)
            wrong += differ
            taken = rival.fit_seconds + rival.predict_seconds
            same = f"[red]{differ} differ[/]" if differ else "[green]all[/]"
            table.add_row(
                note, rival.library, seconds(taken), f"{taken / total:.1f}x", f"{rival.score:.4f}", same
            )
    return table, wrong, task, ours


def files_of(folder: Path) -> Table:
    table = Table(title="The model is three files", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file")
    table.add_column("bytes", justify="right")
    table.add_column("holds")
    holds = {
        "model_algo-1": "the rows, memory-mapped on load",
        "model_algo-1.labels": "one label per row",
        "model_algo-1.json": "settings; two of them may be edited",
    }
    for name, text in holds.items():
        table.add_row(name, f"{(folder / name).stat().st_size:,}", text)
    return table


def save_edit_load(task: Task, ours: Run) -> int:
    """Save, load, edit k in the JSON, load again; the number of answers that are not what they should be."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        started = time.perf_counter()
        ours.model.save(folder)
        saved = time.perf_counter()
        loaded = kneighbors.load(folder)
        ready = time.perf_counter()
        wrong = int(np.count_nonzero(loaded.predict(task.queries) != ours.answers))

        metadata = folder / "model_algo-1.json"
        text = metadata.read_text()
        metadata.write_text(text.replace(f'"k": {task.n_neighbors},', '"k": 1,', 1))
        edited = kneighbors.load(folder)
        rival = sklearn.neighbors.KNeighborsClassifier(1).fit(task.train, task.labels)
        wrong += int(edited.n_neighbors != 1 or json.loads(metadata.read_text())["k"] != 1)
        wrong += int(np.count_nonzero(edited.predict(task.queries) != rival.predict(task.queries)))
        shown = Syntax(
            "\n".join(metadata.read_text().splitlines()[:6]) + "\n  ...", "json", background_color="default"
        )
        console.print(files_of(folder))
        console.print(
            Panel(
                Group(
                    f"saved in {seconds(saved - started)}, loaded and verified in {seconds(ready - saved)}",
                    f"loaded again, it gives the same {len(task.queries):,} answers",
                    f"k edited from {task.n_neighbors} to 1 in the JSON: score {ours.score:.4f} -> "
                    f"{edited.score(task.queries, task.truth):.4f}, scikit-learn's",
                    shown,
                ),
                title="Saved, loaded, edited, loaded",
                expand=False,
            )
        )
        del loaded, edited
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", type=int, default=100_000, help="rows of the generated table (default: 100000)"
    )
    n_rows = max(1000, parser.parse_args().rows)

    from kneighbors import _native
    from kneighbors.threads import allowed_cores

    console.print(
        Panel.fit(
            f"[bold]kneighbors {kneighbors.__version__}[/]  exact nearest neighbours\n"
            f"{_native.instruction_set()}, {allowed_cores()} threads, NumPy {np.__version__}, "
            f"scikit-learn {sklearn.__version__}"
        )
    )
    table, wrong, task, ours = compare(n_rows)
    console.print(table)
    console.print(
        "[dim]time: fit and predict, the best of a few rounds. score: accuracy or R\u00b2.\n"
        "same: the answers that equal scikit-learn's, rows at tied distances aside.[/]\n"
    )
    wrong += save_edit_load(task, ours)
    if wrong:
        console.print(f"[bold red]{wrong} answers are not what they should be.[/]")
        return 1
    console.print("[bold green]Every answer agrees with scikit-learn's.[/]")
    console.print("\nSee it at work in your browser: [bold]kneighbors playground[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
