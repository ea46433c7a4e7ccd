# SPDX-License-Identifier: Apache-2.0
"""Sampling, slow and obvious: Python integers, one row at a time. The judge of ``sample``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

GAMMA = 0x9E3779B97F4A7C15
WORD = 2**64


def mix(value: int) -> int:
    """SplitMix64's finalizer."""
    value ^= value >> 30
    value = value * 0xBF58476D1CE4E5B9 % WORD
    value ^= value >> 27
    value = value * 0x94D049BB133111EB % WORD
    return value ^ value >> 31


def key(seed: int, row: int, shard: str | None = None) -> int:
    """The key of one row: output number ``row`` of SplitMix64 started at a mixed seed."""
    state = mix((seed + GAMMA) % WORD)
    if shard is not None:
        state = mix(state ^ int.from_bytes(hashlib.sha256(shard.encode("utf-8")).digest()[:8], "little"))
    for _ in range(row + 1) if row < 100 else ():
        state = (state + GAMMA) % WORD
    if row >= 100:
        state = (state + (row + 1) * GAMMA) % WORD
    return mix(state)


def sample(seed: int, rows: Iterable[int], sample_size: int) -> list[int]:
    """Rows of the smallest keys, ties by row number, in ascending order."""
    return sorted(sorted(rows, key=lambda row: (key(seed, row), row))[:sample_size])
