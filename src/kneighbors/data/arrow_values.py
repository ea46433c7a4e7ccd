# SPDX-License-Identifier: Apache-2.0
"""Arrow columns as float matrices and as labels.

Tables of every kind (Arrow, polars, pandas, Parquet) pass through here, one slice of rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
from numpy.typing import NDArray

from ..errors import DataTypeError
from .labels import EXPECTED, as_labels
from .values import FLOAT32, FLOAT64, FloatRows, Place, check_finite, common_float, to_dtype

__all__ = ["feature_matrix", "feature_type", "label_dtype", "label_values", "plain"]


def feature_type(kind: Any, place: Place, column: int) -> np.dtype[Any]:
    """float32 or float64 for an Arrow type, by the dtype rule; raises DataTypeError for what is no number."""
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return FLOAT32
    if pa.types.is_float64(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return FLOAT64
    raise place.error(
        f"a column of type {kind}",
        "numbers: float16, float32, float64, integers or booleans",
        "Convert it to numbers first, or leave it out with columns=[...].",
        column=column,
        kind=DataTypeError,
    )


def feature_matrix(
    columns: Sequence[Any],
    positions: tuple[int, ...],
    dtype: np.dtype[Any] | None,
    place: Place,
    *,
    allow_nan: bool,
) -> FloatRows:
    """Columns of equal length as a C-contiguous matrix, checked; ``dtype`` None takes the dtype rule."""
    natural = common_float(
        feature_type(column.type, place, position)
        for column, position in zip(columns, positions, strict=True)
    )
    values = np.empty((len(columns[0]), len(columns)), dtype=natural)
    for target, (column, position) in enumerate(zip(columns, positions, strict=True)):
        if column.null_count and not allow_nan:
            row = int(compute.index(compute.is_null(column), pa.scalar(True)).as_py())
            raise place.error(
                f"a missing value ({column.null_count} in this column of a block of {len(column)} rows)",
                "finite numbers",
                "Fill in or drop such rows, or pass allow_nan=True for a metric that takes missing values "
                "(nan_euclidean).",
                row=row,
                column=position,
            )
        values[:, target] = plain(column)
    check_finite(values, place, positions, allow_nan=allow_nan)
    return to_dtype(values, dtype or natural, place, positions)


def label_dtype(kind: Any, place: Place, column: int | None) -> np.dtype[Any]:
    """The dtype that labels of an Arrow type will have; raises DataTypeError for what is no label."""
    if pa.types.is_dictionary(kind):
        return label_dtype(kind.value_type, place, column)
    if pa.types.is_boolean(kind):
        return np.dtype(np.bool_)
    if pa.types.is_integer(kind):
        return np.dtype(np.int64)
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return FLOAT32
    if pa.types.is_float64(kind):
        return FLOAT64
    if is_text(kind):
        return np.dtype(object)
    raise place.error(
        f"labels of type {kind}", EXPECTED, "Convert them first.", column=column, kind=DataTypeError
    )


def label_values(column: Any, place: Place, position: int | None) -> NDArray[Any]:
    """An Arrow column as labels; text comes as an object array of ``str``."""
    label_dtype(column.type, place, position)
    if column.null_count:
        row = int(compute.index(compute.is_null(column), pa.scalar(True)).as_py())
        raise place.error(
            f"no label ({column.null_count} such in this block of {len(column)} rows)",
            EXPECTED,
            "Drop the rows without a label.",
            row=row,
            column=position,
        )
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return as_labels(plain(column), place, column=position)


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def plain(column: Any) -> NDArray[Any]:
    """An Arrow column as a NumPy array; text as an object array of ``str``, missing numbers as NaN.

    Arrow's own ``to_numpy`` imports pandas where that is installed, for some 45 MB and a third of a second;
    so it is left to columns with missing values.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if is_text(column.type):
        texts = np.empty(len(column), dtype=object)
        texts[:] = column.to_pylist()
        return texts
    if pa.types.is_boolean(column.type):
        if column.null_count == 0:
            return plain(column.cast(pa.uint8())).astype(np.bool_)
        column = column.cast(pa.uint8())
    if column.null_count == 0:
        return np.from_dlpack(column)
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values
