# SPDX-License-Identifier: Apache-2.0
"""``kneighbors evaluate``: how well a model predicts rows whose labels are known."""

from __future__ import annotations

import time
from typing import Any

import click

from ..errors import DataError, DataTypeError, ParameterError
from .command import SectionOption, subcommand
from .options import LABELS, file_options, setting

__all__ = ["command"]


@subcommand("evaluate", "kneighbors evaluate model/ test.csv")
@click.argument("model", type=click.Path())
@click.argument("test", type=click.Path())
@setting("n_neighbors", default=None, note="Left out: as fitted.")
@click.option(
    "--worst",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    cls=SectionOption,
    section="Model",
    help="How many classes to show, those with the lowest F1 first.",
)
@click.option(
    "--label",
    type=LABELS,
    default=...,
    cls=SectionOption,
    section="File",
    help="The column of labels: its name, its position from 0, first or last; several separated by commas, "
    "in the order of the model's. Left out: the first; where names are known, the first that is no feature "
    "of the model.",
)
@file_options(labels=True)
@setting("n_jobs", section="Options")
def command(
    model: str,
    test: str,
    n_neighbors: int | None,
    worst: int,
    label: Any,
    n_jobs: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Score a model on rows whose labels are known.

    MODEL is a folder that fit has written, TEST a file of rows with their labels, in any form that fit takes.

    A classifier gets its accuracy, macro F1 (the mean over the classes) and its worst classes: how many of
    their rows were found (recall), how many of those called so were (precision), and what they were taken
    for. A regressor gets R2, the mean squared error and the mean absolute error. A model that predicts
    several labels is scored on each, and on rows that are right throughout (or by the mean R2).
    """
    from . import models, output
    from .rows import open_queries, rows_at_once
    from .scores import ClassScores, SeveralScores, ValueScores

    started = time.perf_counter()
    if label is None:
        raise click.UsageError("--label none was given; expected the column of labels to compare with.")
    estimator = models.load(model, n_neighbors=n_neighbors, n_jobs=n_jobs)
    _check_model(model, estimator)
    is_classifier, labels = hasattr(estimator, "classes_"), estimator._model.labels
    source = open_queries(test, estimator, label, read_label=True, n_labels=labels.n_outputs, **options)
    one_output = ClassScores if is_classifier else ValueScores
    scores: Any = SeveralScores(one_output, labels.n_outputs) if labels.outputs_2d else one_output()
    size = rows_at_once(source, estimator.n_neighbors)
    with output.reading(f"Answering {test}", source.n_bytes) as progress, models.quiet_about_names():
        for batch in models.batches(source, size, progress):
            _check_labels(test, batch.labels, estimator)
            scores.update(batch.labels, estimator.predict(batch.features))
    result = scores.result()
    if result["rows"] == 0:
        raise DataError(f"{test}: found 0 rows; expected at least one row with its label.")
    if labels.outputs_2d:
        names = source.label_names or range(labels.n_outputs)
        for one, name in zip(result["outputs"], names, strict=True):
            one["label"] = name
    if as_json:
        output.print_json({"model": model, "test": test, **result, "seconds": time.perf_counter() - started})
    elif labels.outputs_2d:
        _show_several(result, worst)
    elif is_classifier:
        _show_classes(result, worst)
    else:
        _show_values(result)


def _check_model(path: str, estimator: Any) -> None:
    labels = estimator._model.labels
    if labels is None:
        raise ParameterError(
            f"{path} is a model without labels; expected a classifier or a regressor. Fit one with "
            "--predictor-type."
        )
    kinds = {classes.dtype.kind in "OU" for classes in labels.classes or ()}
    if len(kinds) > 1:
        raise ParameterError(
            f"{path} predicts labels of several kinds, text beside numbers; expected labels of one kind, as "
            "in a column of a file. Score several kinds in Python, with scikit-learn's metrics."
        )


def _check_labels(test: str, labels: Any, estimator: Any) -> None:
    """Text and numbers never meet: each label would count as wrong."""
    n_outputs = estimator._model.labels.n_outputs
    if (1 if labels.ndim == 1 else labels.shape[1]) != n_outputs:
        raise DataError(
            f"{test}: found {1 if labels.ndim == 1 else labels.shape[1]} columns of labels; expected "
            f"{n_outputs}, one for each label that the model predicts. Name them with --label, separated by "
            "commas."
        )
    every = getattr(estimator, "classes_", None)
    classes = every[0] if isinstance(every, list) else every
    is_text = labels.dtype.kind in "OU"
    if len(labels) == 0 or is_text == (classes is not None and classes.dtype.kind in "OU"):
        return
    found, expected = ("text", "numbers") if is_text else ("numbers", "text")
    shown = "" if classes is None else f", such as {classes[0]!s}"
    raise DataTypeError(
        f"{test}: found labels that are {found}; expected {expected}, as in the rows of fit{shown}. Say with "
        "--label which column holds them."
    )


def _show_values(result: dict[str, Any]) -> None:
    from . import output

    pairs = [("R2", _r2(result["r2"])), ("mean squared error", f"{result['mse']:.6g}")]
    pairs += [("mean absolute error", f"{result['mae']:.6g}"), ("rows", output.as_count(result["rows"]))]
    output.print_pairs(pairs)


def _r2(value: float | None) -> str:
    return "undefined for one row" if value is None else f"{value:.6f}"


def _show_several(result: dict[str, Any], worst: int) -> None:
    """The scores over all labels, then each label under its name."""
    from . import output

    if "accuracy" in result:
        pairs = [("rows right throughout", f"{result['accuracy']:.6f}")]
    else:
        pairs = [("mean R2", _r2(result["r2"]))]
    output.print_pairs([*pairs, ("labels", str(len(result["outputs"])))])
    for one in result["outputs"]:
        print(f"\nlabel {one['label']}")
        if "accuracy" in one:
            _show_classes(one, worst)
        else:
            _show_values(one)


def _show_classes(result: dict[str, Any], worst: int) -> None:
    from . import output

    n_classes = len(result["classes"])
    output.print_pairs(
        [
            ("accuracy", f"{result['accuracy']:.6f}"),
            ("macro F1", f"{result['macro_f1']:.6f}"),
            ("rows", output.as_count(result["rows"])),
            ("classes", output.as_count(n_classes)),
        ]
    )
    rows = [
        (
            one["class"],
            output.as_count(one["rows"]),
            f"{one['recall']:.4f}",
            f"{one['precision']:.4f}",
            f"{one['f1']:.4f}",
            ", ".join(f"{other['class']} ({other['rows']})" for other in one["taken_for"][:3]),
        )
        for one in result["classes"][:worst]
    ]
    if rows:
        few = len(rows) < n_classes
        title = f"The {len(rows)} worst of {n_classes} classes" if few else "Classes, the worst first"
        columns = ("class", "rows", "recall", "precision", "F1", "taken for (rows)")
        output.print_table(title, columns, rows, left=(0, 5))
