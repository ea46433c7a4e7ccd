# SPDX-License-Identifier: Apache-2.0
"""What people and programs see: tables, JSON, and progress while a file is read.

Text from files goes through ``printable``, so that nothing in it can steer the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from .failures import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "as_bytes",
    "as_count",
    "as_seconds",
    "console",
    "print_json",
    "print_pairs",
    "print_table",
    "reading",
]

Progress = Callable[[int, "int | None", int], None]


def as_count(number: int) -> str:
    """20640 as "20,640"."""
    return f"{number:,}"


def as_bytes(number: int) -> str:
    """A number of bytes in the largest binary unit that keeps it above 1."""
    if number < 1024:
        return f"{number} B"
    size = float(number)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        size /= 1024
        if size < 1024 or unit == "TiB":
            break
    return f"{size:.1f} {unit}"


def as_seconds(number: float) -> str:
    """Seconds with three digits that mean something."""
    return (
        f"{number * 1000:.3g} ms" if number < 1 else f"{number:.3g} s" if number < 1000 else f"{number:.0f} s"
    )


def print_json(value: Any) -> None:
    """One line of JSON on standard output; numbers that JSON does not have become null."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def console(file: TextIO) -> Console:
    """A console that prints text as it is: no markup, no emoji, no colours of its own."""
    from rich.console import Console

    width = None if file.isatty() else 160  # a file has no edge to fit
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    left: Sequence[int] = (0,),
    to_error: bool = False,
) -> None:
    """A table below an empty line and its title; columns in ``left`` are set left, others right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for place, column in enumerate(columns):
        justify: Any = "left" if place in left else "right"
        table.add_column(printable(column), justify=justify, header_style="dim", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    file = sys.stderr if to_error else sys.stdout
    screen = console(file)
    with screen.capture() as shown:
        screen.print()
        screen.print(printable(title), style="bold")
        screen.print(table)
    file.writelines(f"{line.rstrip()}\n" for line in shown.get().splitlines())


def print_pairs(pairs: Sequence[tuple[str, Any]], *, to_error: bool = False) -> None:
    """Names and values, one pair on a line."""
    width = max(len(name) for name, _ in pairs)
    screen = console(sys.stderr if to_error else sys.stdout)
    for name, value in pairs:
        screen.print(f"{name:<{width}}   {printable(str(value))}", soft_wrap=True)


@contextmanager
def reading(what: str, n_bytes: int | None, *, shown: bool = True) -> Iterator[Progress | None]:
    """A progress bar on standard error while a file is read; nothing where that is no terminal."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows", markup=False),
        TimeRemainingColumn(),
        console=console(sys.stderr),
        transient=True,
        redirect_stdout=False,
    )
    with bar:
        task = bar.add_task(printable(what), total=n_bytes, rows=0)

        def show(rows: int, total: int | None, n_bytes_read: int) -> None:
            if n_bytes is not None:
                bar.update(task, completed=n_bytes_read, rows=rows)
            else:
                bar.update(task, completed=rows, total=total, rows=rows)

        yield show
