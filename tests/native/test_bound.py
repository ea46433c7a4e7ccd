# SPDX-License-Identifier: Apache-2.0
"""The bound of the screen, pair by pair in C++ (docs/algorithms/exact-scan.md, sections 6 to 9).

`bound_check.cpp` tells the tile the tightest distance it may be told, that of the pair itself, and looks
whether the row survives. Built from the sources as they are, and from copies with one constant of the proof
taken away: then it must find holes, or it could not fail. The holes it found are tests of their own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kneighbors import _native
from tests.contracts.tree import NATIVE
from tests.native.building import build

needs_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler on the PATH")

CHECK = Path(__file__).with_name("bound_check.cpp")
CODECS = ["float32", "int8"]


def right_order(rows: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """By (inner product distance, id) of all pairs measured exactly; what is no number comes last."""
    distances = _native.pairwise_rows(queries, rows, "inner_product")
    ids = np.broadcast_to(np.arange(len(rows)), distances.shape)
    return np.lexsort((ids, distances), axis=1)[:, :k]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("row_power, query_power", [(0, 0), (0, -565), (-600, 0), (-300, -300)])
def test_inner_product_of_queries_orthogonal_to_a_large_offset(codec, row_power, query_power):
    """All of q.centre cancels and its rounding stays, also where the squares of the norms would vanish."""
    generator = np.random.default_rng(0)
    rows = (2.0**50 + generator.standard_normal((4000, 24))) * 2.0**row_power
    queries = np.round(generator.standard_normal((20, 24)) * 64) / 64
    queries[:, -1] -= queries.sum(axis=1)
    queries *= 2.0**query_power
    _, ids = _native.FlatScan(rows, "inner_product", 1, codec).search(queries, 10)
    np.testing.assert_array_equal(ids, right_order(rows, queries, 10))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [3e153, 1e154, 2e154, 1e160, 1e300])
def test_inner_products_that_overflow(codec, size):
    """Infinite products rank by id among themselves; those without a value (inf - inf) come last."""
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((2500, 16)) * size
    queries = generator.standard_normal((12, 16)) * size
    _, ids = _native.FlatScan(rows, "inner_product", 1, codec).search(queries, 10)
    np.testing.assert_array_equal(ids, right_order(rows, queries, 10))


@pytest.mark.parametrize("codec", CODECS)
def test_inner_product_of_rows_a_few_units_from_the_centre(codec):
    """Zero rows, and ten rows of float32's least numbers whose products mostly round away."""
    unit, n_columns = 2.0**-149, 64
    signs = np.where(np.arange(n_columns) < 34, 1.0, -1.0)
    rows = np.zeros((3000, n_columns), np.float32)
    rows[2000:] = -(np.random.default_rng(2).random((1000, n_columns)) * 0.4 + 0.55)
    rows[2990:] = signs * unit
    queries = np.where(signs > 0, 0.5, 0.53)[None]
    _, ids = _native.FlatScan(rows, "inner_product", 1, codec).search(queries, 10)
    np.testing.assert_array_equal(ids, right_order(rows, queries, 10))


# file, what it says, what the spoiled copy says
SPOILED = {
    "no rounding of scores": (
        "rows/codec.cpp",
        r"return units < 0\.25 \? .*;",
        "return 1e-300;",
    ),
    "no rounding of integer scores": ("rows/codec.cpp", r"return 0x1p-20;", "return 1e-300;"),
    "no losses of rows": (
        "rows/panels.cpp",
        r"if \(!has_direction\) residual = 1\.5;",
        "residual = 1e-300;",
    ),
    "no losses of queries": ("scan/bound.hpp", r"if \(!has_direction\) error_ = 1\.5;", "error_ = 1e-300;"),
    "zero vectors like others": ("rows/panels.cpp", r"if \(!has_direction\) residual = 1\.5;", ""),
}


def run(program: Path, cases: int, seed: int) -> tuple[int, int, str]:
    output = subprocess.run([program, str(cases), str(seed)], capture_output=True, text=True).stdout
    pairs, holes = re.search(r"(\d+) pairs, (\d+) holes", output).groups()
    return int(pairs), int(holes), output


@pytest.mark.long
@needs_compiler
def test_no_pair_is_dropped_and_no_upper_bound_is_too_low(tmp_path):
    """X1, X2: at least ten million pairs, zero holes."""
    pairs, holes, output = run(build(CHECK, tmp_path / "build"), cases=1500, seed=1)
    assert holes == 0, output
    assert pairs > 10_000_000


@pytest.mark.long
@needs_compiler
@pytest.mark.parametrize("what", SPOILED)
def test_the_check_finds_a_missing_part_of_the_proof(what, tmp_path):
    spoiled = tmp_path / "native"
    shutil.copytree(NATIVE, spoiled)
    name, pattern, replacement = SPOILED[what]
    text = (spoiled / name).read_text()
    changed, count = re.subn(pattern, replacement, text)
    assert count == 1, f"native/{name} no longer says {pattern}"
    (spoiled / name).write_text(changed)
    _, holes, _ = run(build(CHECK, tmp_path / "build", native=spoiled), cases=300, seed=2)
    assert holes > 0
