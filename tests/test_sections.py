# SPDX-License-Identifier: Apache-2.0
"""Lists of strings as two arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kneighbors.errors import DataError
from kneighbors.sections import pack_text, unpack_text


@given(st.lists(st.text()))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_comes_back(entries: list[str]) -> None:
    sections = pack_text(entries, "names")
    assert sorted(sections) == ["names.offsets", "names.text"]
    assert unpack_text(sections, "names") == entries


def test_absent_sections_are_none_and_broken_ones_are_named() -> None:
    assert unpack_text({}, "names") is None
    good = pack_text(["a", "b"], "names")
    for offsets in ([0, 1], [1, 2, 2], [0, 2, 1, 2], [], [0, 1, 3]):
        with pytest.raises(DataError, match="section 'names' do not tile"):
            unpack_text({**good, "names.offsets": np.array(offsets, dtype=np.int64)}, "names")
    with pytest.raises(DataError, match="not UTF-8"):
        unpack_text({**good, "names.text": np.array([200, 65], dtype=np.uint8)}, "names")
    with pytest.raises(DataError, match="cannot be written as UTF-8"):
        pack_text(["\ud800"], "names")
