# SPDX-License-Identifier: Apache-2.0
"""Request bodies of every content type to rows, checked as the estimators check theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .decode_json import instances, json_lines
from .media import JSON, JSON_LINES
from .messages import RequestError
from .served import ServedModel

__all__ = ["check_rows", "decode"]

_JSON_LINES = {JSON_LINES, "application/x-jsonlines", "application/jsonl"}


def decode(kind: str, parameters: dict[str, str], body: bytes, served: ServedModel) -> NDArray[Any]:
    """Rows of a body of this content type, float32 or float64, finite, as wide as the model asks."""
    if kind == JSON:
        rows = instances(body, served.n_features)
    elif kind in _JSON_LINES:
        rows = json_lines(body, served.n_features)
    else:
        raise RequestError(
            415,
            f"Bodies are taken as {JSON} or {JSON_LINES}; the Content-Type says which.",
            field="content-type",
        )
    return check_rows(rows, served)


def check_rows(rows: NDArray[Any], served: ServedModel) -> NDArray[Any]:
    """Rows read from text: finite, and as the model's rows are, float32 or float64."""
    if not np.isfinite(rows).all():
        wrong = ~np.isfinite(rows)
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        what = "NaN" if np.isnan(rows[row, column]) else "infinity"
        raise RequestError(
            400,
            f"Row {row}, column {column} is {what}; {int(wrong.sum())} values are not finite. Fill them in, "
            "or leave the rows out.",
            field=f"column {column}",
            row=row,
        )
    dtype = served.text_dtype
    if rows.dtype == dtype:
        return rows
    with np.errstate(over="ignore"):
        narrow = rows.astype(dtype)
    if dtype is np.float32 and not np.isfinite(narrow).all():
        row, column = (int(place) for place in np.argwhere(~np.isfinite(narrow))[0])
        raise RequestError(
            400,
            f"Row {row}, column {column} is {rows[row, column]:.6g}, beyond float32, the type of "
            "the model's rows.",
            field=f"column {column}",
            row=row,
        )
    return narrow
