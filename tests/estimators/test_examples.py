# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings of the estimators and the vote run and print what they show."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "estimators.base",
    "estimators.classifier",
    "estimators.loading",
    "estimators.nearest",
    "estimators.regressor",
    "estimators.transformer",
    "labels",
    "sections",
    "threads",
    "vote",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"kneighbors.{name}"))
    assert tried > 0 and failed == 0
