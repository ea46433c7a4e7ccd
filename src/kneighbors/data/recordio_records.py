# SPDX-License-Identifier: Apache-2.0
"""One record: its numbers by protobuf, or by the form that it shares with records before it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .recordio_encode import DOUBLE, FEATURES, FLOAT, INT, LABEL, Template, template, upper_bits, varint
from .recordio_frames import frame_bytes
from .recordio_schema import record_class
from .values import Place

__all__ = ["MAX_COLUMNS", "RecordPlace", "numbers_of", "parse", "read_known"]

MAX_COLUMNS = 1 << 20
"""The widest row that a sparse record may ask for; dense ones are as wide as the bytes they bring."""
_MAX_DIMENSIONS = 8
_TENSORS: dict[Any, np.dtype[Any]] = {
    "float32_tensor": np.dtype(np.float32),
    "float64_tensor": np.dtype(np.float64),
    "int32_tensor": np.dtype(np.int32),
}


class RecordPlace(Place):
    """A place within records."""

    def row_text(self, row: int) -> str:
        return f"record {self.first_row + row}"

    def column_text(self, column: int) -> str:
        return f"value {column} (counting from 0)"


def parse(
    message: bytes, place: RecordPlace, n_features: int | None
) -> tuple[NDArray[Any], NDArray[Any] | None, Template | None]:
    """Features and label of one record, and its template where others may look alike."""
    from google.protobuf.message import DecodeError

    try:
        record = record_class().FromString(message)
    except DecodeError as error:
        raise place.error(
            "bytes that protobuf cannot read", "a Record of aialgs.data", "Write it again.", row=0
        ) from error
    if "values" not in record.features:
        raise place.error("no feature 'values'", "the tensor of its numbers under that name", row=0)
    features, plain = _tensor(record.features["values"], place, n_features, "feature")
    if n_features is not None and len(features) != n_features:
        raise place.error(f"{len(features)} numbers", f"{n_features}", row=0)
    label = None
    if "values" in record.label:
        label, plain_label = _tensor(record.label["values"], place, None, "label")
        plain = plain and plain_label
    return features, label, _template(features, label, message) if plain else None


def read_known(message: bytes, form: Template) -> tuple[NDArray[Any], NDArray[Any] | None] | None:
    """Features and label of a record of a known form, a few times faster than by protobuf; None if it is not.

    Whole numbers are read here where there is one of them, as a label mostly is.
    """
    for start, stop, content in form.between:
        if message[start:stop] != content:
            return None
    found: list[NDArray[Any]] = []
    for slot in form.slots:
        part = message[slot.part.start - 8 : slot.part.stop - 8]
        if slot.tensor == INT:
            if not part or part[-1] > 127 or (len(part) > 1 and min(part[:-1]) < 128):
                return None
            number = sum((byte & 127) << 7 * place for place, byte in enumerate(part)) & 0xFFFFFFFF
            found.append(np.array([number - (number >> 31 << 32)], np.int32))
        else:
            found.append(np.frombuffer(part, "<f4" if slot.tensor == FLOAT else "<f8"))
    return found[0], found[1] if len(found) > 1 else None


def numbers_of(part: NDArray[np.uint8], tensor: int) -> NDArray[Any]:
    """The numbers of one tensor in many frames."""
    if tensor != INT:
        dtype = np.dtype("<f4" if tensor == FLOAT else "<f8")
        return np.ascontiguousarray(part).view(dtype).astype(dtype.newbyteorder("="), copy=False)
    ends = np.flatnonzero(part[0] < 128) + 1
    numbers = np.zeros((len(part), len(ends)), dtype=np.uint64)
    for place, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        for shift, byte in enumerate(range(start, min(end, start + 10))):
            numbers[:, place] |= (part[:, byte].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * shift)
    return numbers.astype(np.uint32).view(np.int32)


def _tensor(value: Any, place: RecordPlace, n_expected: int | None, what: str) -> tuple[NDArray[Any], bool]:
    """The numbers of a tensor, and whether they stand there densely and without a shape."""
    kind = value.WhichOneof("value")
    if kind not in _TENSORS:
        raise place.error(
            f"{'nothing' if kind is None else kind} as the {what} 'values'",
            "a tensor of float32, float64 or int32",
            row=0,
        )
    tensor: Any = getattr(value, kind)
    numbers = np.array(tensor.values, dtype=_TENSORS[kind])
    if not tensor.shape:
        if tensor.keys:
            raise place.error(f"keys without a shape in the {what}", "the shape of a sparse tensor", row=0)
        if not len(numbers) and what == "feature":
            raise place.error("no numbers in the feature 'values'", "at least one, or a shape", row=0)
        return numbers, True
    if len(tensor.shape) > _MAX_DIMENSIONS:
        raise place.error(f"a shape of {len(tensor.shape)} dimensions", f"at most {_MAX_DIMENSIONS}", row=0)
    size = math.prod(tensor.shape)
    if n_expected is not None and size != n_expected:
        raise place.error(f"the shape {_shown(tensor.shape)}", f"{n_expected} numbers", row=0)
    if not tensor.keys and len(numbers):
        if len(numbers) != size:
            raise place.error(f"{len(numbers)} numbers of shape {_shown(tensor.shape)}", f"{size}", row=0)
        return numbers, False
    if not 0 < size <= (MAX_COLUMNS if n_expected is None else n_expected):
        raise place.error(f"the shape {_shown(tensor.shape)}", f"1 to {MAX_COLUMNS} numbers in all", row=0)
    return _dense(tensor.keys, numbers, size, place), False


def _dense(keys: Any, numbers: NDArray[Any], size: int, place: RecordPlace) -> NDArray[Any]:
    """A sparse tensor, written out."""
    if len(keys) != len(numbers):
        raise place.error(f"{len(keys)} keys for {len(numbers)} numbers", "a key for each number", row=0)
    row = np.zeros(size, dtype=numbers.dtype)
    if len(keys):
        positions = np.array(keys, dtype=np.uint64)
        if int(positions.max()) >= size:
            raise place.error(f"the key {int(positions.max())}", f"keys from 0 to {size - 1}", row=0)
        ascending = (positions[1:] > positions[:-1]).all()  # as writers have them
        if not ascending and len(np.unique(positions)) != len(positions):
            raise place.error("a key twice", "each key once", row=0)
        row[positions.astype(np.intp)] = numbers
    return row


def _template(features: NDArray[Any], label: NDArray[Any] | None, message: bytes) -> Template | None:
    """What this record has in common with others, if it is written in the usual way."""
    tensors = [(FEATURES, "values", *_form(features))]
    if label is not None:
        tensors.append((LABEL, "values", *_form(label)))
    form = template(tuple(tensors))
    return form if form.matches(frame_bytes(message)) else None


def _form(numbers: NDArray[Any]) -> tuple[int, bytes]:
    """The kind of tensor, and what its values look like in a template."""
    if numbers.dtype.kind == "f":
        return FLOAT if numbers.dtype.itemsize == 4 else DOUBLE, bytes(numbers.nbytes)
    return INT, upper_bits(b"".join(varint(number % 2**64) for number in numbers.tolist()))


def _shown(shape: Any) -> str:
    return str(list(shape[:4]))[:-1] + (", ...]" if len(shape) > 4 else "]")
