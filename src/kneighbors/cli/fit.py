# SPDX-License-Identifier: Apache-2.0
"""``kneighbors fit``: rows from a file, through all steps, into a model folder."""

from __future__ import annotations

import errno
import os
import time
from types import EllipsisType
from typing import Any

import click

from ..errors import ParameterError, SaveError
from .command import SectionOption, subcommand
from .failures import in_shell_words
from .options import COLUMN, SETTINGS, file_options, settings_options

__all__ = ["command"]

_EXAMPLE = """\
kneighbors fit train.csv --k 5 --sample-size 50000 --scale standard \\
    --reduce pca --reduce-dim 10 --model-dir model/"""


@subcommand("fit", _EXAMPLE)
@click.argument("train", type=click.Path())
@click.option(
    "--model-dir",
    required=True,
    type=click.Path(),
    cls=SectionOption,
    section="Task",
    help="The folder to write. A model that stands there is replaced, in one step.",
)
@click.option(
    "--predictor-type",
    type=click.Choice(["classifier", "regressor", "none"]),
    cls=SectionOption,
    section="Task",
    help="Vote for a class, average a number, or only find neighbours. Left out: classifier, or none with "
    "--label none.",
)
@click.option(
    "--label",
    type=COLUMN,
    default=...,
    cls=SectionOption,
    section="Task",
    help="The column of labels: its name, its position from 0, first, last or none. Left out: the first, or "
    "none with --predictor-type none.",
)
@settings_options
@file_options(labels=True)
def command(
    train: str, model_dir: str, predictor_type: str | None, label: Any, as_json: bool, **options: Any
) -> None:
    """Fit a model from a file of rows and save it.

    TRAIN is a CSV, Parquet or .npy file, a folder or a pattern of them ("day-*.csv"), or - for a CSV on
    standard input. It is read once, in batches: with --sample-size, a file larger than memory will do.

    Rows go through sample, scale, reduce and index, in this order, and so do queries later on. What each step
    did is shown at the end, and by the inspect command at any time.
    """
    from .. import pipeline
    from ..estimators.loading import from_model
    from ..threads import resolve_threads
    from . import accounts, output
    from .rows import open_rows

    started = time.perf_counter()
    settings = {name: options.pop(name) for name in SETTINGS}
    n_threads = resolve_threads(settings.pop("n_jobs"))
    task, label = _task_and_label(predictor_type, label)
    _check_settings(settings)
    _check_target(model_dir)
    source = open_rows(train, label=label, read_label=task is not None, metric=settings["metric"], **options)
    with output.reading(f"Reading {train}", source.n_bytes) as progress:
        model = pipeline.fit_source(
            source, pipeline.Settings(**settings), task, n_threads=n_threads, progress=progress
        )
    if settings["n_neighbors"] > model.n_kept:
        raise ParameterError(
            f"--k {settings['n_neighbors']} was given, but {model.n_kept} rows were kept. Give 1 to "
            f"{model.n_kept}, or keep more rows."
        )
    from_model(model).save(model_dir)
    account = {**accounts.account_of(model, model_dir), "seconds": time.perf_counter() - started}
    if as_json:
        output.print_json(account)
    else:
        accounts.show(account, to_error=True)


def _task_and_label(predictor_type: str | None, label: Any) -> tuple[Any, Any]:
    """The task, or None for plain search, and the column of labels, each by its default."""
    if predictor_type is None:
        predictor_type = "none" if label is None else "classifier"
    if isinstance(label, EllipsisType):
        label = None if predictor_type == "none" else 0
    if label is None and predictor_type != "none":
        raise click.UsageError(
            f"--label none was given with --predictor-type {predictor_type}, which learns from labels. Name "
            "the column of labels, or give --predictor-type none."
        )
    return (None if predictor_type == "none" else predictor_type), label


def _check_settings(settings: dict[str, Any]) -> None:
    """Refuse what cannot go together before a long file is read."""
    from ..metrics import resolve
    from ..pipeline.answering import check_weights

    try:
        check_weights(resolve(settings["metric"], settings["p"]), settings["weights"])
    except ParameterError as error:
        raise click.UsageError(in_shell_words(str(error))) from error
    if settings["metric"] in ("precomputed", "pyfunc"):
        raise click.UsageError(
            f"--metric {settings['metric']} needs Python: it measures no rows of a file. Name another metric."
        )
    for one, other in (("reduce", "reduce-dim"), ("reduce-dim", "reduce")):
        if settings[one.replace("-", "_")] is not None and settings[other.replace("-", "_")] is None:
            raise click.UsageError(
                f"--{one} was given without --{other}. Give both: --reduce says how, --reduce-dim to how "
                "many columns."
            )


def _check_target(model_dir: str) -> None:
    """Refuse a folder that cannot be written before a long file is read; saving looks again."""
    from ..model_files.naming import target_of
    from ..model_files.replacing import look_at

    parent, name = target_of(model_dir)
    try:
        folder = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            look_at(name, folder)
        finally:
            os.close(folder)
    except OSError as error:
        reason = (
            f"there is no folder '{parent}'; create it first"
            if error.errno == errno.ENOENT
            else error.strerror
        )
        raise SaveError(error.errno, reason, model_dir) from error
