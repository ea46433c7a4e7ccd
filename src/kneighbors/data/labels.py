# SPDX-License-Identifier: Apache-2.0
"""Labels: numbers, booleans or text, kept exact.

Inside kneighbors labels are bool, int64, float32, float64 or text. Whole numbers stay whole numbers: nothing
goes through a float, so int64 labels are exact to the last bit.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError
from .values import Place

__all__ = ["as_labels", "join_labels"]

EXPECTED = "labels that are numbers, booleans or text, all of one kind"
_INT64_MAX = 2**63 - 1
_EXACT_IN_FLOAT64 = 2**53


def as_labels(values: Any, place: Place, *, column: int | None = None) -> NDArray[Any]:
    """Labels of one of the kinds above, from an array of shape (n,) or (n, n_labels).

    Raises
    ------
    DataTypeError
        Mixed or other types.
    DataError
        A missing label, NaN, infinity, or a whole number beyond int64.
    """
    array = np.asarray(values)
    if array.ndim not in (1, 2):
        raise place.error(f"labels of shape {array.shape}", "labels of shape (n,) or (n, n_labels)")
    kind = array.dtype.kind
    if kind == "O":
        return _from_objects(array, place, column)
    if kind == "b" or kind == "U":
        return array
    if kind == "i":
        return array.astype(np.int64, copy=False)
    if kind == "u":
        beyond = array > _INT64_MAX
        if beyond.any():
            row = int(np.argwhere(beyond)[0][0])
            raise place.error(
                f"label {array[row]}",
                "whole numbers that fit a signed 64-bit integer",
                row=row,
                column=column,
            )
        return array.astype(np.int64)
    if kind == "f" and array.dtype.itemsize <= 8:
        check_finite_labels(array, place, column)
        return array.astype(np.float64 if array.dtype.itemsize == 8 else np.float32, copy=False)
    raise place.error(
        f"labels of dtype {array.dtype}", EXPECTED, "Convert them first.", column=column, kind=DataTypeError
    )


def check_finite_labels(array: NDArray[Any], place: Place, column: int | None) -> None:
    """Refuse NaN and infinity among labels."""
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        value = float(array[tuple(np.argwhere(bad)[0])])
        raise place.error(
            f"the label {place.value_text(row, column, value)} ({int(bad.sum())} such)",
            "finite labels",
            "Drop the rows without a label.",
            row=row,
            column=column,
        )


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "booleans"
    if isinstance(value, numbers.Integral):
        return "whole numbers"
    if isinstance(value, numbers.Real):
        return "missing" if value != value else "fractional numbers"
    # pandas' NA and NaT are singletons of their own types and cannot be named without importing pandas
    return (
        "missing" if value is None or type(value).__name__ in ("NAType", "NaTType") else type(value).__name__
    )


def _from_objects(array: NDArray[Any], place: Place, column: int | None) -> NDArray[Any]:
    """Labels from an object array, all of whose entries must be of one kind."""
    flat = array.ravel()
    first = _kind(flat[0]) if flat.size else "text"
    width = 1 if array.ndim == 1 else max(1, array.shape[1])
    for position, value in enumerate(flat):
        kind = _kind(value)
        row = position // width
        if kind == "missing":
            raise place.error("no label", EXPECTED, "Drop the rows without a label.", row=row, column=column)
        if kind != first:
            raise place.error(
                f"the label {value!r} ({kind}) after {first} such as {flat[0]!r}",
                EXPECTED,
                "Make them one kind, for instance with astype(str).",
                row=row,
                column=column,
                kind=DataTypeError,
            )
    if first == "text":
        return array
    if first == "booleans":
        return array.astype(np.bool_)
    if first == "whole numbers":
        beyond = next(
            (i for i, value in enumerate(flat) if not -_INT64_MAX - 1 <= int(value) <= _INT64_MAX), None
        )
        if beyond is not None:
            raise place.error(
                f"label {flat[beyond]}",
                "whole numbers that fit a signed 64-bit integer",
                row=beyond // width,
                column=column,
            )
        return array.astype(np.int64)
    if first == "fractional numbers":
        values = array.astype(np.float64)
        check_finite_labels(values, place, column)
        return values
    raise place.error(f"labels of type {first}", EXPECTED, row=0, column=column, kind=DataTypeError)


def join_labels(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    """One array from several, in order, losing nothing.

    Pieces of one kind are joined as they are. Whole numbers and fractions join as float64 when every whole
    number is exact there. Anything else is refused.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.data import join_labels
    >>> join_labels([np.array([1, 2]), np.array([2.5])])
    array([1. , 2. , 2.5])
    """
    filled = [piece for piece in pieces if piece.size] or pieces
    kinds = {piece.dtype.kind for piece in filled}
    if kinds <= {"O", "U"} and len(kinds) == 2:
        return np.concatenate([piece.astype(object) for piece in filled])
    if len(kinds) == 1:
        return np.concatenate(filled)
    if kinds == {"i", "f"}:
        for piece in filled:
            if piece.dtype.kind == "i" and ((piece > _EXACT_IN_FLOAT64) | (piece < -_EXACT_IN_FLOAT64)).any():
                raise DataError(
                    "Labels: found whole numbers beyond 2**53 together with fractions; expected labels of "
                    "one kind, or whole numbers that a float64 holds exactly. Read them as text "
                    "(label_dtype='string')."
                )
        return np.concatenate([piece.astype(np.float64) for piece in filled])
    names = sorted({"b": "booleans", "i": "numbers", "f": "numbers"}.get(kind, "text") for kind in kinds)
    raise DataTypeError(f"Labels: found {' and '.join(names)}; expected {EXPECTED}.")
