# SPDX-License-Identifier: Apache-2.0
"""Rows moved so that a weighted distance becomes the Euclidean one: "seuclidean" and "mahalanobis".

With VI = L L^T, sqrt((q - x)^T VI (q - x)) is the length of L^T (q - x). Rows are centred and multiplied by
L^T once, in float64; what is searched is the Euclidean distance of the rows so moved. A moved row is rounded
like any product of d terms, which moves a reported distance by at most about d 2^-50 of the lengths of both
moved rows: next to nothing for rows that lie apart, and more than a direct evaluation for two rows that all
but coincide. Equal rows stay at distance exactly 0.

The factor is made once, at fit, and kept with the rows (its last digits depend on the LAPACK that made it);
the centre is the mean of the rows at fit, which moves nothing but roundings. So a saved model answers
identically everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from . import formulas

__all__ = ["Whitening"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Whitening:
    """How rows are moved: ``(x - center) factor^T``, or ``(x - center) / factor`` where it is a vector.

    Attributes
    ----------
    center : float64 array of shape (n_columns,)
    factor : float64 array of shape (n_columns, n_columns) or (n_columns,)
    """

    center: Matrix
    factor: Matrix

    @classmethod
    def of_variances(cls, rows: Any, variances: Matrix) -> Whitening:
        """For "seuclidean": columns divided by their standard deviations."""
        return cls(formulas.means(rows), np.sqrt(variances))

    @classmethod
    def of_inverse(cls, rows: Any, inverse: Matrix) -> Whitening:
        """For "mahalanobis": by a factor of the inverse covariance, of which the symmetric part counts.

        Raises
        ------
        ParameterError
            The matrix makes some squared distance negative.
        """
        symmetric = (inverse + inverse.T) / 2
        try:
            factor = np.linalg.cholesky(symmetric).T
        except np.linalg.LinAlgError:
            values, vectors = np.linalg.eigh(symmetric)
            if values[0] < -1e-10 * max(abs(values[0]), values[-1]):
                raise ParameterError(
                    f"metric_params 'VI' of metric='mahalanobis' has the eigenvalue {values[0]:.3g}: some "
                    "squared distances would be negative. Give the inverse of a covariance."
                ) from None
            factor = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
        return cls(formulas.means(rows), np.ascontiguousarray(factor))

    @classmethod
    def checked(cls, center: Any, factor: Any, n_columns: int) -> Whitening:
        """One that was stored; its arrays may be read-only."""
        center, factor = np.asarray(center), np.asarray(factor)
        shapes = ((n_columns,), (n_columns, n_columns))
        for array, allowed in ((center, shapes[:1]), (factor, shapes)):
            if array.dtype != np.float64 or array.shape not in allowed or not np.isfinite(array).all():
                raise DataError(
                    f"A stored whitening is {array.dtype} of shape {array.shape}; finite float64 of shape "
                    f"{' or '.join(map(str, allowed))} is expected."
                )
        return cls(np.ascontiguousarray(center), np.ascontiguousarray(factor))

    def transform(self, rows: NDArray[Any], n_threads: int = 1) -> Matrix:
        """The rows moved, float64 of the same shape; each depends on itself alone, whatever the machine.

        Raises
        ------
        DataError
            A moved row leaves float64's range.
        """
        wide = formulas.widened(rows)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.factor.ndim == 1:
                moved: Matrix = (wide - self.center) / self.factor
            else:
                from .._native import LinearProjection

                try:
                    moved = LinearProjection(self.center, self.factor).transform(wide, n_threads)  # type: ignore[assignment]
                except OverflowError:
                    moved = np.full((1, 1), np.inf)
        if not np.isfinite(moved).all():
            raise DataError(
                "Values are too large for this metric: a row divided by the deviations overflows."
            )
        return moved
