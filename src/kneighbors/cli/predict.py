# SPDX-License-Identifier: Apache-2.0
"""``kneighbors predict``: queries from a file, answers to a file or to standard output."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from .command import SectionOption, subcommand
from .options import COLUMN, file_options, setting

__all__ = ["command"]


@subcommand("predict", "kneighbors predict model/ queries.parquet --verbose --output answers.jsonl")
@click.argument("model", type=click.Path())
@click.argument("queries", type=click.Path())
@click.option(
    "--output",
    "-o",
    type=click.Path(),
    cls=SectionOption,
    section="Answer",
    help="A file to write; its ending decides: .csv, .jsonl, .parquet or .npy. Left out: standard output, as "
    "CSV, or with --json as JSON lines.",
)
@click.option(
    "--verbose",
    is_flag=True,
    cls=SectionOption,
    section="Answer",
    help="Add the neighbours: ids (row numbers of the training file), distances and labels, nearest first.",
)
@click.option(
    "--proba",
    is_flag=True,
    cls=SectionOption,
    section="Answer",
    help="Add the share of the vote that each class has. In a .npy file, the shares alone.",
)
@setting("n_neighbors", default=None, note="Left out: as fitted.", section="Answer")
@click.option(
    "--label",
    type=COLUMN,
    default=None,
    cls=SectionOption,
    section="File",
    help="A column to leave out because it holds labels: its name, its position from 0, first or last.",
)
@file_options(labels=False)
@setting("n_jobs", section="Options")
def command(
    model: str,
    queries: str,
    output: str | None,
    verbose: bool,
    proba: bool,
    n_neighbors: int | None,
    label: Any,
    n_jobs: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Predict a label for each row of a file.

    MODEL is a folder that fit has written. QUERIES is a CSV, Parquet or .npy file of rows, a folder or a
    pattern of them, or - for a CSV on standard input. It is read in batches, so a file may be larger than
    memory. Columns are matched by name where the model and the file both have names, else by position.

    A model without labels answers with its neighbours: ids and distances.
    """
    from . import models
    from .answers import answer
    from .output import as_count, as_seconds, print_json, reading
    from .rows import open_queries, rows_at_once
    from .writers import writing

    started = time.perf_counter()
    _check_output(output, verbose)
    estimator = models.load(model, n_neighbors=n_neighbors, n_jobs=n_jobs)
    models.check_probabilities(estimator, proba)
    source = open_queries(queries, estimator, label, read_label=False, **options)
    size = rows_at_once(source, max(estimator.n_neighbors, models.n_classes(estimator) if proba else 1))
    shows_data = output is None and sys.stdout.isatty()  # a bar would stand between the lines
    with (
        writing(output, as_json=as_json, text=models.text_dtype(estimator)) as writer,
        reading(f"Answering {queries}", source.n_bytes, shown=not shows_data) as progress,
        models.quiet_about_names(),
    ):
        for batch in models.batches(source, size, progress):
            writer.write(answer(estimator, batch.features, probabilities=proba, neighbours=verbose))
    if output is None:
        return
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"rows": writer.n_rows, "output": output, "seconds": seconds})
    else:
        print(f"{as_count(writer.n_rows)} rows answered in {as_seconds(seconds)}: {output}", file=sys.stderr)


def _check_output(output: str | None, verbose: bool) -> None:
    from .writers import ENDINGS

    if output is None:
        return
    ending = Path(output).suffix.lower()
    if ending not in ENDINGS:
        raise click.UsageError(
            f"--output {output} was given, whose ending tells no format; expected a name that ends in "
            f"{', '.join(ENDINGS)}."
        )
    if ending == ".npy" and verbose:
        raise click.UsageError(
            "--verbose was given with --output to .npy, which holds one array. Write .csv, .jsonl or "
            ".parquet, or leave out --verbose."
        )
