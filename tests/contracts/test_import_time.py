# SPDX-License-Identifier: Apache-2.0
"""``import kneighbors`` is quick because it loads nothing; names are loaded when first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kneighbors


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_is_under_a_third_of_a_second() -> None:
    """Wall time of the import alone; the best of a few, because other processes share the cores."""
    code = (
        "import time; started = time.perf_counter(); import kneighbors; print(time.perf_counter() - started)"
    )
    assert min(float(run(code)) for _ in range(5)) < 0.3


def test_import_loads_no_library() -> None:
    code = "import sys, kneighbors; print(sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = run(code)
    for name in ("numpy", "scipy", "sklearn", "pandas", "msgspec", "rich", "click", "pyarrow"):
        assert f"'{name}'" not in loaded


@pytest.mark.parametrize("name", [name for name in kneighbors.__all__ if name != "__version__"])
def test_each_public_name_loads_when_it_is_used(name: str) -> None:
    assert name in run(f"import kneighbors; print(kneighbors.{name}.__name__)")
    assert name in dir(kneighbors)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'KNeighbours'"):
        kneighbors.KNeighbours  # noqa: B018
