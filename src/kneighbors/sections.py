# SPDX-License-Identifier: Apache-2.0
"""Lists of strings as two arrays, the form in which a model file keeps class names and column names."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

__all__ = ["pack_text", "unpack_text"]


def pack_text(entries: Iterable[Any], name: str) -> dict[str, NDArray[Any]]:
    """``<name>.text`` (UTF-8 bytes) and ``<name>.offsets`` (where each entry starts, and the end).

    Raises
    ------
    DataError
        An entry has no UTF-8 form (a lone surrogate).

    Examples
    --------
    >>> pack_text(["a", "bc"], "classes.0")["classes.0.offsets"]
    array([0, 1, 3])
    """
    try:
        encoded = [str(entry).encode("utf-8") for entry in entries]
    except UnicodeEncodeError as error:
        raise DataError(
            f"{error.object!r} cannot be written as UTF-8: {error.reason}. Rename it first."
        ) from error
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(entry) for entry in encoded], out=offsets[1:])
    return {f"{name}.text": np.frombuffer(b"".join(encoded), dtype=np.uint8), f"{name}.offsets": offsets}


def unpack_text(sections: dict[str, NDArray[Any]], name: str) -> list[str] | None:
    """The inverse of ``pack_text``; None where the sections are absent.

    Raises
    ------
    DataError
        The offsets do not tile the text, or it is not UTF-8.
    """
    if f"{name}.text" not in sections or f"{name}.offsets" not in sections:
        return None
    text = bytes(sections[f"{name}.text"])
    offsets = sections[f"{name}.offsets"].tolist()
    if not offsets or offsets[0] != 0 or offsets[-1] != len(text) or sorted(offsets) != offsets:
        raise DataError(f"The offsets of section '{name}' do not tile its text.")
    try:
        return [text[start:stop].decode("utf-8") for start, stop in itertools.pairwise(offsets)]
    except UnicodeDecodeError as error:
        raise DataError(f"The text of section '{name}' is not UTF-8: {error}.") from error
