# SPDX-License-Identifier: Apache-2.0
"""What every reduction shares: its shape, its description, and rows checked before they reach the core."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError

__all__ = ["FloatRows", "Reducer", "as_rows", "is_sparse"]

FloatRows = NDArray[np.float32] | NDArray[np.float64]

_BLOCK_BYTES = 16 << 20
"""Sparse rows are made dense so many bytes at a time."""

_UNSUITABLE = {
    "O": "Python objects",
    "U": "text",
    "S": "bytes",
    "c": "complex numbers",
    "M": "dates",
    "m": "time spans",
}


class Reducer(abc.ABC):
    """A fitted reduction. Made by ``fit`` or ``load``; never changed afterwards.

    Attributes
    ----------
    kind : {"sign", "fjlt", "pca", "select"}
    seed : int
        What its random numbers come from, 0 to 2**32 - 1.
    input_dim, target_dim : int
        Columns before and after.
    variance_kept : float or None
        Share of the fitted rows' variance that is left, 0 to 1; None for random projections, which look at
        no rows.
    """

    kind: ClassVar[str]

    def __init__(
        self, seed: int, input_dim: int, target_dim: int, variance_kept: float | None = None
    ) -> None:
        self.seed = seed
        self.input_dim = input_dim
        self.target_dim = target_dim
        self.variance_kept = variance_kept

    def transform(self, rows: Any, n_threads: int = 1) -> FloatRows:
        """The reduced rows, a new C-contiguous array.

        Parameters
        ----------
        rows : {array-like, sparse matrix} of shape (n, input_dim)
            Finite numbers. float16 and float32 are taken as float32, all others as float64.
        n_threads : int, default=1
            Never changes the answer.

        Returns
        -------
        ndarray of shape (n, target_dim)
            float32 for float32 rows, else float64.

        Raises
        ------
        DataError
            Another number of columns, or a result beyond the range of the dtype; never a silent infinity.
        DataTypeError
            Values that are no real numbers.
        """
        checked = as_rows(rows, "The rows to reduce", self.input_dim)
        if not is_sparse(checked):
            return self._reduced(checked, n_threads, 0)
        reduced = np.empty((checked.shape[0], self.target_dim), dtype=checked.dtype)
        step = max(1, _BLOCK_BYTES // (checked.dtype.itemsize * self.input_dim))
        for start in range(0, checked.shape[0], step):
            block = np.ascontiguousarray(checked[start : start + step].toarray())
            reduced[start : start + step] = self._reduced(block, n_threads, start)
        return reduced

    def description(self) -> dict[str, Any]:
        """What the model's JSON holds under ``dimension_reduction``: plain numbers and strings."""
        plain: dict[str, Any] = {
            "type": self.kind,
            "seed": self.seed,
            "input_dim": self.input_dim,
            "target_dim": self.target_dim,
        }
        return plain if self.variance_kept is None else {**plain, "variance_kept": self.variance_kept}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Named arrays that belong to the description; none for random projections."""
        return {}

    @property
    def memory_bytes(self) -> int:
        """Bytes held."""
        return sum(array.nbytes for array in self.arrays().values())

    @abc.abstractmethod
    def _apply(self, rows: FloatRows, n_threads: int) -> FloatRows:
        """The reduced rows of checked ones; OverflowError where one leaves the range of its dtype."""

    def _reduced(self, rows: FloatRows, n_threads: int, first_row: int) -> FloatRows:
        try:
            return self._apply(rows, n_threads)
        except OverflowError:
            raise self._beyond_range(rows, first_row) from None

    def _beyond_range(self, rows: FloatRows, first_row: int) -> DataError:
        """What to say of rows whose reduction is not finite."""
        wrong = np.argwhere(~np.isfinite(rows))
        if len(wrong):
            row, column = (int(place) for place in wrong[0])
            found = f"{rows[row, column]} at row {first_row + row}, column {column}"
            return DataError(
                f"The rows to reduce hold {found}; every value must be finite. Drop or impute them first.",
                row=first_row + row,
                column=column,
            )
        # The core's rows are added in a fixed order, so one at a time they overflow where they did together.
        row = next(place for place in range(len(rows)) if self._overflows(rows[place : place + 1]))
        advice = "Scale the columns first" + (
            "." if rows.dtype == np.float64 else ", or give the rows as float64."
        )
        return DataError(
            f"Row {first_row + row} leaves the range of {rows.dtype} when it is reduced by '{self.kind}': "
            "its largest "
            f"value is {np.abs(rows[row]).max()}. {advice}",
            row=first_row + row,
        )

    def _overflows(self, row: FloatRows) -> bool:
        try:
            self._apply(row, 1)
        except OverflowError:
            return True
        return False

    def __repr__(self) -> str:
        return f"<{self.kind} reduction, {self.input_dim} to {self.target_dim} columns, seed {self.seed}>"


def is_sparse(rows: Any) -> bool:
    """Whether rows are a scipy sparse matrix or array."""
    return hasattr(rows, "tocsr")


def as_rows(rows: Any, what: str, n_columns: int | None = None) -> Any:
    """A C-contiguous float32 or float64 matrix, or a CSR matrix of those; no copy where it is one."""
    array = rows.tocsr() if is_sparse(rows) else np.asarray(rows)
    if array.dtype.kind in _UNSUITABLE or array.dtype.kind not in "fiub":
        kind = _UNSUITABLE.get(array.dtype.kind, f"values of dtype {array.dtype}")
        raise DataTypeError(f"{what} hold {kind}; real numbers are expected. Convert or encode them first.")
    if array.ndim != 2:
        raise DataError(f"{what} must have two dimensions (rows, columns); their shape is {array.shape}.")
    if n_columns is not None and array.shape[1] != n_columns:
        raise DataError(f"{what} have {array.shape[1]} columns; {n_columns} are expected, as in fit.")
    narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    array = array.astype(np.float32 if narrow else np.float64, copy=False)
    return array if is_sparse(array) else np.require(array, requirements=["C", "A"])
