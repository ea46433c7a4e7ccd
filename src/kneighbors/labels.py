# SPDX-License-Identifier: Apache-2.0
"""Labels: from what a user gives as ``y`` to codes or targets, and to and from the form that files keep.

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
from .sections import pack_text, unpack_text

__all__ = ["Labels", "encode_classes", "encode_targets", "from_sections", "to_sections"]

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
    values = np.stack([_as_target(column) for column in plain], axis=1)
    return Labels(values if kept is None else values[kept], None, outputs_2d)


def _as_target(column: Array) -> Array:
    if column.dtype.kind in "iu":
        # Integers above 2**53 are kept as they are: means are float64, but a saved model holds what was
        # given.
        as_float = column.astype(np.float64)
        fits = column.dtype.kind == "i" or column.size == 0 or int(column.max()) < 2**63
        if fits and bool((np.abs(as_float) > 2.0**53).any()):
            return column.astype(np.int64)
        return as_float
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
    row = next(row for row, entry in enumerate(column) if _object_kind(entry) != _object_kind(first))
    raise (
        DataTypeError(
            f"Unknown label type: y mixes {type(first).__name__} (row 0) and "
            f"{type(column[row]).__name__} (row {row}) in column {place}. Labels of one column must all "
            "be numbers, all booleans or all strings; convert them, for example with astype(str).",
            row=row,
            column=place,
        )
        if len(kinds) > 1
        else DataTypeError(
            f"Unknown label type: y holds objects of type {type(first).__name__}. Labels must be "
            "numbers, booleans or strings."
        )
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


def to_sections(labels: Labels) -> tuple[Array, dict[str, Any], dict[str, Array]]:
    """The stored form: what goes to ``.labels``, settings for the JSON, and sections for the class names.

    ``.labels`` gets the label values as float32 where each survives it bit for bit. Otherwise it gets class
    codes (int64) or the targets as they are, and the settings say which.
    """
    settings: dict[str, Any] = {"outputs_2d": labels.outputs_2d, "stored": "values"}
    sections: dict[str, Array] = {}
    values = labels.values
    if labels.classes is not None:
        settings["classes"] = []
        for place, classes in enumerate(labels.classes):
            settings["classes"].append(
                {"dtype": "object" if classes.dtype.kind == "O" else classes.dtype.str}
            )
            sections.update(_class_sections(classes, f"classes.{place}"))
        if all(_survives_float32(classes) for classes in labels.classes):
            columns = [classes[values[:, place]] for place, classes in enumerate(labels.classes)]
            values = np.stack([column.astype(np.float32) for column in columns], axis=1)
        else:
            settings["stored"] = "codes"
    elif _survives_float32(values):
        values = values.astype(np.float32)
    stored = values if labels.outputs_2d else values[:, 0]
    return np.ascontiguousarray(stored), settings, sections


def from_sections(
    stored: Array, settings: dict[str, Any], sections: dict[str, Array], predictor_type: str
) -> Labels:
    """The inverse of ``to_sections``, for the predictor type that the JSON asks for now.

    A model whose labels are numbers may change its predictor type: the values are the classes, or the
    targets.

    Raises
    ------
    DataError
        The labels do not fit the settings, or a regressor is asked for over string labels.
    """
    values = np.asarray(stored)
    values = values.reshape(len(values), -1)
    outputs_2d = bool(settings.get("outputs_2d", stored.ndim == 2))
    if not outputs_2d and values.shape[1] != 1:
        raise DataError(f"The labels have {values.shape[1]} columns, the settings say one.")
    known = [
        _classes_of(sections, f"classes.{place}", str(entry["dtype"]))
        for place, entry in enumerate(settings.get("classes", ()))
    ]
    if known and len(known) != values.shape[1]:
        raise DataError(f"The labels have {values.shape[1]} columns, but there are classes for {len(known)}.")
    coded = settings.get("stored", "values") == "codes"
    if coded:
        _check_codes(values, known)

    if predictor_type == "classifier":
        if coded:
            return Labels(values.astype(np.int64, copy=False), known, outputs_2d)
        classes = known or [_classes_from_values(values[:, place]) for place in range(values.shape[1])]
        codes = [_codes_of(values[:, place], classes[place]) for place in range(values.shape[1])]
        return Labels(np.stack(codes, axis=1), classes, outputs_2d)

    if any(classes.dtype.kind in "UO" for classes in known):
        raise DataError("predictor_type is regressor, but the labels are strings. Set it back to classifier.")
    if coded:
        columns = [_as_target(classes)[values[:, place]] for place, classes in enumerate(known)]
        return Labels(np.stack(columns, axis=1), None, outputs_2d)
    return Labels(values if values.dtype == np.int64 else values.astype(np.float64), None, outputs_2d)


def _survives_float32(values: Array) -> bool:
    if values.dtype.kind in "UO":
        return False
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32)
        return bool(
            (narrow.astype(values.dtype) == values).all()
        )  # -0.0 keeps its sign; there is no NaN here
    return bool(
        (np.abs(values.astype(np.float64)) <= 2.0**24).all()
    )  # up to there float32 holds each integer


def _class_sections(classes: Array, name: str) -> dict[str, Array]:
    if classes.dtype.kind in "UO":
        return pack_text(classes, name)
    if classes.dtype.kind == "f":
        return {name: classes.astype(np.float64)}
    return {name: classes.view(np.int64) if classes.dtype == np.uint64 else classes.astype(np.int64)}


def _classes_of(sections: dict[str, Array], name: str, dtype: str) -> Array:
    names = unpack_text(sections, name)
    if names is not None:
        return np.array(names, dtype=object if dtype == "object" else np.str_)
    if name not in sections:
        raise DataError(f"The section '{name}' is missing.")
    stored = np.asarray(sections[name])
    wanted = np.dtype(dtype)
    if wanted.kind not in "biuf":
        raise DataError(f"The classes of section '{name}' cannot have the type {dtype!r}.")
    return stored.view(np.uint64) if wanted == np.uint64 else stored.astype(wanted)


def _classes_from_values(column: Array) -> Array:
    classes = np.unique(column)
    whole = bool((classes == np.floor(classes)).all()) and bool((np.abs(classes) < 2.0**53).all())
    return classes.astype(np.int64) if whole or classes.dtype.kind == "i" else classes.astype(np.float64)


def _codes_of(column: Array, classes: Array) -> NDArray[np.int64]:
    names = classes.astype(column.dtype)
    codes = np.searchsorted(names, column).astype(np.int64)
    codes[codes == len(names)] = 0
    if not (names[codes] == column).all():
        row = int(np.argmax(names[codes] != column))
        raise DataError(f"The label {column[row]!r} of row {row} is not among the classes.", row=row)
    return codes


def _check_codes(values: Array, known: list[Array]) -> None:
    if not known or values.dtype.kind not in "iu":
        raise DataError("The labels are class codes, but there are no classes to read them with.")
    for place, classes in enumerate(known):
        column = values[:, place]
        if column.size and (int(column.min()) < 0 or int(column.max()) >= len(classes)):
            raise DataError(f"A class code in column {place} is outside 0 to {len(classes) - 1}.")
