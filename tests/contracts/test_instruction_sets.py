# SPDX-License-Identifier: Apache-2.0
"""Each instruction set's object really holds its instructions, and shares nothing with the others.

Two traps. An inline function compiled with two sets of flags is merged by the linker, and an old processor
meets the wrong copy: so an object may define no weak symbol, call no C++ library and run nothing at start-up.
And all levels may quietly hold the plain body while every equality test passes: so the disassembly is read.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from kneighbors import _native
from tests.contracts.tree import NATIVE

needs_binutils = pytest.mark.skipif(
    shutil.which("objdump") is None or shutil.which("nm") is None, reason="objdump and nm are not on the PATH"
)

# For each object: what its float tile must be made of, and what must not occur anywhere in it.
# Vector encodings (mnemonics that start with v) would stop a processor that only has SSE4.2.
VEX = r"\tv[a-z]"
INSTRUCTIONS = {
    "x86_64_v2": ([r"\tmulps\b.*%xmm", r"\taddps\b.*%xmm"], [r"%ymm", r"%zmm", VEX]),
    "avx2": ([r"\tvfmadd\d+ps\b.*%ymm"], [r"%zmm", r"%k[1-7]", r"%xmm(1[6-9]|2\d|3[01])"]),
    "avx_vnni": ([r"\tvfmadd\d+ps\b.*%ymm", r"vpdpbusds?\b.*%ymm"], [r"%zmm", r"%k[1-7]"]),
    "avx512": ([r"\tvfmadd\d+ps\b.*%zmm"], [r"\tvpdpbusds?\b", r"\tvdpbf16ps\b"]),
    "avx512_vnni": ([r"\tvfmadd\d+ps\b.*%zmm", r"\tvpdpbusds?\b.*%zmm"], [r"\tvdpbf16ps\b"]),
    "amx": ([r"\ttdpbsud\b", r"\tvfmadd\d+ps\b.*%zmm"], [r"\tvdpbf16ps\b"]),
    "neon": ([r"\tfmla\b.*\.4s"], []),
    "scalar": ([], []),
}
# An unrolled tile has dozens; one or two would be a body that was not vectorised. One instruction of the
# matrix registers is a whole loop of the others.
LEAST = {"amx": 8}
# No square roots of sums, no contraction: the exact distances are separate multiplications and additions.
FUSED_DOUBLE = r"\tvf(n?m(add|sub))\d+[ps]d\b|\tfml[as]\b.*\.2d|\tfn?m(add|sub)\b\s+d"

# C functions an object may call: they are compiled once, for every processor.
C_FUNCTIONS = {
    "frexp",
    "ldexp",
    "memcpy",
    "memset",
    "memmove",
    "sqrt",
    "__stack_chk_fail",
    "_GLOBAL_OFFSET_TABLE_",
}

NAMES = sorted(path.stem.removeprefix("isa_") for path in NATIVE.glob("kernels/isa_*.cpp"))


def disassembly(path) -> str:
    return subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True
    ).stdout


def symbols(path) -> list[tuple[str, str, str]]:
    """(kind, mangled name, readable name) of every symbol."""
    plain = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout.splitlines()
    readable = subprocess.run(
        ["nm", "-C", path], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    pairs = zip(plain, readable, strict=True)
    return [(line[17], line[19:], human[19:]) for line, human in pairs]


def test_every_instruction_set_is_described_here():
    assert set(NAMES) <= set(INSTRUCTIONS)


@needs_binutils
@pytest.mark.parametrize("name", NAMES)
def test_the_object_holds_its_instructions(name, isa_objects):
    if name not in isa_objects:
        pytest.skip(f"{name} is not built on {platform.machine()}")
    code = disassembly(isa_objects[name])
    wanted, unwanted = INSTRUCTIONS[name]
    for pattern in wanted:
        assert len(re.findall(pattern, code)) >= LEAST.get(name, 20), f"{name}: hardly any {pattern}"
    for pattern in unwanted:
        found = re.search(pattern, code)
        assert found is None, f"{name} holds {found.group()!r}"
    fused = re.search(FUSED_DOUBLE, code)
    assert fused is None, f"{name} fuses a float64 multiplication and addition: {fused.group()!r}"


@needs_binutils
@pytest.mark.parametrize("name", NAMES)
def test_the_object_shares_no_symbol(name, isa_objects):
    if name not in isa_objects:
        pytest.skip(f"{name} is not built on {platform.machine()}")
    for kind, mangled, readable in symbols(isa_objects[name]):
        if kind == "U":
            assert mangled in C_FUNCTIONS, f"{name} calls {readable}"
        elif kind in "WwVvu":
            assert f"kneighbors::{name}::" in readable, f"{name} defines the shared symbol {readable}"
        elif kind.isupper():
            assert readable == f"kneighbors::{name}_kernels()", f"{name} defines {readable}"
        assert "GLOBAL__sub_I" not in mangled, f"{name} has a global constructor"
    sections = subprocess.run(
        ["objdump", "-h", isa_objects[name]], capture_output=True, text=True, check=True
    ).stdout
    assert not re.search(r"\.(init_array|ctors|preinit_array|tdata|tbss)", sections), (
        f"{name} runs code at start-up"
    )


def test_sources_include_no_library_with_bodies():
    """An ISA file includes intrinsics, C's integers and our own; all else would be compiled twice."""
    for path in [*NATIVE.glob("kernels/isa_*.cpp"), *NATIVE.glob("kernels/*_body.hpp")]:
        for header in re.findall(r"#include\s+<([^>]+)>", path.read_text()):
            assert header in {"immintrin.h", "arm_neon.h", "cstdint", "cstddef"}, (
                f"{path.name} includes <{header}>"
            )
        assert "std::vector" not in path.read_text()


def run_with(name: str, program: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KNEIGHBORS_INSTRUCTION_SET": name}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)


SEARCH = """
import numpy as np
from kneighbors import _native
rows = np.random.default_rng(3).standard_normal((300, 37)).astype(np.float32)
for metric in ("sqeuclidean", "inner_product", "cosine"):
    distances, ids = _native.FlatScan(rows, metric).search(rows[:20], 9)
    print(distances.tobytes().hex(), ids.tobytes().hex())
"""


def test_each_set_can_be_forced_and_answers_the_same():
    names = _native.instruction_sets()
    assert names, "no instruction set can run here"
    answers = set()
    for name in names:
        finished = run_with(name, SEARCH + "print(_native.instruction_set())")
        assert finished.returncode == 0, finished.stderr
        *answer, used = finished.stdout.split()
        assert used == name
        answers.add(" ".join(answer))
    assert len(answers) == 1


def test_the_best_set_is_taken_unless_told_otherwise():
    finished = run_with("", "from kneighbors import _native; print(_native.instruction_set())")
    assert finished.stdout.strip() == _native.instruction_sets()[0]


def test_an_unknown_set_names_those_that_work():
    program = (
        "from kneighbors import _native\ntry: _native.instruction_set()\nexcept ValueError as e: print(e)"
    )
    message = run_with("avx9000", program).stdout
    assert "avx9000" in message
    for name in _native.instruction_sets():
        assert name in message


def test_an_unknown_set_is_refused_by_a_search_too():
    finished = run_with("avx9000", SEARCH)
    assert finished.returncode == 1
    assert "ValueError" in finished.stderr and "avx9000" in finished.stderr


def test_setting_an_unknown_set_keeps_the_one_in_use():
    before = _native.instruction_set()
    with pytest.raises(ValueError, match="mmx"):
        _native.set_instruction_set("mmx")
    assert _native.instruction_set() == before


def test_sets_can_be_changed_between_searches():
    rows = np.random.default_rng(4).standard_normal((200, 24))
    scan = _native.FlatScan(rows, "sqeuclidean")
    before = _native.instruction_set()
    try:
        for name in _native.instruction_sets():
            _native.set_instruction_set(name)
            assert _native.instruction_set() == name
            assert np.array_equal(scan.search(rows, 1)[1][:, 0], np.arange(200))
    finally:
        _native.set_instruction_set(before)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="CPUID is x86")
def test_sets_the_processor_lacks_are_named(record_property):
    """What could not be run is said, not silently left out."""
    known = {name.replace("_", "-") for name in NAMES} - {"neon", "scalar"}
    runnable = {name.replace("_", "-") for name in _native.instruction_sets()}
    assert runnable <= known
    assert "x86-64-v2" in runnable
    missing = sorted(known - runnable)
    if missing:
        pytest.skip(f"this processor lacks {', '.join(missing)}")
