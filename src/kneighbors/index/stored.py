# SPDX-License-Identifier: Apache-2.0
"""Rows as the named arrays of a model file, and back: dense, or the three parts of a CSR matrix.

Arrays that come back may be memory-mapped and read-only. Nothing in them is believed: sizes, bounds and order
are checked before they are used as places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError
from . import checks
from .base import Ids

__all__ = ["ids_from", "rows_from", "sections_of"]

_PARTS = ("data", "indices", "indptr")


def sections_of(rows: Any, ids: Ids | None) -> dict[str, Any]:
    """Named arrays for the rows and, where they are not 0..n-1, their ids."""
    if isinstance(rows, np.ndarray):
        sections: dict[str, Any] = {"rows": rows}
    else:
        sections = {f"rows_{part}": getattr(rows, part) for part in _PARTS}
    return sections if ids is None else {**sections, "ids": ids}


def rows_from(sections: dict[str, Any], n_columns: int) -> Any:
    """The rows that ``sections_of`` took apart: an array, or a CSR matrix, with ``n_columns`` columns."""
    if "rows" in sections:
        return checks.check_matrix(sections["rows"], "The section 'rows'", n_columns)
    from scipy.sparse import csr_matrix

    data, indices, indptr = (np.asarray(sections[f"rows_{part}"]) for part in _PARTS)
    if data.ndim != 1 or indices.shape != data.shape or indptr.ndim != 1 or indptr.size == 0:
        raise DataError("The stored sparse rows do not fit together: their parts disagree in size.")
    if data.dtype not in (np.float32, np.float64) or indices.dtype.kind != "i" or indptr.dtype.kind != "i":
        raise DataError("The stored sparse rows must be floats with integer places.")
    if indptr[0] != 0 or indptr[-1] != data.size or (indptr[1:] < indptr[:-1]).any():
        raise DataError(
            "The stored sparse rows are broken: 'indptr' does not ascend from 0 to the last entry."
        )
    if indices.size and (indices.min() < 0 or indices.max() >= n_columns):
        raise DataError(f"The stored sparse rows name a column outside 0..{n_columns - 1}.")
    return csr_matrix((data, indices, indptr), shape=(indptr.size - 1, n_columns), copy=False)


def ids_from(sections: dict[str, Any], n_rows: int | None, next_id: int) -> Ids | None:
    """The stored ids, or None for 0..n_rows-1. They must ascend and end before ``next_id``."""
    if "ids" not in sections:
        if next_id != n_rows:
            raise DataError(f"{n_rows} rows without stored ids must count up to next_id, which is {next_id}.")
        return None
    ids: Ids = np.asarray(sections["ids"])
    expected = ids.shape if n_rows is None else (n_rows,)
    if ids.dtype != np.int64 or ids.ndim != 1 or ids.shape != expected:
        raise DataError(
            f"The stored ids are {ids.dtype} of shape {ids.shape}; int64 of {expected} is expected."
        )
    if ids.size and (ids[0] < 0 or ids[-1] >= next_id or (ids[1:] <= ids[:-1]).any()):
        raise DataError(f"The stored ids must ascend from 0 or more to less than {next_id}; they do not.")
    return ids
