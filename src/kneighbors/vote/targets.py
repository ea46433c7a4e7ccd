# SPDX-License-Identifier: Apache-2.0
"""Means of targets, over tables of k neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["mean_targets"]

Floats = NDArray[np.float64]


def mean_targets(targets: NDArray[Any], weights: Floats | None) -> Floats:
    """Weighted mean of the neighbours' targets.

    Parameters
    ----------
    targets : ndarray of shape (n_queries, k, n_outputs)
    weights : ndarray of shape (n_queries, k) or None

    Returns
    -------
    ndarray of shape (n_queries, n_outputs), float64

    Raises
    ------
    DataError
        The weights of a query's neighbours sum to zero.

    Examples
    --------
    >>> mean_targets(np.array([[[1.0], [4.0]]]), np.array([[3.0, 1.0]]))
    array([[1.75]])
    """
    values: Floats = targets.astype(np.float64, copy=False)
    means: Floats
    if weights is None:
        means = _last_of_sums(values) / values.shape[1]
        return means
    total = _last_of_sums(weights)
    if not total.all():
        row = int(np.argmin(total != 0.0))
        raise DataError(
            f"The weights of the neighbours of query {row} sum to zero, so they have no mean. "
            "Let the weights function return a positive weight for the nearest neighbour.",
            row=row,
        )
    return _last_of_sums(values * weights[:, :, None]) / total[:, None]


def _last_of_sums(values: Floats) -> Floats:
    """Sum over the neighbours, nearest first: a running sum is sequential by definition, ``sum`` is not."""
    total: Floats = np.cumsum(values, axis=1)[:, -1]
    return total
