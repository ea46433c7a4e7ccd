# SPDX-License-Identifier: Apache-2.0
"""Shared by the index tests: instruction sets, each restored afterwards."""

import pytest

from kneighbors import _native

KNOWN_SETS = ("amx", "avx512_vnni", "avx512", "avx_vnni", "avx2", "x86-64-v2", "neon", "scalar")


@pytest.fixture(params=KNOWN_SETS)
def instruction_set(request):
    """Each instruction set in turn; one that this CPU lacks is named as skipped."""
    if request.param not in _native.instruction_sets():
        pytest.skip(f"this CPU or build has no {request.param}")
    before = _native.instruction_set()
    _native.set_instruction_set(request.param)
    yield request.param
    _native.set_instruction_set(before)
