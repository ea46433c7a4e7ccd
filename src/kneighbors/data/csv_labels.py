# SPDX-License-Identifier: Apache-2.0
"""Labels from the text of a CSV column, never by way of a float.

A column of labels is one of four kinds, told by its first rows: whole numbers (int64), numbers (float64),
booleans (true/false in any case), and text. A column of whole numbers goes on as float64 when a fraction
turns up.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
from numpy.typing import NDArray

from ..errors import ParameterError
from .arrow_values import plain
from .values import Place

__all__ = [
    "DTYPES",
    "LabelDtype",
    "LabelKind",
    "check_label_dtype",
    "guess",
    "numbers_or_null",
    "read_labels",
]

LabelKind = Literal["bool", "int64", "float64", "string"]
LabelDtype = Literal["auto", "bool", "int64", "float64", "string"]

DTYPES: dict[LabelKind, np.dtype[Any]] = {
    "bool": np.dtype(np.bool_),
    "int64": np.dtype(np.int64),
    "float64": np.dtype(np.float64),
    "string": np.dtype(object),
}
_WHOLE = r"^[+-]?[0-9]+$"
_FINITE = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_BOOLEAN = r"^(?i:true|false)$"
_MEANING = {"bool": "true or false", "int64": "a whole number", "float64": "a number"}


def check_label_dtype(label_dtype: str) -> None:
    """Refuse an unknown setting."""
    if label_dtype != "auto" and label_dtype not in DTYPES:
        raise ParameterError(
            f"label_dtype={label_dtype!r} was given; expected 'auto', 'bool', 'int64', 'float64' or 'string'."
        )


def guess(texts: Any) -> LabelKind:
    """The narrowest kind that takes all of these texts."""
    trimmed = compute.ascii_trim_whitespace(texts)
    kinds: tuple[tuple[LabelKind, str], ...] = (("int64", _WHOLE), ("float64", _FINITE), ("bool", _BOOLEAN))
    for kind, pattern in kinds:
        if compute.all(compute.match_substring_regex(trimmed, pattern), min_count=1).as_py():
            return kind
    return "string"


def read_labels(texts: Any, kind: LabelKind, place: Place, column: int, *, may_widen: bool) -> NDArray[Any]:
    """Texts as labels of a kind; with ``may_widen``, whole numbers become float64 when they must.

    Raises
    ------
    DataError
        An empty cell, a text that is not of the kind, or a number beyond its range.
    """
    trimmed = compute.ascii_trim_whitespace(texts)
    empty = compute.match_substring_regex(trimmed, "^$")
    if compute.any(empty).as_py():
        raise place.error(
            "no label",
            "a label in every row",
            "Drop the rows without a label.",
            row=_first(empty),
            column=column,
        )
    if kind == "string":
        return plain(texts)
    if kind == "int64" and may_widen and not _all(trimmed, _WHOLE) and _all(trimmed, _FINITE):
        kind = "float64"
    pattern = {"bool": _BOOLEAN, "int64": _WHOLE, "float64": _FINITE}[kind]
    wrong = compute.invert(compute.match_substring_regex(trimmed, pattern))
    if compute.any(wrong).as_py():
        row = _first(wrong)
        why = "The first labels were such" if may_widen else f"label_dtype={kind!r} was asked for"
        advice = f"{why}; if this label is right, pass label_dtype='string'."
        meaning = _MEANING["float64" if may_widen and kind == "int64" else kind]
        raise place.error(f"the label {_shown(texts[row])}", meaning, advice, row=row, column=column)
    if kind == "bool":
        return plain(compute.match_substring_regex(trimmed, r"^(?i:true)$"))
    trimmed = compute.replace_substring_regex(trimmed, r"^\+", "")
    if kind == "int64":
        return _whole(trimmed, place, column)
    if may_widen:
        _refuse_rounded(trimmed, place, column)
    numbers = plain(trimmed.cast(pa.float64()))
    beyond = np.flatnonzero(np.isinf(numbers))
    if beyond.size:
        row = int(beyond[0])
        raise place.error(
            f"the label {_shown(texts[row])}", "a number within float64's range", row=row, column=column
        )
    return numbers


def numbers_or_null(texts: Any, missing: tuple[str, ...]) -> Any:
    """Trimmed texts as float64, those among ``missing`` as null; raises ArrowInvalid for other texts."""
    trimmed = compute.ascii_trim_whitespace(texts)
    marks = compute.is_in(trimmed, value_set=pa.array(missing, pa.string()))
    return compute.if_else(marks, pa.scalar(None, pa.string()), trimmed).cast(pa.float64())


def _whole(trimmed: Any, place: Place, column: int) -> NDArray[np.int64]:
    try:
        return plain(trimmed.cast(pa.int64()))
    except pa.ArrowInvalid as error:
        row = next(i for i, text in enumerate(trimmed) if not -(2**63) <= _integer(text) < 2**63)
        raise place.error(
            f"the label {_shown(trimmed[row])}",
            "a whole number that fits 64 bits",
            "Pass label_dtype='string' to keep it exactly, or 'float64' to round it.",
            row=row,
            column=column,
        ) from error


def _refuse_rounded(trimmed: Any, place: Place, column: int) -> None:
    """Whole numbers among fractions must be exact as float64."""
    long = compute.indices_nonzero(compute.match_substring_regex(trimmed, r"^-?[0-9]{16,}$"))
    for row in long.to_pylist():
        text = trimmed[row].as_py()
        if len(text) > 400 or int(text) != float(text):
            raise place.error(
                f"the label {_shown(trimmed[row])} among fractions, beyond 2**53 where a float64 holds every "
                "whole number",
                "a number that a float64 holds exactly",
                "Pass label_dtype='string' to keep it exactly, or 'float64' to round it.",
                row=row,
                column=column,
            )


def _integer(text: Any) -> int:
    digits = text.as_py().lstrip("+-0")
    return 2**64 if len(digits) > 19 else int(text.as_py())


def _all(texts: Any, pattern: str) -> bool:
    return bool(compute.all(compute.match_substring_regex(texts, pattern), min_count=0).as_py())


def _first(mask: Any) -> int:
    return int(compute.indices_nonzero(mask)[0].as_py())


def _shown(text: Any) -> str:
    value = text.as_py()
    return repr(value if len(value) <= 60 else value[:57] + "...")
