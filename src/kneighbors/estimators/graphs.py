# SPDX-License-Identifier: Apache-2.0
"""Neighbours as a sparse graph, in the sparse interface that the installed scikit-learn hands out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

from ..errors import ParameterError

__all__ = ["check_mode", "neighbors_graph"]


def check_mode(mode: Any) -> None:
    """Refuse what says neither that an edge holds 1 nor that it holds the distance."""
    if not isinstance(mode, str) or mode not in ("connectivity", "distance"):
        raise ParameterError(
            f'Unsupported mode, must be one of "connectivity", or "distance" but got "{mode}" instead'
        )


def neighbors_graph(
    values: NDArray[np.float64], ids: NDArray[np.int64], offsets: NDArray[np.int64], n_columns: int
) -> Any:
    """CSR of shape (n_queries, n_columns); query i's edges are at ``offsets[i]:offsets[i + 1]``, in that
    order.
    """
    graph = (values, ids, offsets)
    shape = (len(offsets) - 1, n_columns)
    return csr_array(graph, shape=shape) if _wants_arrays() else csr_matrix(graph, shape=shape)


def _wants_arrays() -> bool:
    """scikit-learn 1.9 lets its user choose between scipy's arrays and matrices; before it, matrices it
    was.
    """
    from sklearn import get_config

    return bool(get_config().get("sparse_interface", "spmatrix") == "sparray")
