# SPDX-License-Identifier: Apache-2.0
"""``pca``: coordinates along the directions of most variance. Fitted by scikit-learn, applied by the core.

The fit may differ between machines in its last digits; what it leaves behind, a mean and components in
float64, gives the same bits everywhere: ``(x - mean) components^T`` in float64, in the summation order of
the distances, rounded once to the dtype of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _native
from ..errors import DataError, DataTypeError, ParameterError
from .base import FloatRows, Reducer, is_sparse

__all__ = ["PcaReducer"]

Array = NDArray[np.float64]


class PcaReducer(Reducer):
    """A mean of shape (input_dim,) and components of shape (target_dim, input_dim), orthonormal rows."""

    kind = "pca"

    def __init__(self, seed: int, mean: Array, components: Array, variance_kept: float) -> None:
        super().__init__(seed, components.shape[1], components.shape[0], variance_kept)
        self.mean = mean
        self.components = components
        self._made: _native.LinearProjection | None = None

    @classmethod
    def fit(cls, rows: FloatRows, target_dim: int, seed: int) -> PcaReducer:
        """Fit by scikit-learn's PCA; its solver is randomised where rows and columns are many.

        Raises
        ------
        ParameterError
            Fewer rows than ``target_dim``.
        DataTypeError
            Sparse rows: centring would fill them.
        DataError
            Values whose squares leave the range of float64.
        """
        from sklearn.decomposition import PCA

        if is_sparse(rows):
            raise DataTypeError(
                "reduce='pca' was asked of sparse rows, which centring would fill with numbers. Use "
                "reduce='sign', "
                "'fjlt' or 'select', or give dense rows."
            )
        if target_dim > rows.shape[0]:
            raise ParameterError(
                f"reduce='pca' to {target_dim} columns needs as many rows; there are {rows.shape[0]}. "
                "Lower reduce_dim "
                "or fit more rows."
            )
        # Centred before scikit-learn sees them: a common offset would cost float32 rows the digits that
        # matter.
        offset = rows.mean(axis=0, dtype=np.float64)
        centred = np.empty_like(rows, order="C")
        np.subtract(rows, offset, out=centred, casting="same_kind")
        model = PCA(target_dim, svd_solver="auto", random_state=seed, copy=False)
        try:
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # rows without any variance
                model.fit(centred)
        except np.linalg.LinAlgError:
            largest = float(np.abs(rows).max())
            raise DataError(
                f"reduce='pca' squares the values, and those of X (up to {largest:.3g}) leave the range of "
                "float64 then. Set scale='standard', or divide X by a constant first."
            ) from None
        kept = float(np.sum(model.explained_variance_ratio_, dtype=np.float64))
        return cls(
            seed,
            offset + model.mean_.astype(np.float64),
            np.ascontiguousarray(model.components_, dtype=np.float64),
            min(1.0, kept) if math.isfinite(kept) else 1.0,
        )

    @classmethod
    def load(cls, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PcaReducer:
        """The inverse of ``description`` and ``arrays``; ``make.load`` has checked the four numbers."""
        shapes = {
            "mean": (description["input_dim"],),
            "components": (description["target_dim"], description["input_dim"]),
        }
        for name, shape in shapes.items():
            array = arrays.get(name)
            if (
                array is None
                or array.dtype != np.float64
                or array.shape != shape
                or not np.isfinite(array).all()
            ):
                found = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
                raise DataError(
                    f"The stored reduction 'pca' needs '{name}' as finite float64 values of shape {shape}; "
                    f"found {found}. "
                    "The model is damaged."
                )
        kept = description.get("variance_kept")
        if not isinstance(kept, (int, float)) or isinstance(kept, bool) or not 0 <= kept <= 1:
            raise DataError(
                f"The stored reduction's 'variance_kept' is {kept!r}; a number from 0 to 1 is expected."
            )
        return cls(description["seed"], arrays["mean"], arrays["components"], float(kept))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"mean": self.mean, "components": self.components}

    def _apply(self, rows: FloatRows, n_threads: int) -> FloatRows:
        if self._made is None:
            self._made = _native.LinearProjection(
                np.ascontiguousarray(self.mean), np.ascontiguousarray(self.components)
            )
        return self._made.transform(rows, n_threads)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": None}
