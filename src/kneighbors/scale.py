# SPDX-License-Identifier: Apache-2.0
"""scale: columns made comparable before distances are measured.

In: rows of shape (n, d), float32 or float64. Out: rows of the same shape and dtype. A scaler is fitted by
scikit-learn and kept as plain arrays; from there on only elementwise IEEE operations happen, so a saved model
scales the same rows to the same bits on every machine.

========  ============================================  ==================
kind      each value x of a column becomes              arrays (float64)
========  ============================================  ==================
standard  (x - mean) / scale                            mean, scale
minmax    x * scale + minimum                           scale, minimum
robust    (x - centre) / scale                          centre, scale
unit      x / (Euclidean norm of its row)               none
========  ============================================  ==================

Every value is widened to float64, each operation is rounded once to float64, and the result is rounded once
to the dtype that came in. A column without spread has scale 1, so it becomes constant, not NaN. NaN goes
through.

The norm of a row is taken of its entries times the power of two that brings the largest magnitude into [0.5,
1) (exact, and safe from overflow), squared, and summed in eight lanes: lane l takes the columns j with j % 8
== l in order; then t_i = lane_i + lane_(i+4), u_i = t_i + t_(i+2), and the norm is sqrt(u_0 + u_1). NaN
entries count as 0 in it and stay NaN. A row of zeros stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, DataTypeError, ParameterError
from .parameters import SCALINGS

__all__ = ["Scaler", "fit"]

FloatRows = NDArray[np.float32] | NDArray[np.float64]

_ARRAYS = {
    "standard": ("mean", "scale"),
    "minmax": ("scale", "minimum"),
    "robust": ("centre", "scale"),
    "unit": (),
}
_BLOCK_BYTES = 1 << 20
"""Rows are scaled so many bytes at a time: the float64 copies stay in the cache."""
_FIT_BYTES = 32 << 20


@dataclass(frozen=True)
class Scaler:
    """A fitted scaler.

    Attributes
    ----------
    kind : {"standard", "minmax", "robust", "unit"}
        What it does.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors import scale
    >>> rows = np.array([[0.0, 100.0], [2.0, 300.0]])
    >>> scaler = scale.fit("standard", rows)
    >>> scaler.transform(rows)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> again = scale.Scaler.from_arrays("standard", scaler.arrays())
    >>> bool((again.transform(rows) == scaler.transform(rows)).all())
    True
    """

    kind: str
    _arrays: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_arrays(cls, kind: str, arrays: Mapping[str, NDArray[Any]]) -> Scaler:
        """The inverse of ``arrays``; arrays may be memory-mapped and read-only.

        Raises
        ------
        DataError
            Arrays are missing, of another dtype or length, not finite, or a scale that is not positive.
        """
        _check_kind(kind)
        names = _ARRAYS[kind]
        if set(arrays) != set(names):
            raise DataError(
                f"scaler {kind!r}: found the arrays {sorted(arrays)}; expected {sorted(names)}. The model is "
                "damaged."
            )
        for name, array in arrays.items():
            if (
                array.dtype != np.float64
                or array.ndim != 1
                or len(array) != len(arrays[names[0]])
                or not len(array)
            ):
                raise DataError(
                    f"scaler {kind!r}: found {name} as {array.dtype} of shape {array.shape}; expected "
                    "float64, one value per column. The model is damaged."
                )
            if not np.isfinite(array).all() or (name == "scale" and not (array > 0).all()):
                raise DataError(
                    f"scaler {kind!r}: found values of {name} that no fit gives; expected finite "
                    f"numbers{', greater than 0' if name == 'scale' else ''}. The model is damaged."
                )
        return cls(kind, {name: arrays[name] for name in names})

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What the scaler consists of: arrays of shape (d,), float64, by the names in the table above."""
        return dict(self._arrays)

    def transform(self, rows: FloatRows) -> FloatRows:
        """The scaled rows, a new C-contiguous array of the same dtype.

        Parameters
        ----------
        rows : ndarray of shape (n, d), float32 or float64
            NaN goes through.

        Raises
        ------
        DataError
            Another number of columns, infinity, or a result beyond the range of the dtype; never a silent
            infinity.
        DataTypeError
            Another dtype.
        """
        _check_rows(rows)
        widths = {len(array) for array in self._arrays.values()}
        if widths and rows.shape[1] not in widths:
            raise DataError(
                f"rows to scale: found {rows.shape[1]} columns; expected {widths.pop()}, as in the rows of "
                "fit."
            )
        result = np.empty(rows.shape, dtype=rows.dtype.newbyteorder("="))
        step = max(1, _BLOCK_BYTES // max(1, 8 * rows.shape[1]))
        for start in range(0, len(rows), step):
            block = rows[start : start + step].astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                self._scale(block)
                result[start : start + step] = block
            _check_range(rows, result, start, step)
        return result

    def _scale(self, block: NDArray[np.float64]) -> None:
        """In place: each step is one elementwise operation."""
        if self.kind == "unit":
            _to_unit_norm(block)
        elif self.kind == "minmax":
            block *= self._arrays["scale"]
            block += self._arrays["minimum"]
        else:
            block -= self._arrays["mean" if self.kind == "standard" else "centre"]
            block /= self._arrays["scale"]


def fit(kind: str, rows: FloatRows) -> Scaler:
    """Fit a scaler by scikit-learn's StandardScaler, MinMaxScaler or RobustScaler.

    Parameters
    ----------
    kind : {"standard", "minmax", "robust", "unit"}
        "standard": mean 0 and standard deviation 1. "minmax": from 0 to 1. "robust": median 0 and
        interquartile range 1, which a few wild values do not move. "unit": each row of Euclidean norm 1;
        nothing is fitted.
    rows : ndarray of shape (n, d), float32 or float64
        NaN is left out of the statistics.

    Returns
    -------
    Scaler

    Raises
    ------
    ParameterError
        An unknown kind.
    DataError
        No rows, infinity, a column of nothing but NaN, or one whose spread is beyond float64's range.
    DataTypeError
        Another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors import scale
    >>> scale.fit("minmax", np.array([[1.0], [3.0]])).transform(np.array([[2.0]]))
    array([[0.5]])
    """
    _check_kind(kind)
    _check_rows(rows)
    if len(rows) == 0:
        raise DataError("rows to fit a scaler: found 0 rows; expected at least one.")
    if np.isinf(rows).any():
        row, column = (int(i) for i in np.argwhere(np.isinf(rows))[0])
        raise DataError(
            f"rows to fit a scaler, row {row}, column {column}: found infinity; expected finite numbers.",
            row=row,
            column=column,
        )
    if kind == "unit":
        return Scaler(kind)
    with np.errstate(all="ignore"):
        arrays = _fitted(kind, rows)
    bad = ~np.logical_and.reduce([np.isfinite(array) for array in arrays.values()]) | ~(arrays["scale"] > 0)
    if bad.any():
        column = int(np.flatnonzero(bad)[0])
        empty = bool(np.isnan(rows[:, column]).all())
        found = "nothing but missing values" if empty else "values whose spread is beyond float64's range"
        raise DataError(
            f"rows to fit a scaler, column {column}: found {found}; expected numbers with a mean and a "
            "spread. Leave the column out.",
            column=column,
        )
    return Scaler(kind, arrays)


def _fitted(kind: str, rows: FloatRows) -> dict[str, NDArray[np.float64]]:
    import warnings

    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # columns of NaN, refused by the caller with their place
        if kind == "standard":
            standard = StandardScaler().fit(rows)
            # a variance that overflows counts as constant in scikit-learn
            scale = np.where(np.isfinite(standard.var_), standard.scale_, np.nan)
            return {"mean": _plain(standard.mean_), "scale": _plain(scale)}
        # In float64, because a difference of float32 numbers far from zero has few digits; in blocks of
        # columns, because that may take twice the memory of the rows.
        width = max(1, _FIT_BYTES // (8 * len(rows)))
        blocks = [rows[:, start : start + width] for start in range(0, rows.shape[1], width)]
        transformer = MinMaxScaler if kind == "minmax" else RobustScaler
        parts = [transformer().fit(block.astype(np.float64)) for block in blocks]
    names = ("scale_", "min_") if kind == "minmax" else ("center_", "scale_")
    return {
        ours: _plain(np.concatenate([getattr(part, theirs) for part in parts]))
        for ours, theirs in zip(_ARRAYS[kind], names, strict=True)
    }


def _plain(array: Any) -> NDArray[np.float64]:
    return np.ascontiguousarray(array, dtype=np.float64)


def _to_unit_norm(block: NDArray[np.float64]) -> None:
    present = np.nan_to_num(block, nan=0.0, posinf=np.inf, neginf=-np.inf)
    largest = np.abs(present).max(axis=1, initial=0.0)
    exponent = np.frexp(largest)[1][:, np.newaxis]
    present = np.ldexp(present, -exponent)
    present *= present
    lanes = np.zeros((len(block), 8))
    for start in range(0, block.shape[1], 8):
        columns = present[:, start : start + 8]
        lanes[:, : columns.shape[1]] += columns
    four = lanes[:, :4] + lanes[:, 4:]
    two = four[:, :2] + four[:, 2:]
    norm = np.sqrt(two[:, 0] + two[:, 1])
    norm[largest == 0] = 1.0
    np.ldexp(block, -exponent, out=block)
    block /= norm[:, np.newaxis]


def _check_kind(kind: str) -> None:
    if kind not in SCALINGS:
        raise ParameterError(f"scale={kind!r} was given; expected {', '.join(map(repr, SCALINGS))} or None.")


def _check_rows(rows: Any) -> None:
    if not isinstance(rows, np.ndarray) or rows.dtype.newbyteorder("=") not in (np.float32, np.float64):
        found = f"an array of {rows.dtype}" if isinstance(rows, np.ndarray) else f"a {type(rows).__name__}"
        raise DataTypeError(f"rows to scale: found {found}; expected an array of float32 or float64.")
    if rows.ndim != 2:
        raise DataError(f"rows to scale: found an array of shape {rows.shape}; expected 2 dimensions.")


def _check_range(rows: FloatRows, result: FloatRows, start: int, step: int) -> None:
    infinite = np.isinf(result[start : start + step])
    if not infinite.any():
        return
    row, column = (int(i) for i in np.argwhere(infinite)[0])
    row += start
    if np.isinf(rows[row, column]):
        found, expected = "infinity", "finite numbers"
    else:
        found = f"{rows[row, column]!s}, which scales to a number beyond the range of {result.dtype}"
        expected = "numbers of the order of those of fit"
    raise DataError(
        f"rows to scale, row {row}, column {column}: found {found}; expected {expected}.",
        row=row,
        column=column,
    )
