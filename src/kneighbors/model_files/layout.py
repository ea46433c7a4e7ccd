# SPDX-License-Identifier: Apache-2.0
"""The layout of ``model_algo-1``: what its reader and its writer share.

::

    prefix    64 bytes, the same in every format version (below)
    header    JSON, zero padding to a multiple of 64 bytes
    sections  one after another, each followed by zero padding to a multiple of 64 bytes

All numbers are little-endian. Every size is checked against the bytes that are there before anything is
allocated. Python's integers do not overflow, so the sums and products below are exact; a reader in another
language must check each of them (``docs/model-files.md`` says how).
"""

from __future__ import annotations

import re
import struct
from math import prod
from typing import Annotated, Any

import msgspec
import numpy as np

__all__ = [
    "ALIGNMENT",
    "DTYPES",
    "FORMAT_VERSION",
    "MAGIC",
    "PREFIX",
    "Header",
    "LayoutError",
    "Section",
    "aligned",
    "check_sections",
]

FORMAT_VERSION = 1
ALIGNMENT = 64
# Like PNG's: the high bit and both line endings show a file that went through a text-mode transfer.
MAGIC = b"\x89KNN\r\n\x1a\n"
# magic, format version, 0, header bytes, file bytes, XXH3 of the header, zeros, XXH3 of the 56 bytes before
PREFIX = struct.Struct("<8sIIQQQ16sQ")
MAX_DIMENSIONS = 8
MAX_BYTES = 2**63 - 1
DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float32",
        "float64",
    )
}
SECTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", re.ASCII)

_Size = Annotated[int, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One named array: ``offset`` counts from the end of the padded header, ``bytes`` from its first byte."""

    name: str
    dtype: str
    shape: list[_Size]
    offset: _Size
    bytes: _Size
    xxh3: str


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON header: fingerprints of the keys of ``model_algo-1.json`` and the table of sections."""

    metadata_sha256: dict[str, str]
    sections: list[Section]


class LayoutError(ValueError):
    """A section that does not fit; ``section`` is its name."""

    def __init__(self, message: str, section: str) -> None:
        super().__init__(message)
        self.section = section


def aligned(size: int) -> int:
    """``size``, up to the next multiple of 64."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def check_sections(sections: list[Section], available: int) -> None:
    """Check that the sections, with their padding, are exactly the ``available`` bytes after the header.

    Raises
    ------
    LayoutError
        The first section that is wrong.
    """
    end = 0
    seen: set[str] = set()
    for place, section in enumerate(sections):
        if not SECTION_NAME.fullmatch(section.name):
            raise LayoutError(
                f"section {place} has a name that is not allowed: {section.name[:40]!r}", "header"
            )
        if section.name in seen:
            raise LayoutError("a second section has this name", section.name)
        seen.add(section.name)
        if section.dtype not in DTYPES:
            known = ", ".join(DTYPES)
            raise LayoutError(f"dtype {section.dtype[:40]!r} is not one of {known}", section.name)
        if not 1 <= len(section.shape) <= MAX_DIMENSIONS:
            raise LayoutError(
                f"{len(section.shape)} dimensions; 1 to {MAX_DIMENSIONS} are read", section.name
            )
        itemsize = DTYPES[section.dtype].itemsize
        # An empty dimension would hide an absurd one beside it from the product below.
        if itemsize * prod(max(length, 1) for length in section.shape) > MAX_BYTES:
            raise LayoutError(f"shape {section.shape} is larger than any file", section.name)
        expected = itemsize * prod(section.shape)
        if section.bytes != expected:
            raise LayoutError(
                f"shape {section.shape} of {section.dtype} takes {expected} bytes, the header gives it "
                f"{section.bytes}",
                section.name,
            )
        if section.offset != end:
            raise LayoutError(f"starts at {section.offset}, but the one before ends at {end}", section.name)
        end += aligned(section.bytes)
        if end > available:
            raise LayoutError(f"ends at {end}, beyond the {available} bytes there are", section.name)
    if end != available:
        raise LayoutError(f"the sections end at {end}, but {available} bytes follow the header", "header")
