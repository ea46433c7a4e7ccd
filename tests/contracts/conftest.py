# SPDX-License-Identifier: Apache-2.0
"""The build as CMake would do it, and its objects, for the tests that look at compiled code."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contracts.tree import NATIVE, ROOT


@pytest.fixture(scope="session")
def compile_commands(tmp_path_factory) -> dict[Path, list[str]]:
    """What CMake would run for each of our native sources: path below native/ -> arguments."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not on the PATH")
    folder = tmp_path_factory.mktemp("build")
    ninja = Path(sys.executable).with_name("ninja")
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja.exists() else []
    environment = {name: value for name, value in os.environ.items() if name not in ("CXXFLAGS", "LDFLAGS")}
    subprocess.run(
        [
            *("cmake", "-S", ROOT, "-B", folder, *generator),
            *("-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"),
            f"-DPython_EXECUTABLE={sys.executable}",
        ],
        check=True,
        capture_output=True,
        env=environment,
    )
    entries = json.loads((folder / "compile_commands.json").read_text())
    return {
        Path(entry["file"]).relative_to(NATIVE): shlex.split(entry["command"])
        for entry in entries
        if Path(entry["file"]).is_relative_to(NATIVE)
    }


@pytest.fixture(scope="session")
def isa_objects(compile_commands, tmp_path_factory) -> dict[str, Path]:
    """Each instruction set's object file, compiled as CMake would: "avx2" -> path."""
    folder = tmp_path_factory.mktemp("objects")

    def compiled(source: Path, command: list[str]) -> tuple[str, Path]:
        name = source.stem.removeprefix("isa_")
        output = folder / f"{name}.o"
        arguments = [*command[: command.index("-o")], *command[command.index("-o") + 2 :], "-o", str(output)]
        subprocess.run(arguments, check=True, capture_output=True)
        return name, output

    kernels = [(path, command) for path, command in compile_commands.items() if path.name.startswith("isa_")]
    with ThreadPoolExecutor(2) as workers:
        return dict(workers.map(lambda item: compiled(*item), kernels))
