# SPDX-License-Identifier: Apache-2.0
"""The dtype rule, the checks on numbers, and the one form in which a value is refused.

float16 and float32 are taken as float32; float64, integers and booleans as float64. Asking for float32 is the
only way to narrow, and then a finite number beyond float32's range is refused rather than turned into
infinity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import DataError, DataTypeError, ParameterError

__all__ = ["FloatRows", "Place", "check_finite", "common_float", "float_dtype", "requested_dtype", "to_dtype"]

FloatRows = NDArray[np.float32] | NDArray[np.float64]

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)

_KINDS = {
    "O": "Python objects",
    "U": "text",
    "S": "bytes",
    "c": "complex numbers",
    "M": "dates",
    "m": "time spans",
}


class Place:
    """Where a value stands, in the words of its source.

    Parameters
    ----------
    source : str
        What messages call the source: a file's path, "array", "data frame".
    names : tuple of str or None
        Names of all columns of the source.
    first_row : int, default=0
        Row number, within the source, of row 0 of the block at hand.
    """

    def __init__(self, source: str, names: tuple[str, ...] | None = None, first_row: int = 0) -> None:
        self.source = source
        self.names = names
        self.first_row = first_row

    def row_text(self, row: int) -> str:
        """How a message names a row of the block at hand."""
        return f"row {self.first_row + row}"

    def column_text(self, column: int) -> str:
        """How a message names a column of the source."""
        if self.names is not None:
            return f"column {self.names[column]!r}"
        return f"column {column} (counting from 0)"

    def value_text(self, row: int, column: int | None, value: float) -> str:
        """How a message shows a number that is not finite."""
        return "NaN" if np.isnan(value) else ("infinity" if value > 0 else "-infinity")

    def error(
        self,
        found: str,
        expected: str,
        advice: str = "",
        *,
        row: int | None = None,
        column: int | None = None,
        kind: type[DataError] = DataError,
    ) -> DataError:
        """The refusal of one value, row or column; ``row`` counts within the block at hand."""
        place = [self.source]
        if row is not None:
            place.append(self.row_text(row))
        if column is not None:
            place.append(self.column_text(column))
        text = f"{', '.join(place)}: found {found}; expected {expected}." + (f" {advice}" if advice else "")
        return kind(text, row=None if row is None else self.first_row + row, column=column)


def float_dtype(dtype: np.dtype[Any], place: Place, *, column: int | None = None) -> np.dtype[Any]:
    """float32 or float64, by the dtype rule; raises DataTypeError for what is no number."""
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return FLOAT32 if dtype.itemsize <= 4 else FLOAT64
    if dtype.kind in "biu":
        return FLOAT64
    if dtype.kind == "f":
        found, advice = f"{dtype.name} numbers", "Convert with astype(numpy.float64)."
    else:
        found = f"{_KINDS.get(dtype.kind, 'values')} (dtype {dtype})"
        advice = "Convert them to numbers first, or leave the column out with columns=[...]."
    raise place.error(
        found,
        "numbers: float16, float32, float64, integers or booleans",
        advice,
        column=column,
        kind=DataTypeError,
    )


def common_float(dtypes: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """float32 when every column is, else float64."""
    return FLOAT32 if all(dtype == FLOAT32 for dtype in dtypes) else FLOAT64


def requested_dtype(dtype: DTypeLike | None) -> np.dtype[Any] | None:
    """The dtype that was asked for; float32, float64 or None."""
    if dtype is None:
        return None
    try:
        asked = np.dtype(dtype)
    except TypeError:
        asked = None
    if asked not in (FLOAT32, FLOAT64):
        raise ParameterError(
            f"dtype={dtype!r} was given; expected 'float32', 'float64' or None (the dtype rule)."
        )
    return asked


def to_dtype(values: NDArray[Any], dtype: np.dtype[Any], place: Place, columns: Sequence[int]) -> FloatRows:
    """The matrix in ``dtype``, C-contiguous and in native byte order.

    ``columns`` are the positions, in the source, of the matrix's columns. A finite value that ``dtype``
    cannot hold is refused.
    """
    with np.errstate(over="ignore"):
        result: FloatRows = np.ascontiguousarray(values, dtype=dtype)
    if dtype == FLOAT32 and values.dtype.kind in "fiu" and values.dtype.itemsize > 4:
        lost = np.isinf(result) & np.isfinite(values)
        if lost.any():
            row, column = (int(i) for i in np.argwhere(lost)[0])
            raise place.error(
                f"{values[row, column]!s} ({_how_many(lost)})",
                "numbers within float32's range, of magnitude up to 3.4028235e38",
                "Leave out dtype='float32' to compute in float64, or scale the column.",
                row=row,
                column=columns[column],
            )
    return result


def check_finite(values: FloatRows, place: Place, columns: Sequence[int], *, allow_nan: bool = False) -> None:
    """Refuse NaN (unless allowed) and infinity, naming row, column and count."""
    with np.errstate(over="ignore", invalid="ignore"):
        if not allow_nan and np.isfinite(values.sum(dtype=np.float64)):
            return  # one pass without a temporary; an overflowing sum only leads to the closer look
    bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    if not bad.any():
        return
    row, column = (int(i) for i in np.argwhere(bad)[0])
    shown = place.value_text(row, columns[column], float(values[row, column]))
    advice = "Fill in or drop such rows"
    if np.isnan(values[row, column]):
        advice += ", or pass allow_nan=True for a metric that takes missing values (nan_euclidean)"
    raise place.error(
        f"{shown} ({_how_many(bad)})", "finite numbers", advice + ".", row=row, column=columns[column]
    )


def _how_many(bad: NDArray[np.bool_]) -> str:
    count = int(bad.sum())
    rows = bad.shape[0]
    return f"{count} such value{'s' * (count > 1)} in this block of {rows} row{'s' * (rows > 1)}"
