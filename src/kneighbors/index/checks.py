# SPDX-License-Identifier: Apache-2.0
"""What every index asks of the values it is given; shared by the indexes, known nowhere else."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from ..errors import DataError, DataTypeError, ParameterError, ParameterTypeError
from .base import Ids, Rows

__all__ = [
    "check_finite",
    "check_matrix",
    "check_n_neighbors",
    "check_radius",
    "check_removed",
    "positions_of",
    "require_fitted",
]


def check_matrix(array: Any, what: str, n_columns: int | None = None) -> Rows:
    """A two-dimensional, C-contiguous float32 or float64 array: the array itself where it is that already."""
    if not isinstance(array, np.ndarray):
        raise DataTypeError(
            f"{what} must be a NumPy array here, not {type(array).__name__}; convert it first."
        )
    if array.dtype not in (np.float32, np.float64) or not array.dtype.isnative:
        raise DataTypeError(f"{what} must be float32 or float64 in native byte order, not {array.dtype}.")
    if array.ndim != 2:
        raise DataError(f"{what} must have two dimensions (rows, columns); its shape is {array.shape}.")
    if array.shape[1] == 0:
        raise DataError(f"{what} has no columns: shape {array.shape}. At least one is needed.")
    if n_columns is not None and array.shape[1] != n_columns:
        raise DataError(f"{what} has {array.shape[1]} columns; this index holds rows of {n_columns}.")
    return np.require(np.asarray(array), requirements=["C", "A"])


def check_finite(array: Rows, what: str, *, allow_nan: bool = False) -> None:
    """Refuse NaN and infinity before any state changes."""
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(array.sum()):  # one quick pass: a sum carries NaN and infinity on (and may overflow)
            return
    wrong = np.isinf(array) if allow_nan else ~np.isfinite(array)
    places = np.argwhere(wrong)
    if places.shape[0] == 0:
        return
    row, column = (int(place) for place in places[0])
    raise DataError(
        f"{what} holds {array[row, column]} at row {row}, column {column} ({places.shape[0]} such values); "
        "every value must be finite. Drop or impute them first.",
        row=row,
        column=column,
    )


def check_n_neighbors(k: Any, n_rows: int, n_queries: int, *, excludes: bool) -> int:
    """``k`` as an int that the rows can answer; never fewer neighbours, never a placeholder id."""
    if isinstance(k, (bool, np.bool_)):
        raise ParameterTypeError(f"n_neighbors does not take {type(k)} value, enter integer value")
    try:
        count = operator.index(k)
    except TypeError:
        raise ParameterTypeError(f"n_neighbors does not take {type(k)} value, enter integer value") from None
    if count < 1:
        raise ParameterError(f"Expected n_neighbors > 0. Got {count}")
    if n_rows == 0:
        raise ParameterError(
            f"n_neighbors = {count}, but the index holds no rows (n_samples_fit = 0): add rows first."
        )
    if count > n_rows - excludes:
        sign, why = ("<", " (one is left out)") if excludes else ("<=", "")
        raise ParameterError(
            f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {count}, "
            f"n_samples_fit = {n_rows}, n_samples = {n_queries}: {n_rows - excludes} rows may answer{why}. "
            "Ask for fewer or add rows."
        )
    return count


def check_radius(radius: Any, n_rows: int) -> float:
    """``radius`` as a float; NaN has no meaning. An index without rows refuses, as it does for ``k``."""
    if isinstance(radius, (bool, np.bool_, str)) or not np.isscalar(radius):
        raise ParameterTypeError(f"radius must be a number, not {type(radius).__name__}.")
    value = float(radius)  # type: ignore[arg-type]
    if np.isnan(value):
        raise ParameterError("radius is NaN; a number is expected (infinity takes every row).")
    if n_rows == 0:
        raise ParameterError(f"radius = {value}, but the index holds no rows: add rows first.")
    return value


def positions_of(ids: Any, held: Ids | None, n_rows: int, n_queries: int) -> Ids | None:
    """Places of the excluded ids among the rows held, -1 where there is none; None where nothing is excluded.

    ``held`` is the ascending ids of the rows, or None for 0..n_rows-1.
    """
    if ids is None:
        return None
    wanted = np.ascontiguousarray(ids)
    if wanted.dtype.kind not in "iu" or wanted.shape != (n_queries,):
        raise DataError(
            f"exclude must hold one integer id per query, shape ({n_queries},); it is {wanted.dtype} of "
            f"shape {wanted.shape}."
        )
    wanted = wanted.astype(np.int64, copy=False)
    if held is None:
        places = np.where((wanted >= 0) & (wanted < n_rows), wanted, -1)
    else:
        places = np.searchsorted(held, wanted)
        found = places < n_rows
        found[found] = held[places[found]] == wanted[found]
        places = np.where(found, places, -1)
    return places if (places >= 0).any() else None


def check_removed(ids: Any, held: Ids | None, n_rows: int) -> NDArray[np.int64]:
    """Places of the ids to remove, ascending; an id that is not held is refused by name."""
    wanted = np.unique(np.atleast_1d(np.asarray(ids)))
    if wanted.size == 0:
        return np.empty(0, dtype=np.int64)
    if wanted.dtype.kind not in "iu":
        raise DataTypeError(f"ids must be integers, not {wanted.dtype}.")
    own = np.arange(n_rows) if held is None else held
    absent = wanted[~np.isin(wanted, own)]
    if absent.size:
        raise ParameterError(
            f"id {absent[0]} is not held by this index ({absent.size} such): it was removed, or never given. "
            "Nothing was removed."
        )
    return np.searchsorted(own, wanted).astype(np.int64)


def require_fitted(index: object, fitted: bool) -> None:
    """scikit-learn's own error for a question before ``fit``."""
    if not fitted:
        raise NotFittedError(f"This {type(index).__name__} holds nothing yet: call fit with rows first.")
