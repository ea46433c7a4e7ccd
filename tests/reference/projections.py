# SPDX-License-Identifier: Apache-2.0
"""The projections in slow, obvious NumPy: every random word and every rounding as
docs/algorithms/projections.md says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGN_ENTRIES, HADAMARD_FLIPS, HADAMARD_SAMPLES = 1, 2, 3

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: NDArray[np.uint32], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Philox-4x32-10 of counters of shape (..., 4)."""
    words = [counter[..., i].astype(np.uint64) for i in range(4)]
    low, high = key
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * words[0], np.uint64(0xCD9E8D57) * words[2]
        words = [
            (second >> _HALF) ^ words[1] ^ np.uint64(low),
            second & _LOW,
            (first >> _HALF) ^ words[3] ^ np.uint64(high),
            first & _LOW,
        ]
        low, high = (low + 0x9E3779B9) & 0xFFFFFFFF, (high + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(words, axis=-1).astype(np.uint32)


def random_words(seed: int, stream: int, row: int, first: int, count: int) -> NDArray[np.uint32]:
    """Words first .. first + count - 1 of one row of a stream."""
    positions = np.arange(first, first + count)
    counter = np.zeros((count, 4), dtype=np.uint32)
    counter[:, 0], counter[:, 1], counter[:, 2] = positions // 4, row, stream
    blocks = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return blocks[np.arange(count), positions % 4]


def random_bits(seed: int, stream: int, row: int, count: int) -> NDArray[np.bool_]:
    """Bits 0 .. count - 1: bit j is bit j % 32 of word j // 32."""
    words = random_words(seed, stream, row, 0, -(-count // 32))
    return np.array([bool(int(words[j // 32]) >> (j % 32) & 1) for j in range(count)], dtype=bool)


def sign_matrix(seed: int, input_dim: int, target_dim: int) -> NDArray[np.float64]:
    """R of shape (input_dim, target_dim), entries -1 where the bit is set."""
    columns = [random_bits(seed, SIGN_ENTRIES, i, input_dim) for i in range(target_dim)]
    return np.where(np.stack(columns, axis=1), -1.0, 1.0)


def _scale(target_dim: int, dtype: Any) -> Any:
    return dtype.type(1.0 / np.sqrt(np.float64(target_dim)))


def sign(rows: NDArray[Any], seed: int, target_dim: int) -> NDArray[Any]:
    """x R / sqrt(t), added in groups of four columns and chunks of 32."""
    n_rows, input_dim = rows.shape
    padded = -(-input_dim // 32) * 32
    x = np.zeros((n_rows, padded), dtype=rows.dtype)
    x[:, :input_dim] = rows
    signs = np.ones((padded, target_dim), dtype=rows.dtype)
    signs[:input_dim] = sign_matrix(seed, input_dim, target_dim)
    total = np.zeros((n_rows, target_dim), dtype=rows.dtype)
    for chunk in range(0, padded, 32):
        part = None
        for j in range(chunk, chunk + 32, 4):
            term = [x[:, j + i, None] * signs[j + i] for i in range(4)]
            entry = (term[0] + term[1]) + (term[2] + term[3])
            part = entry if part is None else part + entry
        total = total + part
    return np.asarray(total * _scale(target_dim, rows.dtype))


def hadamard_parts(
    seed: int, input_dim: int, target_dim: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """The diagonal of D, the sampled positions, and the power of two."""
    padded = 1
    while padded < input_dim:
        padded *= 2
    diagonal = np.where(random_bits(seed, HADAMARD_FLIPS, 0, input_dim), -1.0, 1.0)
    halves = random_words(seed, HADAMARD_SAMPLES, 0, 0, 2 * padded).astype(np.uint64)
    keys = (halves[0::2] << _HALF) | halves[1::2]
    sampled = np.sort(np.argsort(keys, kind="stable")[:target_dim])
    return diagonal, sampled, padded


def fjlt(rows: NDArray[Any], seed: int, target_dim: int) -> NDArray[Any]:
    """S H D x / sqrt(t), with butterflies of strides 1, 2, 4, ..."""
    n_rows, input_dim = rows.shape
    diagonal, sampled, padded = hadamard_parts(seed, input_dim, target_dim)
    x = np.zeros((n_rows, padded), dtype=rows.dtype)
    x[:, :input_dim] = rows * diagonal.astype(rows.dtype)
    stride = 1
    while stride < padded:
        pairs = x.reshape(n_rows, -1, 2, stride)
        a, b = pairs[:, :, 0], pairs[:, :, 1]
        x = np.stack([a + b, a - b], axis=2).reshape(n_rows, padded)
        stride *= 2
    return np.asarray(x[:, sampled] * _scale(target_dim, rows.dtype))


def linear(rows: NDArray[Any], mean: NDArray[np.float64], components: NDArray[np.float64]) -> NDArray[Any]:
    """(x - mean) C^T in float64: eight lanes, each term rounded before it is added, a fixed tree."""
    n_rows, input_dim = rows.shape
    padded = -(-input_dim // 8) * 8
    x = np.zeros((n_rows, padded))
    x[:, :input_dim] = rows.astype(np.float64) - mean
    weights = np.zeros((components.shape[0], padded))
    weights[:, :input_dim] = components
    lanes = np.zeros((n_rows, components.shape[0], 8))
    for j in range(0, padded, 8):
        lanes = lanes + x[:, None, j : j + 8] * weights[None, :, j : j + 8]
    halves = lanes[..., :4] + lanes[..., 4:]
    quarters = halves[..., :2] + halves[..., 2:]
    return np.asarray((quarters[..., 0] + quarters[..., 1]).astype(rows.dtype))
