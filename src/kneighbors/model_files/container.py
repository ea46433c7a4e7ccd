# SPDX-License-Identifier: Apache-2.0
"""Read ``model_algo-1``: structure first, then content, then arrays that are views of it.

In: an open file. Out: named read-only arrays and the fingerprints of the JSON beside it. Every refusal names
the file and the section.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from numpy.typing import NDArray
from xxhash import xxh3_64, xxh3_64_intdigest

from ..errors import ModelFileError
from . import foreign
from .files import Bytes, OpenFile
from .layout import (
    DTYPES,
    FORMAT_VERSION,
    MAGIC,
    PREFIX,
    Header,
    LayoutError,
    aligned,
    check_sections,
)
from .strict_json import MAX_BYTES, JsonError, parse

__all__ = ["Container", "Pieces", "open_container", "section_arrays", "verify_content"]

# The bytes from an offset on, in pieces: from the file, or from a copy in memory.
Pieces = Callable[[int, int], Iterable[memoryview]]


@dataclass
class Container:
    """A ``model_algo-1`` whose structure is right; its content is not looked at yet.

    Attributes
    ----------
    file : OpenFile
    header : Header
    data_start : int
        Where the first section starts.
    """

    file: OpenFile
    header: Header
    data_start: int


def open_container(file: OpenFile) -> Container:
    """Check prefix, header and section table against the size of the file.

    Raises
    ------
    ModelFileError
        Anything that does not fit, or a format that is newer than this reader.
    """
    start = file.take(0, min(PREFIX.size, file.size))
    if not start.startswith(MAGIC):
        raise ModelFileError(
            f"is not a kneighbors index but {foreign.describe(start)}", file=file.path, section="prefix"
        )
    if len(start) < PREFIX.size:
        raise ModelFileError(
            f"is cut off: {file.size} bytes, the prefix alone has {PREFIX.size}",
            file=file.path,
            section="prefix",
        )
    _, version, zero, header_bytes, file_bytes, header_xxh3, zeros, prefix_xxh3 = PREFIX.unpack(start)
    if xxh3_64_intdigest(start[:-8]) != prefix_xxh3:
        raise ModelFileError("is damaged: the checksum differs", file=file.path, section="prefix")
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"has format {version}; this version of kneighbors reads format {FORMAT_VERSION}. Upgrade "
            "kneighbors, or save the model again with this version",
            file=file.path,
            section="prefix",
        )
    if zero or any(zeros):
        raise ModelFileError("has reserved bytes that are not zero", file=file.path, section="prefix")
    if file_bytes != file.size:
        raise ModelFileError(
            f"has {file.size} bytes, its prefix says {file_bytes}", file=file.path, section="prefix"
        )
    data_start = PREFIX.size + aligned(header_bytes)
    if header_bytes > MAX_BYTES or data_start > file.size:
        raise ModelFileError(
            f"asks for a header of {header_bytes} bytes; the file has {file.size}, and at most "
            f"{MAX_BYTES} are read",
            file=file.path,
            section="header",
        )
    region = file.take(PREFIX.size, data_start - PREFIX.size)
    text, padding = region[:header_bytes], region[header_bytes:]
    if xxh3_64_intdigest(text) != header_xxh3:
        raise ModelFileError("is damaged: the checksum differs", file=file.path, section="header")
    if any(padding):
        raise ModelFileError("has padding that is not zero", file=file.path, section="header")
    header = _decode_header(text, file)
    try:
        check_sections(header.sections, file.size - data_start)
    except LayoutError as error:
        raise ModelFileError(str(error), file=file.path, section=error.section) from None
    return Container(file, header, data_start)


def _decode_header(text: bytes, file: OpenFile) -> Header:
    try:
        return msgspec.convert(parse(text), Header, strict=True)
    except (JsonError, msgspec.ValidationError) as error:
        raise ModelFileError(f"cannot be read: {error}", file=file.path, section="header") from None


def verify_content(container: Container, pieces: Pieces, sha256: str) -> None:
    """Check every byte: section checksums, padding, and the SHA-256 that the JSON gives.

    The sections go first, so that damage is blamed on the section it is in.
    """
    file = container.file
    digest = hashlib.sha256()
    for piece in pieces(0, container.data_start):
        digest.update(piece)
    for section in container.header.sections:
        offset = container.data_start + section.offset
        checksum = xxh3_64()
        for piece in pieces(offset, section.bytes):
            digest.update(piece)
            checksum.update(piece)
        if checksum.hexdigest() != section.xxh3:
            raise ModelFileError("is damaged: the checksum differs", file=file.path, section=section.name)
        for piece in pieces(offset + section.bytes, aligned(section.bytes) - section.bytes):
            digest.update(piece)
            if any(piece):
                raise ModelFileError(
                    "is followed by padding that is not zero", file=file.path, section=section.name
                )
    if digest.hexdigest() != sha256:
        raise ModelFileError(
            f"is not the file that the JSON names: its SHA-256 is {digest.hexdigest()}, the JSON says "
            f"{sha256[:64]}",
            file=file.path,
        )


def section_arrays(container: Container, content: Bytes) -> dict[str, NDArray[Any]]:
    """The sections as read-only views of the file's bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    for section in container.header.sections:
        dtype = DTYPES[section.dtype]
        offset = container.data_start + section.offset
        view = content[offset : offset + section.bytes].view(dtype).reshape(section.shape)
        arrays[section.name] = view
    return arrays
