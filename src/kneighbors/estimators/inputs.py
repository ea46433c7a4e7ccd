# SPDX-License-Identifier: Apache-2.0
"""What comes into an estimator: rows, queries, labels and weights, checked once.

scikit-learn's own validation does the shapes and the feature names, and its messages stand. Around it: text
is refused instead of parsed, NaN and infinity are named with row, column and count, and float16 and float32
become float32 while float64, integers and booleans become float64.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import _num_samples, check_array, validate_data

from ..errors import DataError, DataTypeError
from ..labels import Labels, check_discrete, encode_classes, encode_targets

__all__ = ["check_classes", "check_rows", "check_sample_weight", "check_targets"]

# Taken as they are and made native float32 or float64 afterwards; everything else becomes the first of these.
_DTYPES = [np.dtype(code) for code in ("=f8", "=f4", "=f2", ">f4", "<f4", ">f2", "<f2")]
_GRAPH_FORMATS = ("csr", "csc", "coo", "lil")


def check_rows(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Rows of ``fit`` (``reset=True``) or queries as a C-contiguous float32 or float64 matrix, or as CSR.

    Raises
    ------
    DataError
        Wrong shape, NaN or infinity, no rows to fit, negative precomputed distances.
    DataTypeError
        Text, objects, complex numbers or dates.
    """
    precomputed = estimator.metric == "precomputed"
    if not reset and _is_plain(estimator, X):
        _check_finite(X, allow_nan=estimator.metric == "nan_euclidean")
        return X
    if precomputed and issparse(X) and X.format not in _GRAPH_FORMATS:
        raise DataTypeError(
            f"Sparse matrix in {X.format!r} format is not supported due to its handling of explicit zeros. "
            "Convert the graph to CSR."
        )
    given = _refuse_text(_rows_of(X) if reset else X)
    rows = _as_rows(estimator, given, n_least=1 if reset else 0)
    _check_finite(rows, allow_nan=estimator.metric == "nan_euclidean")
    try:  # feature names and the number of columns, which only the input as it was given can tell
        validate_data(estimator, given, reset=reset, skip_check_array=True)
    except ValueError as error:
        raise DataError(str(error)) from error
    if precomputed:
        _check_distances(rows, square=reset)
    return rows


def _is_plain(estimator: Any, X: Any) -> bool:
    """Queries whose values alone need a look: for one query, the rest costs more than the search."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in (np.float32, np.float64)
        and X.flags.c_contiguous
        and X.flags.aligned
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
        and not (isinstance(estimator.metric, str) and estimator.metric == "precomputed")
    )


def _rows_of(X: Any) -> Any:
    """The rows inside a fitted neighbours estimator or a tree of scikit-learn's, which fit takes as well."""
    if type(X).__name__ in ("KDTree", "KDTree32", "BallTree", "BallTree32"):
        return np.asarray(X.data)
    return getattr(X, "_fit_X", X)


def _as_rows(estimator: Any, X: Any, n_least: int) -> Any:
    try:
        rows = check_array(
            X,
            accept_sparse="csr",
            dtype=_DTYPES,
            order="C",
            ensure_all_finite=False,
            ensure_min_samples=n_least,
            estimator=estimator,
            input_name="X",
        )
    except TypeError as error:
        raise DataTypeError(str(error)) from error
    except ValueError as error:
        kind = DataTypeError if str(error).startswith("Complex data") else DataError
        raise kind(str(error)) from error
    if rows.dtype.itemsize == 2:
        rows = rows.astype(np.float32)
    return rows if rows.dtype.isnative else rows.astype(rows.dtype.newbyteorder("="))


def check_classes(y: Any, n_rows: int, kept: NDArray[np.bool_] | None, stacklevel: int) -> Labels:
    """Class labels for ``n_rows`` rows; a single column given as a matrix is taken flat, with a warning."""
    _check_count(y, n_rows)
    labels = encode_classes(y, kept)
    if labels.outputs_2d and labels.n_outputs == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
            "(n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=stacklevel,
        )
        labels.outputs_2d = False
    check_discrete(labels)
    return labels


def check_targets(y: Any, n_rows: int, kept: NDArray[np.bool_] | None) -> Labels:
    """Numeric targets for ``n_rows`` rows."""
    _check_count(y, n_rows)
    return encode_targets(y, kept)


def check_sample_weight(sample_weight: Any, n_rows: int) -> NDArray[np.float64] | None:
    """One finite weight of 0 or more per row; a single number counts for every row.

    Raises
    ------
    DataError
        Another shape, a negative or infinite weight, or nothing but zeros.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.array(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataTypeError(f"sample_weight must hold numbers: {error}.") from error
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.shape != (n_rows,):
        raise DataError(
            f"sample_weight.shape == {weights.shape}, expected ({n_rows},): one weight for each row of X."
        )
    wrong = ~np.isfinite(weights) | (weights < 0.0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"sample_weight holds {weights[row]} at row {row} ({int(wrong.sum())} such). Weights must be "
            "finite and not negative; 0 leaves a row out.",
            row=row,
        )
    if not weights.any():
        raise DataError("Sample weights must contain at least one non-zero number; every weight is zero.")
    return weights


def _check_count(y: Any, n_rows: int) -> None:
    if y is None:
        raise DataError("This estimator requires y to be passed, but the target y is None.")
    try:
        n_labels = _num_samples(y)
    except TypeError as error:
        raise DataTypeError(f"y must hold one label per row: {error}") from error
    if n_labels != n_rows:
        raise DataError(
            f"Found input variables with inconsistent numbers of samples: X has {n_rows} rows, y has "
            f"{n_labels} labels. Give one label per row."
        )


def _refuse_text(X: Any) -> Any:
    """``X`` as it was given, or as an array where it was a list; text, dates and mixed rows are refused."""
    if issparse(X):
        _refuse_kind(X.dtype)
        return X
    if isinstance(X, (list, tuple)):
        _refuse_ragged(X)
        X = np.asarray(X)
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise DataError(
            f"X is a masked array with {int(np.sum(X.mask))} masked values, which have no "
            f"distance. Fill them in, "
            "or fill with NaN and use metric='nan_euclidean'."
        )
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype):
        _refuse_kind(dtype)
        if dtype.kind == "O" and isinstance(X, np.ndarray):
            _refuse_text_objects(X)
        return X
    if hasattr(X, "iloc"):  # a pandas frame: only columns that NumPy would read as objects can hold text
        for place, column_dtype in enumerate(getattr(X, "dtypes", ())):
            if isinstance(column_dtype, np.dtype):
                _refuse_kind(column_dtype)
            if getattr(column_dtype, "kind", "O") not in "biufc":
                _refuse_text_objects(
                    np.asarray(X.iloc[:, place], dtype=object).reshape(-1, 1), first_column=place
                )
        return X
    if hasattr(X, "__array__"):
        array = np.asarray(X)
        _refuse_kind(array.dtype)
        if array.dtype.kind == "O":
            _refuse_text_objects(array)
    return X


def _refuse_kind(dtype: np.dtype[Any]) -> None:
    names = {"U": "strings", "S": "bytes", "M": "dates", "m": "time spans", "V": "records"}
    if dtype.kind in names:
        raise DataTypeError(
            f"X holds {names[dtype.kind]} (dtype {dtype}); numbers are expected. Convert the columns, "
            "for example with astype(float) or an encoder."
        )
    if dtype.kind == "c":
        raise DataTypeError(
            f"Complex data not supported: X has dtype {dtype}. Give the real and imaginary parts as columns."
        )


def _refuse_text_objects(array: NDArray[Any], first_column: int = 0) -> None:
    for place, entry in np.ndenumerate(array):
        if isinstance(entry, (str, bytes, complex, np.complexfloating)):
            row, column = place[0], first_column + (place[1] if len(place) > 1 else 0)
            what = (
                "Complex data not supported"
                if isinstance(entry, (complex, np.complexfloating))
                else "X holds text"
            )
            raise DataTypeError(
                f"{what}: {entry!r} at row {row}, column {column}; a number is expected. Convert the "
                "column first.",
                row=row,
                column=column,
            )


def _refuse_ragged(X: Any) -> None:
    lengths = [len(row) if isinstance(row, (list, tuple)) else None for row in X]
    for row, length in enumerate(lengths):
        if length != lengths[0] and length is not None and lengths[0] is not None:
            raise DataError(
                f"Row {row} has {length} values, row 0 has {lengths[0]}. All rows need the same number "
                "of columns.",
                row=row,
            )


def _check_finite(rows: Any, *, allow_nan: bool) -> None:
    values = rows.data if issparse(rows) else rows
    with np.errstate(over="ignore", invalid="ignore"):
        # One pass without a temporary: the sum is finite only if each value is. An overflow just costs a
        # second look.
        if np.isfinite(values.sum()):
            return
    wrong = np.isinf(values) if allow_nan else ~np.isfinite(values)
    count = int(wrong.sum())
    if count == 0:
        return
    first = int(np.argmax(wrong))
    value = values.flat[first]
    if issparse(rows):
        row = int(np.searchsorted(rows.indptr, first, side="right")) - 1
        column = int(rows.indices[first])
    else:
        row, column = (int(place) for place in np.unravel_index(first, rows.shape))
    what = "NaN" if np.isnan(value) else "infinity"
    advice = (
        "Infinite values have no distance."
        if what == "infinity"
        else "Fill in or drop these rows, or use metric='nan_euclidean', which skips missing values."
    )
    raise DataError(
        f"Input X contains {what}: first at row {row}, column {column}; {count} of {values.size} values "
        f"are NaN or infinite. {advice}",
        row=row,
        column=column,
    )


def _check_distances(rows: Any, *, square: bool) -> None:
    """A precomputed matrix holds distances: square when fitted, never negative."""
    if square and rows.shape[0] != rows.shape[1]:
        raise DataError(
            f"Precomputed matrix must be square. Input is a {rows.shape[0]}x{rows.shape[1]} matrix. Give "
            "the distance of each row to each row."
        )
    values = rows.data if issparse(rows) else rows
    if values.size and values.min() < 0:
        raise DataError(
            "Negative values in data passed to precomputed distance matrix. Distances must be 0 or more."
        )
