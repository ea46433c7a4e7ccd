# SPDX-License-Identifier: Apache-2.0
"""How the core is compiled: the same arithmetic in every object, and nothing tied to the building machine."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.contracts.tree import NATIVE, ROOT

# Options that let a compiler change a result, or use what only the building machine has.
FORBIDDEN = re.compile(
    r"^-(Ofast|ffast-math|funsafe-math-optimizations|fassociative-math|freciprocal-math|ffinite-math-only"
    r"|fno-signed-zeros|fno-rounding-math-off|ffp-contract=(fast|on)|ffp-model=fast|fcx-limited-range"
    r"|fno-honor-(nans|infinities)|mdaz-ftz|march=native|mtune=native|mfpmath=387|mrecip.*)$"
)


def test_every_source_is_built(compile_commands):
    """A file that no build mentions is dead or forgotten; files for other processors are the exception."""
    machines = {
        "isa_x86_64_v2",
        "isa_avx2",
        "isa_avx_vnni",
        "isa_avx512",
        "isa_avx512_vnni",
        "isa_amx",
        "isa_neon",
        "isa_scalar",
    }
    sources = {path.relative_to(NATIVE) for path in NATIVE.rglob("*.cpp")}
    left_out = {path for path in sources - set(compile_commands) if path.stem not in machines}
    assert not left_out, f"CMakeLists.txt does not build {sorted(map(str, left_out))}"
    built = (ROOT / "CMakeLists.txt").read_text()
    for source in sources:
        assert f"native/{source.as_posix()}" in built


def test_no_option_may_change_a_result(compile_commands):
    assert compile_commands
    for source, command in compile_commands.items():
        wrong = [option for option in command if FORBIDDEN.match(option)]
        assert not wrong, f"{source} is compiled with {wrong}"


def test_multiply_and_add_stay_two_operations(compile_commands):
    for source, command in compile_commands.items():
        contraction = [option for option in command if option.startswith("-ffp-contract")]
        assert contraction[-1:] == ["-ffp-contract=off"], f"{source}: {contraction}"
        assert "-fno-fast-math" in command, source


def test_only_isa_files_may_use_more_than_the_baseline(compile_commands):
    for source, command in compile_commands.items():
        raised = [option for option in command if re.match(r"-m(avx|fma|f16c|arch=(?!x86-64-v2$))", option)]
        if raised:
            assert source.name.startswith("isa_"), f"{source} is compiled with {raised}"


def test_symbols_are_hidden_by_default(compile_commands):
    for source, command in compile_commands.items():
        assert "-fvisibility=hidden" in command, source


def test_sources_do_not_ask_for_it_themselves():
    """Pragmas and attributes can undo what the command line says."""
    for path in [*NATIVE.rglob("*.cpp"), *NATIVE.rglob("*.hpp")]:
        text = path.read_text()
        assert not re.search(
            r"fast[-_]math|fp_contract\s*\(?\s*on|STDC\s+FP_CONTRACT|float_control", text, re.I
        ), path
        assert not re.search(r"#\s*pragma\s+GCC\s+(optimize|target)|__attribute__\s*\(\(\s*optimize", text), (
            path
        )
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n"), path


def test_the_core_knows_no_python_outside_its_bindings():
    for path in [*NATIVE.rglob("*.cpp"), *NATIVE.rglob("*.hpp")]:
        if path.parent.name != "bindings":
            assert not re.search(r"#include\s+[<\"](Python\.h|nanobind|pybind|numpy)", path.read_text()), path


def test_no_blas_and_no_openmp(compile_commands):
    built = (ROOT / "CMakeLists.txt").read_text().lower()
    assert "openmp" not in built and "blas" not in built
    for source, command in compile_commands.items():
        assert not any(option.startswith("-fopenmp") for option in command), source


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm (binutils) is not on the PATH")
def test_the_module_shows_three_symbols():
    """Nothing else can be merged with another library's copy, or be called past the Python interface."""
    from kneighbors import _native

    lines = subprocess.run(
        ["nm", "-D", "--defined-only", _native.__file__], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    shown = {line.split()[-1].split("@")[0] for line in lines} - {"_init", "_fini"}
    assert shown == {"PyInit__native", "kneighbors_get_num_threads", "kneighbors_set_num_threads"}
