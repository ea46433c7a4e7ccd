# SPDX-License-Identifier: Apache-2.0
"""What every index asks of the values it is given; shared by the indexes, known nowhere else."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from ..errors import DataError, DataTypeError, ParameterError, ParameterTypeError
from .base import Distances, Ids, Rows

__all__ = [
    "allowed_places",
    "among_ids",
    "among_mask",
    "check_excluded",
    "check_finite",
    "check_matrix",
    "check_n_neighbors",
    "check_radius",
    "check_removed",
    "places_of",
    "positions_of",
    "refuse_absent",
    "removed_ids",
    "require_fitted",
    "trace_of_one_cell",
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


def check_n_neighbors(
    k: Any, n_rows: int, n_queries: int, *, excludes: bool, n_allowed: int | None = None
) -> int:
    """``k`` as an int that the rows can answer; never fewer neighbours, never a placeholder id.

    ``n_allowed`` counts the rows that ``among`` lets answer; ``excludes`` says that some query leaves one of
    them out.
    """
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
    if n_allowed is not None and count > n_allowed - excludes:
        less = " (one of them is left out)" if excludes else ""
        raise ParameterError(
            f"n_neighbors = {count}, but `among` lets only {n_allowed} of the {n_rows} rows answer{less}. "
            "Ask for fewer neighbours or allow more rows."
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
    places = places_of(check_excluded(ids, n_queries), held, n_rows)
    return places if (places >= 0).any() else None


def check_excluded(ids: Any, n_queries: int) -> Ids:
    """One integer id per query, none of which need be held."""
    wanted = np.ascontiguousarray(ids)
    if wanted.dtype.kind not in "iu" or wanted.shape != (n_queries,):
        raise DataError(
            f"exclude must hold one integer id per query, shape ({n_queries},); it is {wanted.dtype} of "
            f"shape {wanted.shape}."
        )
    return wanted.astype(np.int64, copy=False)


def check_removed(ids: Any, held: Ids | None, n_rows: int) -> NDArray[np.int64]:
    """Places of the ids to remove, ascending; an id that is not held, or named twice, is refused by name."""
    wanted = removed_ids(ids)
    places = places_of(wanted, held, n_rows)
    refuse_absent(wanted[places < 0])
    return places


def removed_ids(ids: Any) -> Ids:
    """The ids to remove, ascending, each named once."""
    wanted = np.atleast_1d(np.asarray(ids))
    if wanted.size == 0:
        return np.empty(0, dtype=np.int64)
    if wanted.dtype.kind not in "iu" or wanted.ndim != 1:
        raise DataTypeError(
            f"ids must be integers in one dimension, not {wanted.dtype} of shape {wanted.shape}."
        )
    once, counts = np.unique(wanted, return_counts=True)
    if once.size < wanted.size:
        raise ParameterError(
            f"id {once[counts > 1][0]} is named {counts[counts > 1][0]} times: name each row once. "
            "Nothing was removed."
        )
    refuse_absent(once[once > np.iinfo(np.int64).max])
    return once.astype(np.int64)


def refuse_absent(absent: NDArray[Any]) -> None:
    """Refuse a removal that names these ids."""
    if absent.size:
        raise ParameterError(
            f"id {absent[0]} is not held by this index ({absent.size} such): it was removed, or never given. "
            "Nothing was removed."
        )


def places_of(wanted: Ids, held: Ids | None, n_rows: int) -> Ids:
    """Places of ids among the rows, -1 where there is none; ``held`` is ascending, None for 0..n_rows-1."""
    if held is None:
        return np.where((wanted >= 0) & (wanted < n_rows), wanted, -1)
    places = np.searchsorted(held, wanted)
    found = places < n_rows
    found[found] = held[places[found]] == wanted[found]
    return np.where(found, places, -1)


def among_mask(among: Any, next_id: int) -> NDArray[np.bool_]:
    """``among`` as booleans of shape (next_id,), one for each id ever given."""
    chosen = _among(among, next_id)
    if chosen.dtype == np.bool_:
        return chosen
    mask = np.zeros(next_id, dtype=np.bool_)
    mask[chosen] = True
    return mask


def among_ids(among: Any, next_id: int) -> Ids:
    """``among`` as ids, ascending, each once; they may name rows that were removed."""
    chosen = _among(among, next_id)
    return (np.flatnonzero(chosen) if chosen.dtype == np.bool_ else np.unique(chosen)).astype(np.int64)


def allowed_places(among: Any, held: Ids | None, n_rows: int, next_id: int) -> Ids | None:
    """Places, ascending, of the rows that ``among`` lets answer; None where it does not choose."""
    if among is None:
        return None
    places = places_of(among_ids(among, next_id), held, n_rows)
    return places[places >= 0]


def _among(among: Any, next_id: int) -> NDArray[Any]:
    chosen = np.asarray(among)
    if chosen.dtype == np.bool_:
        if chosen.shape != (next_id,):
            raise DataError(
                f"among is a mask of shape {chosen.shape}; ({next_id},) is expected, one boolean for each id "
                "ever given. Give ids instead to name a few rows."
            )
        return chosen
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise DataTypeError(
            f"among must hold booleans or integer ids in one dimension; it is {chosen.dtype} of shape "
            f"{chosen.shape}."
        )
    if chosen.size == 0:
        return np.empty(0, dtype=np.int64)
    lowest, highest = int(chosen.min()), int(chosen.max())
    if lowest < 0 or highest >= next_id:
        wrong = lowest if lowest < 0 else highest
        raise ParameterError(
            f"among names id {wrong}, which was never given: ids go from 0 to {next_id - 1}. For a mask, "
            "give booleans."
        )
    return chosen


def require_fitted(index: object, fitted: bool) -> None:
    """scikit-learn's own error for a question before ``fit``."""
    if not fitted:
        raise NotFittedError(f"This {type(index).__name__} holds nothing yet: call fit with rows first.")


def trace_of_one_cell(distances: Distances, ids: Ids, *, counted: int, exact: int) -> dict[str, Any]:
    """What ``Index.trace`` answers where all rows are in one cell."""
    return {
        "k": int(ids.shape[1]),
        "distances": distances[0].tolist(),
        "ids": ids[0].tolist(),
        "cells": [0],
        "cells_visited": 1,
        "n_cells": 1,
        "nodes": [],
        "nodes_visited": 0,
        "distances_counted": counted,
        "distances_exact": exact,
    }
