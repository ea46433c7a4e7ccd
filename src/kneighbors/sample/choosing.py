# SPDX-License-Identifier: Apache-2.0
"""The sample of rows that are all in memory: no reservoir is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .keys import row_keys
from .sampler import seed_of

__all__ = ["sampled_rows"]


def sampled_rows(
    row_numbers: NDArray[np.int64], sample_size: int, random_state: Any = 0
) -> NDArray[np.int64]:
    """Places of the rows with the smallest keys, ascending: the sample a ``Sampler`` would keep.

    Parameters
    ----------
    row_numbers : ndarray of shape (n,), int64
        Global numbers of the rows.
    sample_size : int
        Rows to keep; all where there are no more.
    random_state : int, None, numpy.random.RandomState or Generator, default=0

    Returns
    -------
    ndarray of shape (min(n, sample_size),), int64

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.sample import sampled_rows
    >>> sampled_rows(np.arange(10), 3)
    array([5, 7, 8])
    """
    if len(row_numbers) <= sample_size:
        return np.arange(len(row_numbers), dtype=np.int64)
    keys = row_keys(seed_of(random_state), row_numbers)  # distinct rows have distinct keys: there are no ties
    return np.sort(np.argpartition(keys, sample_size - 1)[:sample_size]).astype(np.int64)
