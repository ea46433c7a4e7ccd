# SPDX-License-Identifier: Apache-2.0
"""Request bodies of every content type to rows, checked as the estimators check theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import decode_recordio
from ..errors import DataError, MissingExtraError
from .decode_csv import csv_rows
from .decode_json import instances, json_lines
from .decode_npy import npy_rows
from .media import JSON, JSON_LINES, RECORDIO
from .messages import RequestError
from .served import ServedModel

__all__ = ["check_finite", "check_rows", "decode"]

_NPY = {"application/x-npy"}
_JSON_LINES = {JSON_LINES, "application/x-jsonlines", "application/jsonl"}


def decode(kind: str, parameters: dict[str, str], body: bytes, served: ServedModel) -> NDArray[Any]:
    """Rows of a body of this content type, float32 or float64, finite, as wide as the model asks."""
    if kind == JSON:
        rows = instances(body, served.n_features)
    elif kind in _JSON_LINES:
        rows = json_lines(body, served.n_features)
    elif kind == "text/csv":
        rows = csv_rows(body, served.n_features, parameters)
    elif kind == RECORDIO:
        return _records(body, served)
    elif kind in _NPY:
        rows = npy_rows(body, served.n_features)
        check_finite(rows)
        return rows
    else:
        raise RequestError(
            415,
            f"The Content-Type must be text/csv, {JSON}, {JSON_LINES}, {RECORDIO} or application/x-npy.",
            field="content-type",
        )
    return check_rows(rows, served)


def _records(body: bytes, served: ServedModel) -> NDArray[Any]:
    dtype = "float32" if served.text_dtype is np.float32 else None
    try:
        rows: NDArray[Any] = decode_recordio(
            body, n_features=served.n_features, dtype=dtype, name="The body"
        ).features
    except MissingExtraError as error:
        raise RequestError(415, str(error), field="content-type") from None
    except DataError as error:
        column = None if error.column is None else f"column {error.column}"
        raise RequestError(400, str(error), field=column, row=error.row) from None
    return rows if len(rows) else np.empty((0, served.n_features), dtype=served.text_dtype)


def check_finite(rows: NDArray[Any]) -> None:
    """Refuse NaN and infinity, naming the first."""
    if np.isfinite(rows).all():
        return
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


def check_rows(rows: NDArray[Any], served: ServedModel) -> NDArray[Any]:
    """Rows read from text: finite, and as the model's rows are, float32 or float64."""
    check_finite(rows)
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
