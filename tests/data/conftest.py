# SPDX-License-Identifier: Apache-2.0
"""Shared by the tests of data: refusals, and real tables that lie outside the project."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kneighbors import data
from kneighbors.errors import DataError


@pytest.fixture
def refused() -> Callable[..., DataError]:
    """Open and read a source, which must be refused with DataError."""

    def attempt(source: Any, **settings: Any) -> DataError:
        with pytest.raises(DataError) as caught:
            data.open(source, **settings).read()
        return caught.value

    return attempt


@pytest.fixture
def real_tables() -> Path:
    """The folder of real tables."""
    folder = os.environ.get("KNEIGHBORS_SHARED_DATA")
    if not folder:
        pytest.skip("KNEIGHBORS_SHARED_DATA names no folder of real tables")
    return Path(folder)
