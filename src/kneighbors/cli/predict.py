# SPDX-License-Identifier: Apache-2.0
"""``kneighbors predict``: queries from a file, answers to a file or to standard output."""

from __future__ import annotations

import sys
import time
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import SectionOption, subcommand
from .options import COLUMN, file_options, setting

if TYPE_CHECKING:
    from ..data import Source
    from .parts import Parts

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
    help="A file to write; its ending decides: .csv, .jsonl, .parquet, .npy, or .pbr for RecordIO. Left out: "
    "standard output, as CSV, or with --json as JSON lines.",
)
@click.option(
    "--output-format",
    type=click.Choice(["csv", "jsonl", "parquet", "npy", "recordio"]),
    cls=SectionOption,
    section="Answer",
    help="Make --output a folder of numbered files in this format. An interrupted run goes on where it "
    "stopped when it is started again.",
)
@click.option(
    "--rows-per-file",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    cls=SectionOption,
    section="Answer",
    help="With --output-format.",
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
    output_format: str | None,
    rows_per_file: int,
    verbose: bool,
    proba: bool,
    n_neighbors: int | None,
    label: Any,
    n_jobs: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Predict a label for each row of a file.

    MODEL is a folder that fit has written. QUERIES is a CSV, JSON lines, RecordIO, Parquet or .npy file of
    rows, a folder or a pattern of them, or - for a CSV on standard input. It is read in batches, so a file
    may be larger than memory. Columns are matched by name where the model and the file both have names, else
    by position.

    A model without labels answers with its neighbours: ids and distances.
    """
    from . import models
    from .answers import answer
    from .output import reading
    from .rows import open_queries, rows_at_once
    from .writers import writing

    started = time.perf_counter()
    if output_format is None:
        _check_output(output, verbose)
    else:
        _check_folder(output, output_format, queries, verbose)
    estimator = models.load(model, n_neighbors=n_neighbors, n_jobs=n_jobs)
    models.check_probabilities(estimator, proba)
    source = open_queries(queries, estimator, label, read_label=False, **options)
    size = rows_at_once(source, max(estimator.n_neighbors, models.n_classes(estimator) if proba else 1))
    if output is not None and output_format is not None:
        wanted = {"verbose": verbose, "proba": proba, "label": label, **options}
        parts = _parts(model, queries, output, output_format, rows_per_file, n_neighbors, wanted)
        before = parts.n_rows
        _answer_parts(estimator, source, size, parts, f"Answering {queries}", proba=proba, verbose=verbose)
        _tell(as_json, parts.n_rows, output, time.perf_counter() - started, before=before)
        return
    shows_data = output is None and sys.stdout.isatty()  # a bar would stand between the lines
    with (
        writing(
            output,
            as_json=as_json,
            text=models.text_dtype(estimator),
            classes=models.classes(estimator),
        ) as writer,
        reading(f"Answering {queries}", source.n_bytes, shown=not shows_data) as progress,
        models.quiet_about_names(),
    ):
        for batch in models.batches(source, size, progress):
            writer.write(answer(estimator, batch.features, probabilities=proba, neighbours=verbose))
    if output is None:
        return
    _tell(as_json, writer.n_rows, output, time.perf_counter() - started)


def _tell(as_json: bool, n_rows: int, output: str, seconds: float, *, before: int | None = None) -> None:
    from .output import as_count, as_seconds, print_json

    if as_json:
        print_json(
            {"rows": n_rows, "output": output, "seconds": seconds}
            | ({} if before is None else {"rows_before": before})
        )
        return
    earlier = f" ({as_count(before)} of them by an earlier run)" if before else ""
    print(f"{as_count(n_rows)} rows answered in {as_seconds(seconds)}{earlier}: {output}", file=sys.stderr)


def _parts(
    model: str,
    queries: str,
    output: str,
    output_format: str,
    rows_per_file: int,
    n_neighbors: int | None,
    wanted: dict[str, Any],
) -> Parts:
    """The folder of answers, with what an earlier run of the same command has left there."""
    from .parts import Parts, inputs_of, model_of

    job = {
        "model": model_of(model),
        "k": n_neighbors,
        "queries": inputs_of(queries, any_name=wanted["format"] is not None),
        "options": {name: value for name, value in wanted.items() if value is not None},
    }
    return Parts(output, ".pbr" if output_format == "recordio" else f".{output_format}", rows_per_file, job)


def _answer_parts(
    estimator: Any, source: Source, size: int, parts: Parts, what: str, *, proba: bool, verbose: bool
) -> None:
    """Answer what is left, file by file."""
    from . import models
    from .answers import answer
    from .output import reading
    from .parts import cut
    from .writers import writing

    if parts.done:
        return
    text, classes = models.text_dtype(estimator), models.classes(estimator)
    with reading(what, source.n_bytes) as progress, models.quiet_about_names():
        rows = cut(models.batches(source, size, progress), parts)
        for place, group in groupby(rows, key=itemgetter(0)):
            with writing(parts.path(place), as_json=False, text=text, classes=classes) as writer:
                for _, batch in group:
                    writer.write(answer(estimator, batch, probabilities=proba, neighbours=verbose))
            parts.finish(writer.n_rows)
    parts.close()


def _check_folder(output: str | None, output_format: str, queries: str, verbose: bool) -> None:
    if output is None or queries == "-":
        raise click.UsageError(
            "--output-format was given, which writes a folder that can be gone on with; expected --output "
            "with the name of a folder, and QUERIES that are files."
        )
    if Path(output).exists() and not Path(output).is_dir():
        raise click.UsageError(f"--output {output} is no folder; --output-format writes a folder of files.")
    if output_format == "npy" and verbose:
        raise click.UsageError(_NPY_VERBOSE)


_NPY_VERBOSE = (
    "--verbose was given with .npy, which holds one array. Write CSV, JSON lines, Parquet or RecordIO, or "
    "leave out --verbose."
)


def _check_output(output: str | None, verbose: bool) -> None:
    from .writers import ENDINGS

    if output is None:
        return
    ending = Path(output).suffix.lower()
    if ending not in ENDINGS:
        raise click.UsageError(
            f"--output {output} was given, whose ending tells no format; expected a name that ends in "
            f"{', '.join(ENDINGS)}, or --output-format for a folder."
        )
    if ending == ".npy" and verbose:
        raise click.UsageError(_NPY_VERBOSE)
