# SPDX-License-Identifier: Apache-2.0
"""Every example in a docstring runs and prints what it says; what people call has one."""

from __future__ import annotations

import doctest
import importlib
import inspect

import numpy as np
import pytest

import kneighbors
from tests.contracts.tree import modules

NAMES = [module.name for module in modules() if not module.name.rpartition(".")[2].startswith("_")]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture(autouse=True)
def _quiet_corner(tmp_path, monkeypatch):
    """Examples run where they may write, with NumPy's default printing."""
    monkeypatch.chdir(tmp_path)
    with np.printoptions():
        yield


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name):
    module = importlib.import_module(name)
    failures = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(test, out=failures.append)
    assert not runner.failures, "".join(failures)


def public_callables():
    for name in kneighbors.__all__:
        value = getattr(kneighbors, name)
        if not callable(value):
            continue
        yield f"kneighbors.{name}", value
        if inspect.isclass(value):
            for member, function in inspect.getmembers(value, inspect.isfunction):
                if not member.startswith("_") and function.__module__.startswith("kneighbors."):
                    yield f"kneighbors.{name}.{member}", function


CALLABLES = dict(public_callables())


@pytest.mark.parametrize("name", CALLABLES)
def test_what_people_call_is_documented(name):
    """A summary line that ends, and every argument by name."""
    value = CALLABLES[name]
    text = inspect.getdoc(value)
    assert text, f"{name} has no docstring"
    summary = text.split("\n\n")[0]
    assert summary.rstrip()[-1] in ".;:", f"{name}: {summary!r}"
    if inspect.isfunction(value):
        for argument in inspect.signature(value).parameters:
            if argument not in ("self", "args", "kwargs", "params", "deep"):
                assert argument in text, f"{name} says nothing about {argument}"


def test_estimators_and_load_show_an_example():
    missing = [
        name for name in kneighbors.__all__ if ">>>" not in (inspect.getdoc(getattr(kneighbors, name)) or "")
    ]
    assert missing == ["__version__"]


def test_a_wrong_example_would_be_noticed():
    """The runner reports what a docstring gets wrong."""
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    failures = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    runner.run(wrong, out=failures.append)
    assert runner.failures == 1 and failures
