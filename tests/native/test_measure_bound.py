# SPDX-License-Identifier: Apache-2.0
"""The bounds of the metric scan, pair by pair in C++ (docs/algorithms/metric-scan.md, sections 3 to 7).

`measure_check.cpp` tells each tile the tightest distance it may be told, that of the pair itself, and looks
whether the row survives and whether the interval holds the distance. Built from the sources as they are, and
from copies with a part of the proof taken away: then it must find holes, or it could not fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kneighbors import _native
from tests.contracts.tree import NATIVE
from tests.native.building import build
from tests.native.test_processors import ARM, EMULATOR, needs_arm, needs_compiler

CHECK = Path(__file__).with_name("measure_check.cpp")
PARTS = (
    "rows/",
    "threads/",
    "kernels/dispatch",
    "measure/exact",
    "measure/measure.",
    "measure/measure_panels",
)

# What the spoiled copy lacks: file, what it says, what the copy says.
SPOILED = {
    "no rounding of sums": (
        "measure/measure_bound.hpp",
        r"gamma_ = \(n_columns_ \+ 32\) \* 0x1p-23",
        "gamma_ = 0",
    ),
    "no losses of queries": ("measure/measure_bound.hpp", r"error_\(placed\.error\)", "error_(0)"),
    "no losses of rows": (
        "measure/measure_panels.cpp",
        r"error = result\.screenable \? round_up\(result\.error\) : "
        r"(?=std::numeric_limits<float>::infinity\(\);\n  \})",
        "error = result.screenable ? 0.0f : ",
    ),
    "no approximate reciprocal": (
        "measure/measure_bound.hpp",
        r"2\.0 \* reciprocal_error",
        "0.0 * reciprocal_error",
    ),
}


def holes(
    *command: str | Path, instruction_set: str = "", rounds: int = 3
) -> dict[str, tuple[int, int, str]]:
    """By metric: pairs, holes, and the digest of the distances."""
    environment = {**os.environ, "KNEIGHBORS_INSTRUCTION_SET": instruction_set}
    finished = subprocess.run(
        [*command, str(rounds)], capture_output=True, text=True, check=True, env=environment
    )
    lines = (line.split() for line in finished.stdout.splitlines())
    return {
        name: (int(pairs), int(lost) + int(missed), digest) for name, pairs, lost, missed, digest in lines
    }


@pytest.mark.long
@needs_compiler
def test_no_pair_is_dropped_and_every_interval_holds(tmp_path):
    """X1, X2: on every instruction set, with the same distances."""
    program = build(CHECK, tmp_path / "build", parts=PARTS)
    answers = [holes(program, instruction_set=name, rounds=10) for name in _native.instruction_sets()]
    assert sum(pairs for pairs, _, _ in answers[0].values()) > 2_000_000
    for answer in answers:
        assert {name: count for name, (_, count, _) in answer.items() if count} == {}
        assert answer == answers[0]


@pytest.mark.long
@needs_arm
def test_the_same_distances_and_no_holes_on_arm(tmp_path):
    here = holes(build(CHECK, tmp_path / "here", parts=PARTS), rounds=1)
    options = ("-static",)
    program = build(CHECK, tmp_path / "arm", parts=PARTS, compiler=ARM, machine="aarch64", options=options)
    assert holes(EMULATOR, program, rounds=1) == here
    assert all(count == 0 for _, count, _ in here.values())


@pytest.mark.long
@needs_compiler
@pytest.mark.parametrize("what", SPOILED)
def test_the_check_finds_a_missing_part_of_the_proof(what, tmp_path):
    spoiled = tmp_path / "native"
    shutil.copytree(NATIVE, spoiled)
    name, pattern, replacement = SPOILED[what]
    changed, count = re.subn(pattern, replacement, (spoiled / name).read_text())
    assert count == 1, f"native/{name} no longer says {pattern}"
    (spoiled / name).write_text(changed)
    found = holes(build(CHECK, tmp_path / "build", native=spoiled, parts=PARTS))
    assert sum(count for _, count, _ in found.values()) > 0
