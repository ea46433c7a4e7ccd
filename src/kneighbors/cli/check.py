# SPDX-License-Identifier: Apache-2.0
"""``kneighbors check``: what in a file of rows will mislead a vote of neighbours."""

from __future__ import annotations

from typing import Any

import click

from .command import SectionOption, subcommand
from .options import file_options, setting
from .whole import task_options

__all__ = ["command"]


@subcommand("check", "kneighbors check train.csv --label kind --k 5")
@click.argument("train", type=click.Path())
@task_options
@setting("n_neighbors")
@setting("weights")
@setting("metric")
@setting("p")
@setting("scale")
@click.option(
    "--rows",
    "sample_size",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    cls=SectionOption,
    section="Measuring",
    help="Rows of the sample that distances and gains are measured on.",
)
@setting("random_state", section="Measuring")
@file_options(labels=True)
@setting("n_jobs", section="Options")
def command(train: str, label: Any, predictor_type: str | None, as_json: bool, **options: Any) -> None:
    """Find what in the rows will mislead a vote of neighbours.

    TRAIN is a file of rows with their labels, in any form that fit takes; missing values are found, not
    refused. Looked for are columns that drown the others, say nothing, repeat another or number the rows;
    rows that contradict each other; classes too small for k; and distances that say little.

    Each finding comes with its fix and with what the fix gains: cross-validation on a sample, before and
    after. The exit code is 0 also when something was found.
    """
    import kneighbors

    from . import output, whole

    names = ("n_neighbors", "weights", "metric", "p", "scale", "sample_size", "random_state", "n_jobs")
    settings = {name: options.pop(name) for name in names}
    rows, columns = whole.read(train, label, metric=settings["metric"], allow_nan=True, **options)
    with whole.counting("Checking") as progress:
        result = kneighbors.preflight(
            rows.features,
            rows.labels,
            task=predictor_type,
            feature_names=columns,
            progress=progress,
            **settings,
        )
    if as_json:
        output.print_json(result.to_dict())
    else:
        _show(result.to_dict())


def _show(result: dict[str, Any]) -> None:
    from .failures import in_shell_words, printable
    from .output import as_count, print_pairs

    facts = result["facts"]
    pairs = [
        ("rows", f"{as_count(facts['rows'])}, {as_count(facts['identical_rows'])} equal to an earlier one"),
        ("columns", as_count(facts["columns"])),
        ("predictor type", facts["task"]),
    ]
    if facts["class_rows"] is not None:
        counts = list(facts["class_rows"].values())
        pairs.append(
            ("classes", f"{len(counts)}, of {as_count(min(counts))} to {as_count(max(counts))} rows")
        )
    dimensions = [facts[name] for name in ("intrinsic_dimension", "intrinsic_dimension_likelihood")]
    if None not in dimensions:
        shown = " or ".join(f"{one:.1f}" for one in dimensions)
        pairs.append(("intrinsic dimension", f"{shown} (two neighbours, likelihood)"))
    if facts["relative_contrast"] is not None:
        contrast = facts["relative_contrast"]
        pairs.append(("relative contrast", f"{contrast:.2f}: a row at random is so many times as far"))
    if facts["hubness"] is not None:
        pairs.append(("hubness", f"{facts['hubness']:.2f} (skewness of how often a row is a neighbour)"))
    print_pairs(pairs)
    findings = result["findings"]
    for one in findings:
        lines = [in_shell_words(one["message"]), in_shell_words(one["advice"]), _gained(one["gain"])]
        print(f"\n{one['severity']}: {one['name'].replace('_', ' ')}")
        for line in lines:
            if line:
                print(f"  {printable(line)}")
    if not findings:
        print("\nNothing found.")


def _gained(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return ""
    if gain["before"] is None:
        return f"Measured: {gain['score']} {gain['after']:.3f} after; nothing could be fitted before."
    return (
        f"Measured: {gain['score']} {gain['before']:.3f} before, {gain['after']:.3f} after "
        f"({gain['gain']:+.3f}, 95 % {gain['low']:+.3f} to {gain['high']:+.3f}; {gain['folds']} folds of "
        f"{gain['rows']:,} rows)."
    )
