# SPDX-License-Identifier: Apache-2.0
"""The same bits on every processor: scans, re-ranks, projections and trees on fixed inputs.

`answer_digests.cpp` prints a digest of each part's answers. Built for this machine it runs under every
instruction set that the processor has; built for 64-bit Arm it runs in an emulator.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kneighbors import _native
from tests.native.building import build

DIGESTS = {
    "float32": "21fcafccc7767ab5",
    "int8": "21fcafccc7767ab5",  # the screen never shows in an answer
    "rerank": "75ca879e12f30b0e",
    "sign": "0d4f5feb5233882b",
    "hadamard": "6f62f1360131cc7a",
    "linear": "589c2845c55f71c3",
    "tree": "82580212de266fa0",
}
PROGRAM = Path(__file__).with_name("answer_digests.cpp")
BOUND = Path(__file__).with_name("bound_check.cpp")
PARTS = ("rows/", "scan/", "threads/", "kernels/dispatch", "project/", "tree/")
ARM = "aarch64-linux-gnu-g++"
EMULATOR = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")

needs_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler on the PATH")
needs_arm = pytest.mark.skipif(
    shutil.which(ARM) is None or EMULATOR is None,
    reason=f"no {ARM} or no qemu-aarch64 on the PATH (Debian: g++-aarch64-linux-gnu, qemu-user)",
)


def digests(*command: str | Path) -> dict[str, dict[str, str]]:
    """By instruction set and part."""
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[str, str]] = {}
    for line in output.splitlines():
        name, part, digest = line.split()
        found.setdefault(name, {})[part] = digest
    return found


def build_for_arm(program: Path, folder: Path, *options: str, parts: tuple[str, ...] = PARTS) -> Path:
    return build(program, folder, parts=parts, compiler=ARM, machine="aarch64", options=("-static", *options))


@pytest.mark.long
@needs_compiler
def test_every_instruction_set_of_this_processor(tmp_path):
    found = digests(build(PROGRAM, tmp_path / "build", parts=PARTS))
    assert set(found) == set(_native.instruction_sets())
    for name, parts in found.items():
        assert parts == DIGESTS, name


@pytest.mark.long
@needs_arm
def test_neon_in_an_emulator(tmp_path):
    assert digests(EMULATOR, build_for_arm(PROGRAM, tmp_path / "build")) == {"neon": DIGESTS}


@pytest.mark.long
@needs_arm
def test_a_contracted_multiplication_would_be_noticed(tmp_path):
    """The control: an Arm compiler left to itself fuses multiply and add, and the last bits change."""
    found = digests(EMULATOR, build_for_arm(PROGRAM, tmp_path / "build", "-ffp-contract=fast"))["neon"]
    assert found["rerank"] != DIGESTS["rerank"] and found["float32"] != DIGESTS["float32"]


@pytest.mark.long
@needs_arm
def test_the_bound_holds_on_neon(tmp_path):
    """The pairs of test_bound.py, fewer of them."""
    parts = ("rows/", "scan/exact", "threads/", "kernels/dispatch")
    program = build_for_arm(BOUND, tmp_path / "build", parts=parts)
    output = subprocess.run([EMULATOR, program, "60", "3"], capture_output=True, text=True).stdout
    pairs, holes = map(int, re.search(r"(\d+) pairs, (\d+) holes", output).groups())
    assert holes == 0, output
    assert pairs > 50_000


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="neither x86-64 nor Arm")
def test_every_kernel_file_belongs_to_a_machine():
    """A new instruction set must be built by these tests too."""
    from tests.native.building import MACHINES, listed_sources

    starts = tuple(start for kinds in MACHINES.values() for start in kinds)
    kernels = {Path(name).name for name in listed_sources() if Path(name).name.startswith("isa_")}
    assert len(kernels) >= 7 and all(name.startswith(starts) for name in kernels)
