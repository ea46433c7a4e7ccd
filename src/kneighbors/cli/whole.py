# SPDX-License-Identifier: Apache-2.0
"""What ``scorecard`` and ``check`` share: a whole file as rows and labels, and progress over counted work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import SaveError
from .command import SectionOption
from .failures import printable
from .options import COLUMN

if TYPE_CHECKING:
    from ..data import Batch

__all__ = ["check_target", "counting", "read", "task_options"]


def task_options(function: Any) -> Any:
    """``--label`` and ``--predictor-type``, as both commands understand them."""
    for option in (
        click.option(
            "--predictor-type",
            type=click.Choice(["classifier", "regressor"]),
            cls=SectionOption,
            section="Task",
            help="Vote for a class, or average a number. Left out: regressor where the labels have "
            "fractions, or are more than 50 numbers of fewer than ten rows each.",
        ),
        click.option(
            "--label",
            type=COLUMN,
            default=0,
            cls=SectionOption,
            section="Task",
            help="The column of labels: its name, its position from 0, first or last. Left out: the first.",
        ),
    ):
        function = option(function)
    return function


def read(
    path: str, label: Any, *, metric: str, allow_nan: bool = False, **options: Any
) -> tuple[Batch, list[str] | None]:
    """All rows of a file with their labels, and the names of its columns."""
    from . import output
    from .rows import open_rows

    if label is None:
        raise click.UsageError(
            "--label none was given; expected the column of labels: right and wrong are what is measured."
        )
    if metric in ("precomputed", "pyfunc"):
        raise click.UsageError(
            f"--metric {metric} needs Python: it measures no rows of a file. Name another metric."
        )
    source = open_rows(path, label=label, metric="nan_euclidean" if allow_nan else metric, **options)
    with output.reading(f"Reading {path}", source.n_bytes) as progress:
        rows = source.read(progress=progress)
    return rows, None if source.feature_names is None else list(source.feature_names)


def check_target(path: str | None) -> None:
    """Refuse a file that cannot be written before anything is measured."""
    if path is None:
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise SaveError(2, f"there is no folder '{folder}'; create it first", path)
    if Path(path).is_dir() or not os.access(folder, os.W_OK):
        raise SaveError(13, "it cannot be written as a file", path)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int, str], None] | None]:
    """A bar on standard error for work that is counted; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from .output import console

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.fields[now]}", markup=False),
        TimeElapsedColumn(),
        console=console(sys.stderr),
        transient=True,
        redirect_stdout=False,
    )
    with bar:
        task = bar.add_task(printable(what), total=1, now="")
        yield lambda done, total, now: bar.update(task, completed=done, total=total, now=printable(now))
