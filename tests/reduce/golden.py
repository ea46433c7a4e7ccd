# SPDX-License-Identifier: Apache-2.0
"""Writes golden.json: what projections gave when their definition was fixed. It is never to be written again.

A saved model holds four numbers and is projected anew after load, so a changed bit is a broken model. If a
test against golden.json fails, the change under test is wrong, not the file.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.reference import projections

FILE = Path(__file__).with_name("golden.json")
CASES = [
    (kind, seed, input_dim, target_dim, dtype)
    for kind in ("sign", "fjlt")
    for seed, input_dim, target_dim in ((0, 3, 2), (0, 37, 5), (7, 64, 8), (2**32 - 1, 300, 6))
    for dtype in ("float32", "float64")
]


def golden_rows(input_dim: int, dtype: str) -> NDArray[np.float64]:
    """Two rows of quarters and thirds, so that sums must be rounded."""
    places = np.arange(2 * input_dim).reshape(2, input_dim)
    return ((7 * places % 23 - 11) / 4 + (5 * places % 17 - 8) / 3).astype(dtype)


def main() -> None:
    entries = []
    for kind, seed, input_dim, target_dim, dtype in CASES:
        values = getattr(projections, kind)(golden_rows(input_dim, dtype), seed, target_dim)
        case = {"kind": kind, "seed": seed, "input_dim": input_dim, "target_dim": target_dim, "dtype": dtype}
        entries.append({**case, "values": [[float(value).hex() for value in row] for row in values]})
    FILE.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
