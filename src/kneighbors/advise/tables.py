# SPDX-License-Identifier: Apache-2.0
"""Rows and labels as the questions of this folder take them, checked once; and how they are split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from ..estimators import KNeighborsClassifier, KNeighborsRegressor
from ..estimators.inputs import check_rows
from ..labels import check_discrete, encode_classes, encode_targets

__all__ = ["Split", "Table", "Task", "estimator_of", "read_table", "split", "task_of"]

Task = Literal["classifier", "regressor"]
Ids = NDArray[np.int64]

_MANY_VALUES, _FEW_ROWS = 50, 10  # numbers of more values, of fewer rows each, are a target


@dataclass(frozen=True)
class Table:
    """Checked rows and labels.

    Attributes
    ----------
    rows : ndarray of shape (n, d), float32 or float64
    labels : ndarray of shape (n,)
        As given: what an estimator's ``fit`` takes.
    codes : ndarray of shape (n,)
        int64 places in ``classes``, or float64 targets.
    classes : ndarray or None
        Sorted classes; None for a regressor.
    task : {"classifier", "regressor"}
    names : list of str
        Of the columns; "column 0" and so on where there are none.
    """

    rows: NDArray[Any]
    labels: NDArray[Any]
    codes: NDArray[Any]
    classes: NDArray[Any] | None
    task: Task
    names: list[str]

    @property
    def n_rows(self) -> int:
        return int(self.rows.shape[0])

    @property
    def n_columns(self) -> int:
        return int(self.rows.shape[1])

    def take(self, places: Ids) -> Table:
        """Some of the rows."""
        return Table(
            self.rows[places], self.labels[places], self.codes[places], self.classes, self.task, self.names
        )


@dataclass(frozen=True)
class Split:
    """Row numbers to fit on and row numbers that are held out."""

    train: Ids
    test: Ids


def task_of(y: Any) -> Task:
    """Regression for numbers that look measured: fractions, or many values of few rows each.

    Examples
    --------
    >>> task_of([1.0, 2.0, 2.0]), task_of([1.5, 2.0]), task_of(range(100))
    ('classifier', 'regressor', 'regressor')
    """
    values = np.asarray(y)
    if values.dtype.kind not in "iuf" or values.ndim != 1 or not np.isfinite(values).all():
        return "classifier"
    n_values = len(np.unique(values))
    counted = n_values > _MANY_VALUES and n_values * _FEW_ROWS > len(values)
    return "regressor" if counted or (values != np.floor(values)).any() else "classifier"


def read_table(
    X: Any, y: Any, task: str | None, *, allow_nan: bool = False, names: list[str] | None = None
) -> Table:
    """Check what was given.

    Raises
    ------
    DataError
        Sparse rows, several labels for each row, or whatever ``fit`` refuses.
    ParameterError
        An unknown task.
    """
    if task not in (None, "classifier", "regressor"):
        raise ParameterError(f"task={task!r} was given; expected 'classifier', 'regressor' or None.")
    if hasattr(X, "toarray"):
        raise DataError(
            "X is sparse, and scaling and reducing it need dense rows. Pass X.toarray(), or some of its rows."
        )
    checker = KNeighborsClassifier(metric="nan_euclidean" if allow_nan else "minkowski")
    rows = check_rows(checker, X, reset=True)
    if y is None:
        raise DataError("y is None; a label for each row is expected: right and wrong are what is measured.")
    chosen: Any = task if task is not None else task_of(y)
    labels = encode_classes(y) if chosen == "classifier" else encode_targets(y)
    check_discrete(labels)
    if labels.n_outputs != 1:
        raise DataError(
            f"y has {labels.n_outputs} columns; one label for each row is expected. Ask about one at a time."
        )
    if len(labels.values) != len(rows):
        raise DataError(f"X has {len(rows)} rows and y {len(labels.values)} labels; as many are expected.")
    classes = None if labels.classes is None else labels.classes[0]
    codes = labels.values[:, 0]
    if names is None:
        given = getattr(checker, "feature_names_in_", None)
        names = (
            [f"column {place}" for place in range(rows.shape[1])]
            if given is None
            else [str(name) for name in given]
        )
    if classes is None:
        codes = codes.astype(np.float64)
    return Table(rows, codes if classes is None else classes[codes], codes, classes, chosen, names)


def split(table: Table, *, most: int, share: float = 0.2, seed: int = 0) -> Split:
    """Hold out rows, the same ones for the same seed: ``share`` of them but at most ``most``, at least one.

    Of each class the same share is held out, and one row at least stays.
    """
    n_test = max(1, min(most, int(np.ceil(share * table.n_rows))))
    order = np.random.default_rng(seed).permutation(table.n_rows)
    if table.classes is not None:
        order = _spread(table.codes, order)
    return Split(np.sort(order[n_test:]), np.sort(order[:n_test]))


def _spread(codes: Ids, order: Ids) -> Ids:
    """The order with classes interleaved by their share, so that any beginning of it is a fair sample; the
    last row of each class comes at the end.
    """
    place = np.empty(len(order))
    for code in np.unique(codes):
        own = np.flatnonzero(codes[order] == code)
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
        place[own[-1]] = 2.0
    return order[np.argsort(place, kind="stable")]


def estimator_of(task: Task, **settings: Any) -> Any:
    """The estimator for a task."""
    return (KNeighborsClassifier if task == "classifier" else KNeighborsRegressor)(**settings)
