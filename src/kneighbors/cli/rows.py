# SPDX-License-Identifier: Apache-2.0
"""From the options of the command line to an open source of rows."""

from __future__ import annotations

import sys
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from ..errors import DataError

if TYPE_CHECKING:
    from ..data import Source

__all__ = ["Label", "open_queries", "open_rows", "rows_at_once"]

Label = str | int | list[str | int] | None
"""A column: its name, its position, or None for no column; a list of several."""

_CELLS_AT_ONCE = 1 << 21
"""Neighbours or probabilities held at once while a file is answered: 16 MiB of each."""


def open_rows(
    path: str | bytes,
    *,
    label: Label,
    header: bool | None,
    metric: str,
    read_label: bool = True,
    **settings: Any,
) -> Source:
    """Open a file; "-" is standard input, a CSV unless told otherwise, held in memory.

    Parameters
    ----------
    path : str or bytes
        The name of a file, or the bytes of one.
    label : str, int or None
        The column of labels.
    header : bool or None
        None: the first line decides.
    metric : str
        "nan_euclidean" takes missing values.
    read_label : bool, default=True
        False leaves the column of labels out, whatever it holds.
    **settings
        Further settings of ``kneighbors.data.open``.
    """
    from .. import data

    source = _source(path)
    if isinstance(source, bytes) and settings["format"] not in ("recordio", "jsonl"):
        settings["format"] = "csv"
    settings |= {"header": "auto" if header is None else header, "allow_nan": metric == "nan_euclidean"}
    opened = data.open(source, label=label, **settings)
    if label is None or read_label:
        return opened
    if opened.labels_beside:
        return data.open(source, **settings)
    if settings["columns"] is None:
        settings["columns"] = _all_but(opened, label)
    return data.open(source, **settings)


def open_queries(
    path: str,
    estimator: Any,
    label: Label | EllipsisType,
    *,
    read_label: bool,
    n_labels: int = 1,
    **settings: Any,
) -> Source:
    """Open rows for a fitted model: its columns by name where both have names, else by position.

    Parameters
    ----------
    path : str
    estimator : fitted estimator
    label : str, int, None or Ellipsis
        The column of labels; Ellipsis is the first that is none of the model's features.
    read_label : bool
        Whether the labels are wanted; otherwise that column is left out, whatever it holds.
    n_labels : int, default=1
        How many columns of labels there are, where ``label`` is Ellipsis.
    **settings
        As for ``open_rows``, without the metric. ``columns`` overrules the model's names.

    Raises
    ------
    DataError
        Columns that are not those of the fit.
    """
    source = _source(path)
    settings |= {"metric": estimator.metric, "allow_empty": True}
    settings["dtype"] = settings["dtype"] or _dtype_of(estimator)
    if read_label and settings["label_dtype"] == "auto":
        settings["label_dtype"] = _label_dtype_of(estimator)
    guessed: Label = (0 if n_labels == 1 else list(range(n_labels))) if label is ... else label
    try:
        opened = open_rows(source, label=guessed, read_label=read_label, **settings)
    except DataError as error:
        if label is None and settings["columns"] is None:
            raise DataError(f"{error} {_LEAVE_OUT}", row=error.row, column=error.column) from error
        raise
    names = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    if settings["columns"] is None and names and opened.feature_names is not None:
        there = (*opened.feature_names, *opened.label_names)
        _check_names(opened.name, names, there)
        wanted = _first_others(opened, names, n_labels) if label is ... else label
        if opened.feature_names != tuple(names):
            settings["columns"], guessed = names, wanted
            opened = open_rows(source, label=wanted, read_label=read_label, **settings)
    if opened.n_features != estimator.n_features_in_:
        beside = f" beside the label ({_shown(guessed)})" if opened.has_labels else ""
        raise DataError(
            f"{opened.name}: found {opened.n_features} feature columns{beside}; expected "
            f"{estimator.n_features_in_}, as in the rows of fit."
            + (f" {_LEAVE_OUT}" if label is None else "")
        )
    return opened


_LEAVE_OUT = "If a column holds labels, say which: --label first, --label last, or its name."


def rows_at_once(source: Source, width: int) -> int:
    """Rows in a batch: what is read at a time, or fewer where an answer is ``width`` numbers wide."""
    from ..data.source import rows_per_batch

    return max(1, min(rows_per_batch(source.n_features), _CELLS_AT_ONCE // max(1, width)))


def _source(path: str | bytes) -> str | bytes:
    return sys.stdin.buffer.read() if path == "-" else path


def _dtype_of(estimator: Any) -> str | None:
    """float32 for a model of float32 rows, so that a row read from text meets itself at distance 0."""
    return "float32" if estimator._fit_X.dtype == "float32" else None


def _label_dtype_of(estimator: Any) -> str:
    """Labels in the form of the model's classes: a class "7" is looked for as text."""
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return "float64"
    if isinstance(classes, list):  # all of one kind, or there is no telling
        classes = classes[0]
    kind = getattr(getattr(classes, "dtype", None), "kind", "")
    return {"U": "string", "O": "string", "b": "bool"}.get(kind, "auto")


def _check_names(source: str, names: list[str], there: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in set(there)]
    if missing:
        others = "" if len(missing) == 1 else f" ({len(missing)} are missing)"
        raise DataError(
            f"{source}: found no column {missing[0]!r}{others}; expected every feature of the model by its "
            "name. Rename the columns, say --no-header if the first line holds no names, or give the columns "
            "in their order by --columns."
        )


def _first_others(opened: Source, names: list[str], n_labels: int) -> Label:
    """The first columns that are none of the model's features; ``opened`` has its labels at the start."""
    assert opened.feature_names is not None
    features = set(names)
    others: list[str | int] = [
        name for name in (*opened.label_names, *opened.feature_names) if name not in features
    ]
    if not others:
        raise DataError(
            f"{opened.name}: every column is a feature of the model; expected a column of labels beside "
            "them. To get labels for these rows, use the predict command."
        )
    if len(others) < n_labels:
        raise DataError(
            f"{opened.name}: found {len(others)} columns that are no feature of the model; expected "
            f"{n_labels}, one for each label that it predicts."
        )
    return others[0] if n_labels == 1 else others[:n_labels]


def _all_but(opened: Source, label: int | str | list[str | int]) -> list[str | int]:
    if opened.feature_names is not None:
        return list(opened.feature_names)
    labels = label if isinstance(label, list) else [label]
    n_columns = opened.n_features + len(labels)
    # A name was not found where there are none: these are positions.
    taken = {one % n_columns for one in labels if isinstance(one, int)}
    return [position for position in range(n_columns) if position not in taken]


def _shown(label: Label) -> str:
    if isinstance(label, list):
        return f"columns {', '.join(map(repr, label))}"
    return f"column {label}" if isinstance(label, int) else f"column {label!r}"
