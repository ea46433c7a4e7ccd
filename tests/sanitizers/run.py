# SPDX-License-Identifier: Apache-2.0
"""Builds the core with AddressSanitizer and UndefinedBehaviorSanitizer and runs tests under it.

    python tests/sanitizers/run.py [pytest arguments; default: the tests of the index and of the core]

The sanitized module lies in build/sanitize/, beside links to the Python files, and is only used by this run.
Leaks are not looked for: the interpreter itself keeps memory until the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "sanitize"
PACKAGE = BUILD / "package"
DEFAULT_TESTS = ["tests/index", "tests/reduce", "tests/native", "-m", "not long", "-q", "-x"]

# An editable install answers for the package before any path does; in this run it must not.
STEP_ASIDE = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "_editable_" not in type(finder).__module__]
"""


def build() -> None:
    ninja = Path(sys.executable).with_name("ninja")
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja.exists() else []
    subprocess.run(
        [
            *("cmake", "-S", ROOT, "-B", BUILD, *generator, "-DCMAKE_BUILD_TYPE=Debug"),
            *("-DKNEIGHBORS_SANITIZE=ON", f"-DPython_EXECUTABLE={sys.executable}"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(["cmake", "--build", BUILD, "--parallel", str(os.cpu_count() or 1)], check=True)
    shutil.rmtree(PACKAGE, ignore_errors=True)
    home = PACKAGE / "kneighbors"
    home.mkdir(parents=True)
    for path in (ROOT / "src" / "kneighbors").iterdir():
        if path.name != "__pycache__":
            (home / path.name).symlink_to(path)
    (module,) = BUILD.glob("_native*.so")
    (home / module.name).symlink_to(module)
    (PACKAGE / "sitecustomize.py").write_text(textwrap.dedent(STEP_ASIDE))


def library(name: str) -> str:
    """Where the compiler keeps a runtime library; it must be loaded before everything else."""
    output = subprocess.run(["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = output.stdout.strip()
    if not os.path.isabs(path):
        sys.exit(f"{name} is not installed; the compiler's sanitizer libraries are needed")
    return path


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "LD_PRELOAD": f"{library('libasan.so')}:{library('libstdc++.so')}",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONPATH": str(PACKAGE),
        "PYTHONMALLOC": "malloc",  # so that reads past the end of an array are seen
    }


def main() -> int:
    build()
    check = "from kneighbors import _native; print(_native.__file__, _native.instruction_sets())"
    shown = subprocess.run(
        [sys.executable, "-c", check], env=environment(), capture_output=True, text=True, check=True
    )
    if str(BUILD) not in shown.stdout:
        sys.exit(f"the sanitized module is not the one in use: {shown.stdout}")
    print(f"sanitizers: {shown.stdout.strip()}", flush=True)
    arguments = sys.argv[1:] or DEFAULT_TESTS
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], env=environment(), cwd=ROOT
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
