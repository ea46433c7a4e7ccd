# SPDX-License-Identifier: Apache-2.0
"""Public names live in one place: sorted, importable, complete, and nothing leaks beside them."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types

import pytest

import kneighbors
from tests.contracts.tree import PACKAGE, modules

PUBLIC = [
    module.name for module in modules() if not any(part.startswith("_") for part in module.name.split("."))
]
PACKAGES = [module.name for module in modules() if module.path.name == "__init__.py"]


def order(name: str) -> tuple[int, str]:
    """CONSTANTS first, then Classes, then functions: ruff's order."""
    bare = name.lstrip("_")
    return (0 if bare.isupper() and len(bare) > 1 else 1 if bare[:1].isupper() else 2, name)


def test_the_package_has_modules():
    assert len(PUBLIC) > 20
    assert "kneighbors.index" in PACKAGES


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_there_sorted_and_importable(name):
    module = importlib.import_module(name)
    names = getattr(module, "__all__", None)
    assert names is not None, f"{name} has no __all__"
    assert len(set(names)) == len(names), f"{name}.__all__ repeats a name"
    assert list(names) == sorted(names, key=order), f"{name}.__all__ is not sorted"
    for public in names:
        assert getattr(module, public, None) is not None, f"{name}.__all__ names {public}, which is not there"


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_leak_nothing(name):
    """What a folder's __init__ holds is what it offers: the rest is modules of its own, or private."""
    module = importlib.import_module(name)
    seen = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and key != "annotations" and not isinstance(value, types.ModuleType)
    }
    leaks = seen - set(module.__all__) - ({"TYPE_CHECKING", "Any"} if name == "kneighbors" else set())
    assert not leaks, f"{name} shows {sorted(leaks)} beside its __all__"


def test_dir_shows_public_names_and_steps_only():
    shown = {name for name in dir(kneighbors) if not name.startswith("__")}
    parts = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_")}
    assert shown - parts <= set(kneighbors.__all__)
    assert set(kneighbors.__all__) - {"__version__"} <= shown


def test_star_import_gives_exactly_all():
    program = "from kneighbors import *; print(*sorted(set(globals()) - {'__builtins__', '__annotations__'}))"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    base = {"__name__", "__doc__", "__package__", "__loader__", "__spec__"}
    assert set(output.split()) - base == set(kneighbors.__all__)


def test_names_are_the_ones_of_their_folder():
    from kneighbors import advise, estimators

    for name in set(kneighbors.__all__) - {"__version__"}:
        home = estimators if hasattr(estimators, name) else advise
        assert getattr(kneighbors, name) is getattr(home, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'KNeighbours'"):
        _ = kneighbors.KNeighbours


def test_every_public_object_says_what_it_is():
    for name in kneighbors.__all__:
        value = getattr(kneighbors, name)
        if not isinstance(value, str):
            assert value.__doc__ and value.__doc__.strip(), f"kneighbors.{name} has no docstring"
