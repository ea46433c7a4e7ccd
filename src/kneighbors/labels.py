# SPDX-License-Identifier: Apache-2.0
"""Labels: from what a user gives as ``y`` to class codes or targets.

In: numbers, booleans or strings of shape (n,) or (n, n_outputs). Out: a ``Labels``, with int64 class codes
and the sorted classes of each output, or with numeric targets. A column keeps its own kind, so one output
may hold strings and another numbers; one column that mixes kinds is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, DataTypeError

__all__ = ["Labels", "as_target", "check_discrete", "encode_classes", "encode_targets"]

Array = NDArray[Any]


@dataclass
class Labels:
    """The labels of the fitted rows.

    Attributes
    ----------
    values : ndarray of shape (n, n_outputs)
        int64 class codes where ``classes`` is set; otherwise the targets, float64 (or int64 where float64
        would not hold them exactly).
    classes : list of ndarray or None
        The sorted classes of each output; None for a regressor.
    outputs_2d : bool
        Whether ``y`` was two-dimensional, so that answers are too.
    """

    values: Array
    classes: list[Array] | None
    outputs_2d: bool

    @property
    def n_outputs(self) -> int:
        return int(self.values.shape[1])

    @property
    def raveled(self) -> Array:
        """``values`` in the shape that ``y`` had."""
        return self.values if self.outputs_2d else self.values[:, 0]

    def take(self, places: NDArray[np.int64]) -> Labels:
        """The labels of some rows; classes that none of them has are forgotten."""
        values = self.values[places]
        if self.classes is None:
            return Labels(values, None, self.outputs_2d)
        kept, codes = [], []
        for place, classes in enumerate(self.classes):
            used, code = np.unique(values[:, place], return_inverse=True)
            kept.append(classes[used])
            codes.append(code.astype(np.int64, copy=False).ravel())
        return Labels(np.stack(codes, axis=1), kept, self.outputs_2d)

    def decode(self, codes: list[NDArray[np.int64]]) -> Array:
        """Class labels from one code per query and output, shaped like ``y``."""
        assert self.classes is not None
        columns = [classes[code] for classes, code in zip(self.classes, codes, strict=True)]
        if not self.outputs_2d:
            return columns[0]
        kinds = {column.dtype.kind for column in columns}
        # Strings beside numbers only fit an object array; NumPy would turn the numbers into strings.
        mixed = len(kinds) > 1 and (bool(kinds & set("UO")) or "b" in kinds)
        answer = np.empty(
            (len(columns[0]), len(columns)), dtype=object if mixed else np.result_type(*columns)
        )
        for place, column in enumerate(columns):
            answer[:, place] = column
        return answer


def encode_classes(y: Any, kept: NDArray[np.bool_] | None = None) -> Labels:
    """Class codes of ``y``; classes are sorted and named by the rows in ``kept`` alone.

    Raises
    ------
    DataTypeError
        A column mixes kinds, or holds something other than numbers, booleans and strings.
    DataError
        A label is missing or not finite.

    Examples
    --------
    >>> labels = encode_classes(["b", "a", "b"])
    >>> labels.raveled, labels.classes
    (array([1, 0, 1]), [array(['a', 'b'], dtype='<U1')])
    """
    columns, outputs_2d = _columns(y)
    codes, classes = [], []
    for place, column in enumerate(columns):
        column = _plain(column, place)
        names, code = np.unique(column if kept is None else column[kept], return_inverse=True)
        classes.append(names)
        codes.append(code.astype(np.int64, copy=False).ravel())
    return Labels(np.stack(codes, axis=1), classes, outputs_2d)


def check_discrete(labels: Labels) -> None:
    """Refuse classes that are fractions: a target, most likely, that no vote can find.

    Raises
    ------
    DataError
        Naming one of them.
    """
    for classes in labels.classes or ():
        if classes.dtype.kind == "f" and (classes != np.floor(classes)).any():
            raise DataError(
                "Unknown label type: continuous. A classifier expects discrete classes, but y holds numbers "
                f"such as {classes[classes != np.floor(classes)][0]}. Use KNeighborsRegressor "
                "(predictor_type='regressor') for a numeric target."
            )


def encode_targets(y: Any, kept: NDArray[np.bool_] | None = None) -> Labels:
    """Numeric targets of ``y``.

    Raises
    ------
    DataTypeError
        A target is not a number.
    DataError
        A target is missing or not finite.
    """
    columns, outputs_2d = _columns(y)
    plain = [_plain(column, place) for place, column in enumerate(columns)]
    for column in plain:
        if column.dtype.kind not in "biuf":
            raise DataTypeError(
                f"y holds {_kind_name(column)}, a regressor's targets must be numbers. Convert them, or use "
                "KNeighborsClassifier for classes."
            )
    values = np.stack([as_target(column) for column in plain], axis=1)
    return Labels(values if kept is None else values[kept], None, outputs_2d)


def as_target(column: Array) -> Array:
    """A column of numbers as float64, or as int64 where float64 would not hold each exactly."""
    if column.dtype.kind in "iu":
        # Means are float64, but a saved model holds what was given. The comparison is of integers: in float64
        # 2**53 + 1 is 2**53.
        beyond = bool(((column > 2**53) | (column < -(2**53))).any())
        if beyond and int(column.max()) < 2**63:
            return column.astype(np.int64)
    return column.astype(np.float64)


def _columns(y: Any) -> tuple[list[Array], bool]:
    """The columns of ``y`` and whether it was two-dimensional."""
    if hasattr(y, "toarray"):
        y = y.toarray()
    if isinstance(y, (list, tuple)) and _holds_text(y):
        array = np.asarray(y, dtype=object)  # NumPy would quietly turn numbers beside strings into strings
        from_list = True
    else:
        array = np.asarray(y)
        from_list = False
    if array.ndim not in (1, 2):
        raise DataError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    columns = [array] if array.ndim == 1 else [array[:, place] for place in range(array.shape[1])]
    if from_list:
        columns = [_text_of_list(column) for column in columns]
    if not columns:
        raise DataError("y has no columns. Give at least one label per row.")
    return columns, array.ndim == 2


def _holds_text(y: Any) -> bool:
    return any(
        isinstance(entry, str) or (isinstance(entry, (list, tuple)) and _holds_text(entry)) for entry in y
    )


def _text_of_list(column: Array) -> Array:
    return column.astype(np.str_) if all(isinstance(entry, str) for entry in column) else column


def _plain(column: Array, place: int) -> Array:
    """A column of one kind: boolean, integer, float or text, finite throughout."""
    kind = column.dtype.kind
    if kind == "O":
        column = _plain_objects(column, place)
    elif kind == "f":
        if column.dtype != np.float64:
            column = column.astype(np.float32 if column.dtype.itemsize <= 4 else np.float64)
    elif kind not in "biuU":
        raise DataTypeError(
            f"y holds {_kind_name(column)}. Labels must be numbers, booleans or strings."
            + (" Complex data not supported." if kind == "c" else "")
        )
    if not column.dtype.isnative:
        column = column.astype(column.dtype.newbyteorder("="))
    if column.dtype.kind == "f":
        _check_finite(column, place)
    return column


def _plain_objects(column: Array, place: int) -> Array:
    kinds = {_object_kind(entry) for entry in column}
    if kinds == {"text"}:
        return column
    if kinds == {"boolean"}:
        return column.astype(np.bool_)
    if kinds == {"integer"}:
        try:
            return np.asarray(column.tolist(), dtype=np.int64)
        except OverflowError:
            raise DataError("y holds an integer beyond 64 bits. Use strings or smaller numbers.") from None
    if kinds <= {"integer", "float"}:
        return np.asarray(column.tolist(), dtype=np.float64)
    if "missing" in kinds:
        row = next(row for row, entry in enumerate(column) if _object_kind(entry) == "missing")
        raise DataError(
            f"Input y contains NaN or None at row {row}, column {place}. Drop the row or fill in the label.",
            row=row,
            column=place,
        )
    first = next(iter(column))
    if len(kinds) == 1:
        raise DataTypeError(
            f"Unknown label type: y holds objects of type {type(first).__name__}. Labels must be numbers, "
            "booleans or strings."
        )
    row = next(row for row, entry in enumerate(column) if _object_kind(entry) != _object_kind(first))
    raise DataTypeError(
        f"Unknown label type: y mixes {type(first).__name__} (row 0) and {type(column[row]).__name__} "
        f"(row {row}) in column {place}. Labels of one column must all be numbers, all booleans or all "
        "strings; convert them, for example with astype(str).",
        row=row,
        column=place,
    )


def _object_kind(entry: Any) -> str:
    if entry is None or (isinstance(entry, (float, np.floating)) and np.isnan(entry)) or _is_missing(entry):
        return "missing"
    if isinstance(entry, str):
        return "text"
    if isinstance(entry, (bool, np.bool_)):
        return "boolean"
    if isinstance(entry, (int, np.integer)):
        return "integer"
    if isinstance(entry, (float, np.floating)):
        return "float"
    return type(entry).__name__


def _is_missing(entry: Any) -> bool:
    return type(entry).__name__ in ("NAType", "NaTType")


def _check_finite(column: Array, place: int) -> None:
    wrong = ~np.isfinite(column)
    if wrong.any():
        row = int(np.argmax(wrong))
        what = "NaN" if np.isnan(column[row]) else "infinity"
        raise DataError(
            f"Input y contains {what} at row {row}, column {place}; {int(wrong.sum())} of {len(column)} "
            "labels are not finite. Drop these rows or fill in the labels.",
            row=row,
            column=place,
        )


def _kind_name(column: Array) -> str:
    names = {
        "U": "strings",
        "O": "strings",
        "S": "bytes",
        "c": "complex numbers",
        "M": "dates",
        "m": "time spans",
    }
    return names.get(column.dtype.kind, str(column.dtype))
