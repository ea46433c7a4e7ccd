# SPDX-License-Identifier: Apache-2.0
"""Stand-alone C++ programs over the core's sources, without its bindings: for this machine or another."""

from __future__ import annotations

import platform
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.contracts.tree import NATIVE, ROOT

__all__ = ["build", "flags_of", "listed_sources"]

MACHINES = {"x86_64": ("isa_x86", "isa_avx", "isa_amx"), "aarch64": ("isa_neon",), "scalar": ("isa_scalar",)}


def flags_of(source: Path) -> list[str]:
    """The instruction set options that CMakeLists.txt gives a file, read from its own text."""
    text = (ROOT / "CMakeLists.txt").read_text()
    variables = {"avx2_flags": "", "avx512_flags": ""}
    for name in variables:
        found = re.search(rf"set\({name} ([^)]*)\)", text)
        if found:
            variables[name] = found[1].replace("${avx2_flags}", variables["avx2_flags"])
    given = re.search(rf"{source.name} PROPERTIES COMPILE_OPTIONS\s+\"([^\"]*)\"", text)
    options = given[1] if given else ""
    for name, value in variables.items():
        options = options.replace(f"${{{name}}}", value.replace(" ", ";"))
    return [option for option in options.split(";") if option]


def listed_sources() -> list[str]:
    """The core's source files below native/, as CMakeLists.txt names them."""
    return list(dict.fromkeys(re.findall(r"native/(\S+\.cpp)", (ROOT / "CMakeLists.txt").read_text())))


def build(
    program: Path,
    folder: Path,
    *,
    native: Path = NATIVE,
    parts: tuple[str, ...] = ("rows/", "scan/exact", "threads/", "kernels/dispatch"),
    compiler: str = "c++",
    machine: str | None = None,
    options: tuple[str, ...] = (),
) -> Path:
    """Compile a program with the sources whose names begin as ``parts`` do, and every kernel of a machine.

    Parameters
    ----------
    program : Path
        Its source.
    folder : Path
        Made; gets the objects and the program.
    native : Path
        Where the sources are: the core's own, or copies that a test has spoiled.
    compiler, machine : str
        For another processor, its cross compiler and name.
    options : tuple of str
        Further options for compiling and linking.
    """
    machine = machine or platform.machine()
    listed = listed_sources()
    sources = [program, *(native / name for name in listed if name.startswith(parts))]
    sources += [native / name for name in listed if Path(name).name.startswith(MACHINES[machine])]
    baseline = ["-march=x86-64-v2"] if machine == "x86_64" else []
    common = [
        compiler,
        "-std=c++20",
        "-O2",
        "-ffp-contract=off",
        "-w",
        "-Wno-psabi",
        f"-I{native}",
        *baseline,
        *options,
    ]

    def compiled(source: Path) -> str:
        output = folder / f"{source.stem}.o"
        subprocess.run([*common, *flags_of(source), "-c", source, "-o", output], check=True)
        return str(output)

    folder.mkdir()
    with ThreadPoolExecutor(2) as workers:
        objects = list(workers.map(compiled, sources))
    built = folder / program.stem
    subprocess.run([compiler, *objects, *options, "-pthread", "-o", built], check=True)
    return built
