# SPDX-License-Identifier: Apache-2.0
"""From contents to the bytes of the three files, before anything touches the disk.

The files hold each other: the JSON has the SHA-256 of the other two, and ``model_algo-1`` has the
fingerprints of the JSON's values. The circle is cut at one value: ``model_algo-1``'s own SHA-256 has no
fingerprint. So: sizes first (a fingerprint's length is known beforehand), then the labels' SHA-256, then
the fingerprints, then ``model_algo-1``, whose SHA-256 is taken while it is written and goes into the JSON,
which is written last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_hexdigest, xxh3_64_intdigest

from ..errors import ParameterError, ParameterTypeError
from . import labels as labels_file
from .contents import ModelContents, find_problem
from .layout import (
    DTYPES,
    FORMAT_VERSION,
    MAGIC,
    MAX_DIMENSIONS,
    PREFIX,
    SECTION_NAME,
    Header,
    Section,
    aligned,
)
from .metadata import RESERVED, Files, IndexEntry, fingerprints, tree_of
from .strict_json import MAX_BYTES, JsonError, parse, pretty

__all__ = ["Encoded", "encode"]


@dataclass
class Encoded:
    """A model, ready to be written.

    Attributes
    ----------
    labels : memoryview
        ``model_algo-1.labels``.
    """

    labels: memoryview
    _contents: ModelContents
    _start: bytes
    _files: Files

    def index(self) -> Iterator[memoryview]:
        """``model_algo-1``, piece by piece: at most one section is copied at a time."""
        yield memoryview(self._start)
        for array in self._contents.sections.values():
            data = _bytes_of(array)
            yield data
            yield memoryview(bytes(aligned(len(data)) - len(data)))

    def json(self, index_sha256: str) -> bytes:
        """``model_algo-1.json``, once ``model_algo-1`` has been written."""
        index = IndexEntry(self._files.index.bytes, index_sha256)
        return _text(self._contents, Files(index, self._files.labels))


def encode(contents: ModelContents) -> Encoded:
    """Check the contents and lay the three files out.

    Raises
    ------
    ParameterError, DataError
        Contents that a model folder cannot hold, or that could not be loaded again.
    """
    for key in RESERVED:
        if key in contents.settings:
            raise ParameterError(f"the setting {key!r} belongs to the file format; use another name")
    sections = _sections(contents.sections)
    labels, labels_dtype, stored_dtype = labels_file.encode(contents.labels)
    problem = find_problem(contents)
    if problem is not None:
        raise ParameterError(f"{problem[1]}; such a model could not be loaded again")
    label_bytes = _bytes_of(labels)
    labels_entry = labels_file.LabelsEntry(
        bytes=len(label_bytes),
        sha256=hashlib.sha256(label_bytes).hexdigest(),
        dtype=labels_dtype,
        stored_dtype=stored_dtype,
        shape=list(labels.shape) if labels_dtype else None,
    )

    def header_with(files: Files) -> bytes:
        # The text is parsed again, so that the fingerprints are of what a reader will see.
        tree = parse(_text(contents, files))
        return msgspec.json.encode(Header(fingerprints(tree), sections))

    trial = header_with(Files(IndexEntry(0, ""), labels_entry))
    data_start = PREFIX.size + aligned(len(trial))
    size = data_start + sum(aligned(section.bytes) for section in sections)
    files = Files(IndexEntry(size, ""), labels_entry)
    header = header_with(files)
    if len(header) > MAX_BYTES:
        raise ParameterError(
            f"the names of {len(sections)} sections and {len(contents.settings)} settings take {len(header)} "
            f"bytes; at most {MAX_BYTES} can be read back. Put small arrays together in one section"
        )
    prefix = PREFIX.pack(
        MAGIC, FORMAT_VERSION, 0, len(header), size, xxh3_64_intdigest(header), bytes(16), 0
    )[:-8]
    prefix += xxh3_64_intdigest(prefix).to_bytes(8, "little")
    start = (prefix + header).ljust(data_start, b"\0")
    return Encoded(label_bytes, contents, start, files)


def _text(contents: ModelContents, files: Files) -> bytes:
    tree = tree_of(contents, files)
    try:
        text = pretty(tree).encode("utf-8") + b"\n"
        parse(text)  # size and depth, by the reader's own rules
    except JsonError as error:
        raise ParameterError(
            f"the settings cannot be written as JSON: {error}. Keep large or unusual values in a section"
        ) from None
    return text


def _sections(arrays: dict[str, NDArray[Any]]) -> list[Section]:
    sections = []
    offset = 0
    for name, array in arrays.items():
        if not SECTION_NAME.fullmatch(name):
            raise ParameterError(
                f"{name!r} cannot name a section; use letters, digits, '_', '-' and '.', at most 100"
            )
        if array.dtype.name not in DTYPES:
            known = ", ".join(DTYPES)
            raise ParameterTypeError(f"section {name!r} has dtype {array.dtype}; a model file holds {known}")
        if not 1 <= array.ndim <= MAX_DIMENSIONS:
            raise ParameterError(
                f"section {name!r} has {array.ndim} dimensions; a model file holds 1 to {MAX_DIMENSIONS}"
            )
        data = _bytes_of(array)
        sections.append(
            Section(name, array.dtype.name, list(array.shape), offset, len(data), xxh3_64_hexdigest(data))
        )
        offset += aligned(len(data))
    return sections


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """The array's values in C order, little-endian; a copy only where they do not lie so already."""
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return plain.reshape(-1).view(np.uint8).data
