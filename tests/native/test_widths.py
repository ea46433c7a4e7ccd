# SPDX-License-Identifier: Apache-2.0
"""R37: sizes, offsets and products of them are 64 bits wide everywhere, as the compiler sees it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contracts.tree import NATIVE
from tests.native.building import MACHINES, flags_of, listed_sources

pytestmark = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler on the PATH")

MACHINE = platform.machine()


def narrowings(source: Path) -> str:
    """What the compiler says about conversions that may lose a part of an integer."""
    baseline = ["-march=x86-64-v2"] if MACHINE == "x86_64" else []
    command = ["c++", "-std=c++20", "-fsyntax-only", "-Werror", "-Wconversion", "-Wno-sign-conversion"]
    command += [
        "-Wno-float-conversion",
        "-Wno-psabi",
        f"-I{NATIVE}",
        *baseline,
        *flags_of(source),
        str(source),
    ]
    finished = subprocess.run(command, capture_output=True, text=True)
    return "" if finished.returncode == 0 else finished.stderr


def test_r37_no_size_is_narrowed():
    """Every source of the core; the bindings are thin, and nanobind's headers are not ours."""
    sources = [NATIVE / name for name in listed_sources() if not name.startswith("bindings/")]
    others = tuple(start for machine, kinds in MACHINES.items() if machine != MACHINE for start in kinds)
    sources = [source for source in sources if not source.name.startswith(others)]
    assert len(sources) >= 15
    with ThreadPoolExecutor(2) as workers:
        told = "".join(workers.map(narrowings, sources))
    assert told == ""


@pytest.mark.parametrize(
    "line",
    [
        "int f(std::int64_t n) { return n; }",
        "std::int32_t f(std::int64_t n, std::int64_t d) { return n * d; }",
        "std::uint32_t f(std::size_t n) { return n; }",
    ],
)
def test_r37_the_compiler_sees_a_narrowing(line, tmp_path):
    """The control."""
    (tmp_path / "narrow.cpp").write_text(f"#include <cstddef>\n#include <cstdint>\n{line}\n")
    assert "may change value" in narrowings(tmp_path / "narrow.cpp")
