# SPDX-License-Identifier: Apache-2.0
""".npy request bodies to rows: plain numbers only, no pickle, and nothing allocated that is not there."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .messages import RequestError

__all__ = ["as_rows", "npy_rows"]

_MOST_HEADER = 4096


def npy_rows(body: bytes, n_features: int) -> NDArray[Any]:
    """Rows of a two-dimensional array of numbers, float32 or float64, C-contiguous."""
    stream = io.BytesIO(body)
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError
        shape, fortran_order, dtype = read(stream, max_header_size=_MOST_HEADER)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise RequestError(400, "The body is no .npy array of format 1 or 2.", field="body") from None
    if dtype.hasobject or dtype.kind not in "biuf" or dtype.itemsize > 8 or dtype.subdtype is not None:
        raise RequestError(
            400,
            "The array's dtype must be a plain number: booleans, integers or floats of up to 64 bits.",
            field="dtype",
        )
    if len(shape) != 2 or any(not 0 <= length <= len(body) for length in shape):
        raise RequestError(400, "The array must have two dimensions: rows and features.", field="shape")
    if shape[1] != n_features:
        raise RequestError(
            400, f"The array has {shape[1]} columns; the model has {n_features} features.", field="shape"
        )
    content = body[stream.tell() :]
    if len(content) != shape[0] * shape[1] * dtype.itemsize:
        raise RequestError(400, "The body's length does not fit the array's shape and dtype.", field="shape")
    array = np.frombuffer(content, dtype=dtype)
    return as_rows(array.reshape(shape, order="F" if fortran_order else "C"))


def as_rows(array: NDArray[Any]) -> NDArray[Any]:
    """Numbers as the estimators take them: float16 and float32 as float32, everything else as float64."""
    dtype = np.float32 if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else np.float64
    return np.ascontiguousarray(array, dtype=dtype)
