# SPDX-License-Identifier: Apache-2.0
"""``kneighbors explain``: why a model answers the rows of a file as it does."""

from __future__ import annotations

from typing import Any

import click

from .command import SectionOption, subcommand
from .options import COLUMN, file_options, setting

__all__ = ["command"]


@subcommand("explain", "kneighbors explain model/ queries.csv --first 3")
@click.argument("model", type=click.Path())
@click.argument("queries", type=click.Path())
@click.option(
    "--first",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    cls=SectionOption,
    section="Answer",
    help="How many rows of the file to explain.",
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
    first: int,
    n_neighbors: int | None,
    label: Any,
    n_jobs: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Tell why a model answers rows as it does.

    MODEL is a folder that fit has written, QUERIES a file of rows as for predict.

    For each row: its neighbours, what they count, the columns that make up each distance, by how much the
    answer leads, and the fewest training rows without which it would be another. For a regressor, how the
    answer changes without each neighbour.
    """
    from ..errors import ParameterError
    from . import models, output
    from .rows import open_queries

    estimator = models.load(model, n_neighbors=n_neighbors, n_jobs=n_jobs)
    if not hasattr(estimator, "explain"):
        raise ParameterError(f"{model} is a model without labels; expected a classifier or a regressor.")
    source = open_queries(queries, estimator, label, read_label=False, **options)
    batch = next(models.batches(source, first, None))
    with models.quiet_about_names():
        why = estimator.explain(batch.features).to_dict()
    if as_json:
        output.print_json(why)
        return
    for place in range(len(why["answers"])):
        _show(why, place)


def _show(why: dict[str, Any], place: int) -> None:
    from .output import print_table

    parts = [("label", "labels", "{}"), ("distance", "distances", "{:.6g}"), ("counts", "weights", "{:.4g}")]
    parts += [("without it", "changes", "{:+.4g}")] if "changes" in why else []
    rows = [
        (row, *(form.format(why[key][place][rank]) for _, key, form in parts), _columns(why, place, rank))
        for rank, row in enumerate(why["ids"][place])
    ]
    names = ["row", *(name for name, _, _ in parts), "mostly due to"]
    print_table(f"Row {place}: {why['answers'][place]}", names, rows, left=(0, len(names) - 1))
    if "flips" not in why:
        return
    flip = why["flips"][place]
    words = why["flip_notes"][place]
    if flip is not None:
        shown = ", ".join(map(str, flip[:10])) + (", ..." if len(flip) > 10 else "")
        words = f"without rows {shown} ({len(flip)} in all) it would be {why['flip_answers'][place]}"
    print(f"leads by {why['margin'][place]:.0%} of the votes; {words}")


def _columns(why: dict[str, Any], place: int, rank: int) -> str:
    """The columns with the largest shares of a distance."""
    if why["shares"] is None:
        return why["shares_note"] if rank == 0 else ""
    shares, distance = why["shares"][place][rank], why["distances"][place][rank]
    if distance == 0 or shares[0] != shares[0]:
        return "-"
    largest = sorted(range(len(shares)), key=lambda column: -abs(shares[column]))[:3]
    return ", ".join(f"{why['share_names'][one]} {shares[one] / distance:.0%}" for one in largest)
