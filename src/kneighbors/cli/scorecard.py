# SPDX-License-Identifier: Apache-2.0
"""``kneighbors scorecard``: every index, scaling and reduction, measured on the rows of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .command import SectionOption, subcommand
from .options import file_options, setting
from .whole import task_options

__all__ = ["command"]

_EXAMPLE = "kneighbors scorecard train.csv --label kind --budget 60s --picture scorecard.svg"


@subcommand("scorecard", _EXAMPLE)
@click.argument("train", type=click.Path())
@task_options
@setting("n_neighbors")
@setting("weights")
@setting("metric")
@setting("p")
@setting("reduce_dim", note="Left out: a quarter of them, at least two.")
@setting("random_state")
@click.option(
    "--budget",
    default="60s",
    show_default=True,
    cls=SectionOption,
    section="Measuring",
    help="Time to take, such as 90s or 2m. Combinations that it leaves no room for are listed.",
)
@click.option(
    "--picture",
    type=click.Path(),
    cls=SectionOption,
    section="Measuring",
    help="A file to write the result to as an SVG picture.",
)
@file_options(labels=True)
@setting("n_jobs", section="Options")
def command(
    train: str,
    label: Any,
    predictor_type: str | None,
    n_neighbors: int,
    weights: str,
    metric: str,
    p: float,
    reduce_dim: int | None,
    random_state: int,
    budget: str,
    picture: str | None,
    n_jobs: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure every index, scaling and reduction on your rows.

    TRAIN is a file of rows with their labels, in any form that fit takes. A fifth of the rows, at most 2,000,
    is held out; every combination is fitted on the others, asked, timed and saved to a temporary folder.

    Shown are four scores from 0 to 1, by formulas that are printed, and the figures behind them. Recall and
    agreement compare with exact search in the same scaling, not reduced.
    """
    import kneighbors

    from . import output, whole

    whole.check_target(picture)
    rows, _ = whole.read(train, label, metric=metric, **options)
    with whole.counting("Measuring") as progress:
        card = kneighbors.scorecard(
            rows.features,
            rows.labels,
            task=predictor_type,
            n_neighbors=n_neighbors,
            weights=weights,
            metric=metric,
            p=p,
            reduce_dim=reduce_dim,
            budget=budget,
            random_state=random_state,
            n_jobs=n_jobs,
            progress=progress,
        )
    if picture is not None:
        Path(picture).write_text(card.to_svg(), encoding="utf-8")
    if as_json:
        output.print_json(card.to_dict())
    else:
        _show(card.to_dict())


def _show(card: dict[str, Any]) -> None:
    from .output import as_bytes, as_count, as_seconds, print_pairs, print_table

    data, cells = card["data"], card["cells"]
    print_pairs(
        [
            ("rows", f"{as_count(data['rows_fitted'])} fitted, {as_count(data['rows_scored'])} held out"),
            ("columns", as_count(data["columns"])),
            ("predictor type", data["task"]),
            ("k", card["settings"]["n_neighbors"]),
            ("measured", f"{len(cells)} combinations in {as_seconds(card['seconds'])}"),
        ]
    )
    names = list(card["formulas"])
    scores = [(cell["name"], *(f"{cell['scores'][name]:.2f}" for name in names)) for cell in cells]
    print_table("Scores, from 0 to 1", ("index, scaling, reduction", *names), scores)
    head = "index, scaling, reduction"
    answers = [
        (
            cell["name"],
            f"{cell['score']:.4f}",
            f"{cell['score_low']:.4f} to {cell['score_high']:.4f}",
            f"{cell['recall']:.4f}",
            f"{cell['agreement']:.4f}",
        )
        for cell in cells
    ]
    print_table("Answers", (head, data["score"], "95 % interval", "recall", "agreement"), answers)
    costs = [
        (
            cell["name"],
            _pair(cell["single"]),
            _pair(cell["batch"]),
            "-" if cell["queries_per_second"] is None else as_count(round(cell["queries_per_second"])),
            f"{as_seconds(cell['fit_seconds'])} ({cell['fit_repetitions']})",
            as_bytes(cell["memory_bytes"]),
            "-" if cell["disk_bytes"] is None else as_bytes(cell["disk_bytes"]),
        )
        for cell in cells
    ]
    columns = (head, "1 row: p50, p99", "1,000 rows: p50, p99", "queries/s", "fit", "memory", "disk")
    print_table("Costs (repetitions)", columns, costs)
    formulas = list(card["formulas"].items())
    print_table("How scores are worked out", ("score", "formula"), formulas, left=(0, 1))
    if card["left_out"]:
        print_table("Left out", ("what", "why"), _grouped(card["left_out"]), left=(0, 1))


def _grouped(left_out: list[dict[str, str]]) -> list[tuple[str, str]]:
    """One line for each reason."""
    reasons: dict[str, list[str]] = {}
    for one in left_out:
        reasons.setdefault(one["reason"], []).append(one["name"])
    return [
        (names[0] if len(names) == 1 else f"{len(names)} combinations", reason)
        for reason, names in reasons.items()
    ]


def _pair(latency: dict[str, Any] | None) -> str:
    from .output import as_seconds

    if latency is None:
        return "-"
    shown = ", ".join(as_seconds(latency[name]) for name in ("p50", "p99"))
    return f"{shown} ({latency['repetitions']})"
