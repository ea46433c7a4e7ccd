# SPDX-License-Identifier: Apache-2.0
"""RecordIO-protobuf, written: training records, and the records of answers.

A record of floats has one possible form whose length depends on nothing but its shape, so many are written
at once: the first as bytes, the others as copies of it with their numbers filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError
from .recordio_frames import frame_bytes

__all__ = [
    "DOUBLE",
    "FEATURES",
    "FLOAT",
    "INT",
    "LABEL",
    "Slot",
    "Template",
    "encode_recordio",
    "template",
    "upper_bits",
    "varint",
]

FEATURES, LABEL = 1, 2
FLOAT, DOUBLE, INT = 2, 3, 7
_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class Slot:
    """Where the numbers of one tensor lie in a framed record; ``tensor`` is one of FLOAT, DOUBLE, INT."""

    part: slice
    tensor: int


@dataclass(frozen=True)
class Template:
    """A framed record whose numbers are zero, the places of its numbers, and what lies between them.

    Whole numbers are written in as many bytes as they need. Each but the last has its upper bit set, so a
    template keeps these bits.
    """

    frame: bytes
    slots: list[Slot]

    @cached_property
    def fixed(self) -> list[tuple[slice, bytes]]:
        """The bytes that every such record has, and where."""
        starts = [0, *(slot.part.stop for slot in self.slots)]
        stops = [*(slot.part.start for slot in self.slots), len(self.frame)]
        parts = [slice(a, b) for a, b in zip(starts, stops, strict=True) if a < b]
        return [(part, self.frame[part]) for part in parts]

    @cached_property
    def between(self) -> list[tuple[int, int, bytes]]:
        """``fixed`` within the message alone: start, stop and content."""
        end = 8 + int.from_bytes(self.frame[4:8], "little")
        parts = [(max(8, part.start), min(end, part.stop)) for part, _ in self.fixed]
        return [(start - 8, stop - 8, self.frame[start:stop]) for start, stop in parts if start < stop]

    @cached_property
    def upper_bits(self) -> list[tuple[slice, bytes]]:
        """The upper bits of bytes of whole numbers, and where."""
        return [(slot.part, self.frame[slot.part]) for slot in self.slots if slot.tensor == INT]

    def matches(self, frame: bytes) -> bool:
        """Whether a framed record is of this form."""
        return (
            len(frame) == len(self.frame)
            and all(frame[part] == content for part, content in self.fixed)
            and all(upper_bits(frame[part]) == content for part, content in self.upper_bits)
        )


def upper_bits(numbers: bytes) -> bytes:
    """The bytes with all but their upper bits cleared."""
    return (np.frombuffer(numbers, np.uint8) & 128).tobytes()


@lru_cache(maxsize=64)
def template(tensors: tuple[tuple[int, str, int, bytes], ...]) -> Template:
    """The frame of a record with these tensors.

    Parameters
    ----------
    tensors : tuple of (field, key, tensor, content)
        The field is FEATURES or LABEL, the tensor FLOAT, DOUBLE or INT, the content that of its values: zero
        but for the upper bits of whole numbers.
    """
    message, places = b"", []
    for field, key, tensor, content in tensors:
        values = _with_length(1, content) if content else b""
        entry = _with_length(1, key.encode()) + _with_length(2, _with_length(tensor, values))
        message += _with_length(field, entry)
        places.append((8 + len(message), len(content), tensor))
    slots = [Slot(slice(stop - size, stop), tensor) for stop, size, tensor in places]
    return Template(frame_bytes(message), slots)


def encode_recordio(labels: Mapping[str, NDArray[Any]], features: NDArray[Any] | None = None) -> bytes:
    """Framed RecordIO-protobuf records, one for each row.

    Parameters
    ----------
    labels : mapping from str to ndarray of shape (n,) or (n, m)
        The label map: ``{"values": y}`` for training, ``{"predicted_label": ..., "distances": ...,
        "labels": ...}`` for answers. float32 and float64 keep their type; whole numbers become int32.
    features : ndarray of shape (n, d), float32 or float64, or None, default=None
        The feature "values"; None for records without.

    Returns
    -------
    bytes

    Raises
    ------
    DataError
        Arrays of different lengths, or a whole number that no int32 holds.
    DataTypeError
        Text, or another dtype that no tensor of this format has.
    MissingExtraError
        There are whole numbers, which protobuf itself must write, and it is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.data import encode_recordio
    >>> encode_recordio({"predicted_label": np.zeros(1, np.float32)}).hex()
    '0a23d7ce1d000000121b0a0f7072656469637465645f6c6162656c120812060a0400000000000000'
    """
    named = [(FEATURES, "values", np.asarray(features))] if features is not None else []
    named += [(LABEL, key, np.asarray(values)) for key, values in labels.items()]
    if not named:
        raise DataError("RecordIO: neither labels nor features were given; expected at least one of them.")
    n_rows = len(named[0][2])
    tensors = [(field, key, _as_tensor(key, values, n_rows)) for field, key, values in named]
    if n_rows == 0:
        return b""
    if any(values.dtype.kind == "i" for _, _, values in tensors):
        return b"".join(_one_by_one(tensors, n_rows))
    form = template(
        tuple(
            (field, key, FLOAT if values.itemsize == 4 else DOUBLE, bytes(values[:1].nbytes))
            for field, key, values in tensors
        )
    )
    frames = np.tile(np.frombuffer(form.frame, np.uint8), (n_rows, 1))
    for slot, (_, _, values) in zip(form.slots, tensors, strict=True):
        frames[:, slot.part] = values.view(np.uint8).reshape(n_rows, -1)
    return frames.tobytes()


def _as_tensor(key: str, values: NDArray[Any], n_rows: int) -> NDArray[Any]:
    """A C-contiguous matrix of one of the types that tensors have."""
    if values.ndim not in (1, 2) or len(values) != n_rows:
        raise DataError(
            f"RecordIO: {key!r} has the shape {values.shape}; expected ({n_rows},) or ({n_rows}, m)."
        )
    matrix = values.reshape(n_rows, -1) if values.size else values.reshape(n_rows, 0)
    if matrix.dtype.kind == "f" and matrix.dtype.itemsize <= 8:
        return np.ascontiguousarray(matrix, "<f4" if matrix.dtype.itemsize <= 4 else "<f8")
    if matrix.dtype.kind not in "biu":
        raise DataTypeError(
            f"RecordIO: {key!r} holds values of dtype {values.dtype}; expected numbers. The format has no "
            "text: number the classes, or write JSON lines."
        )
    beyond = (matrix > _INT32.max) | (matrix < _INT32.min) if matrix.dtype.itemsize > 2 else None
    if beyond is not None and beyond.any():
        row, column = (int(i) for i in np.argwhere(beyond)[0])
        raise DataError(
            f"RecordIO: {key!r} holds {matrix[row, column]} in row {row}; expected whole numbers that fit "
            "32 bits, the largest the format has. Give them as float64 if that holds them exactly.",
            row=row,
        )
    return np.ascontiguousarray(matrix, np.int32)


def _one_by_one(tensors: list[tuple[int, str, NDArray[Any]]], n_rows: int) -> list[bytes]:
    """Whole numbers have no fixed length; protobuf writes them."""
    from .recordio_schema import record_class

    kinds = {"f4": "float32_tensor", "f8": "float64_tensor", "i4": "int32_tensor"}
    frames = []
    for row in range(n_rows):
        record = record_class()()
        for field, key, values in tensors:
            target = record.features if field == FEATURES else record.label
            tensor = getattr(target[key], kinds[values.dtype.str[1:]])
            tensor.SetInParent()
            tensor.values.extend(values[row].tolist())
        frames.append(frame_bytes(record.SerializeToString(deterministic=True)))
    return frames


def varint(number: int) -> bytes:
    """A whole number below 2**64 in groups of seven bits, the lowest first."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _with_length(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content
