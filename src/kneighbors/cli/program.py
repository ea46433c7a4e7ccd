# SPDX-License-Identifier: Apache-2.0
"""The program ``kneighbors``: its commands, each loaded when it is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from . import failures

__all__ = ["COMMANDS", "main", "program"]

COMMANDS = {
    "fit": "Fit a model from a file of rows and save it.",
    "predict": "Predict a label for each row of a file.",
    "evaluate": "Score a model on rows whose labels are known.",
    "explain": "Tell why a model answers rows as it does.",
    "check": "Find what in the rows will mislead a vote of neighbours.",
    "scorecard": "Measure every index, scaling and reduction on your rows.",
    "inspect": "Show what happened to the data, step by step.",
    "serve": "Serve a model over HTTP.",
    "playground": "Open a page that teaches k-NN by playing.",
    "info": "Show version, instruction set, threads and memory.",
    "completion": "Print the script that completes commands and options.",
}
"""Each command, and the first line of its help; known without loading the command."""

_QUICK_START = """\b
Quick start:
  kneighbors fit train.csv --k 5 --model-dir model/
  kneighbors evaluate model/ test.csv
  kneighbors predict model/ queries.csv --output predictions.csv

\b
Data goes to standard output, everything else to standard error.
Exit codes: 0 fine, 1 a mistake in the data or the model, 2 wrong usage,
70 a fault of kneighbors itself, 130 stopped by Ctrl-C, 141 the reader of
the output went away.
"""


class Program(click.Group):
    """A group that knows its commands by name only, and ends by the documented exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"kneighbors.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would end the program by a code of its own
            raise failures.ReaderGoneError from error

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        extra.pop("standalone_mode", None)
        start = super().main
        sys.exit(
            failures.exit_code(
                lambda: start(given, prog_name or "kneighbors", standalone_mode=False, **extra), given
            )
        )


@click.command(cls=Program, epilog=_QUICK_START, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kneighbors", message="kneighbors %(version)s")
def program() -> None:
    """k-nearest neighbours: fit a model from a file, and ask it.

    A model is a folder of three plain files. Answers are exact: the true nearest rows, ties to the lower row
    number. Files may be CSV, Parquet or .npy.
    """


def main() -> None:
    """Run the program; what ``kneighbors`` in a shell calls."""
    program()
