# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings of data, sample and scale do what they show."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "data.labels",
        "data.opening",
        "data.recordio",
        "data.recordio_encode",
        "data.recordio_frames",
        "data.source",
        "sample.keys",
        "sample.sampler",
        "scale",
    ],
)
def test_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"kneighbors.{name}"))
    assert results.failed == 0 and results.attempted > 0
