# SPDX-License-Identifier: Apache-2.0
"""The key of a row: a fixed function of the seed and its row number.

The key, fixed for ever. All arithmetic is modulo 2**64; ``mix`` is the finalizer of SplitMix64 (Steele, Lea
and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; constants by Stafford, variant 13)::

    gamma  = 0x9E3779B97F4A7C15
    mix(z) = z ^= z >> 30; z *= 0xBF58476D1CE4E5B9; z ^= z >> 27; z *= 0x94D049BB133111EB; z ^= z >> 31
    state  = mix(seed + gamma)
    key    = mix(state + (row + 1) * gamma)

so the keys are the outputs of SplitMix64 started at ``state``, and no two rows of one seed share a key. Where
the global row number cannot be known, a shard's name takes its place: ``state`` becomes ``mix(state ^ h)``,
where ``h`` holds the first eight bytes, little-endian, of the SHA-256 of the name in UTF-8, and ``row``
counts within the shard. Then samples still merge, but a different split gives a different sample.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["row_keys"]

_GAMMA = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def row_keys(seed: int, rows: NDArray[np.int64], shard: str | None = None) -> NDArray[np.uint64]:
    """Keys of row numbers; the smallest win.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.
    rows : ndarray of shape (n,), int64
        Row numbers, 0 or more: of the whole data, or within the shard where one is named.
    shard : str or None, default=None
        Name of the shard where global row numbers are not known.

    Returns
    -------
    ndarray of shape (n,), uint64

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.sample import row_keys
    >>> [hex(key) for key in row_keys(0, np.arange(2)).tolist()]
    ['0xa706dd2f4d197e6f', '0xb382a305f4414f5e']
    """
    state = _mix_one((seed + _GAMMA) & _MASK)
    if shard is not None:
        state = _mix_one(state ^ int.from_bytes(hashlib.sha256(shard.encode()).digest()[:8], "little"))
    keys = np.asarray(rows).astype(np.uint64)
    keys += np.uint64(1)
    keys *= np.uint64(_GAMMA)
    keys += np.uint64(state)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys ^= keys >> np.uint64(shift)
        keys *= np.uint64(factor)
    keys ^= keys >> np.uint64(31)
    return keys


def _mix_one(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
