# SPDX-License-Identifier: Apache-2.0
"""``model_algo-1.labels``: raw little-endian values without a header; the JSON says what they are.

They are float32, the contract's format, where every label comes back from it bit for bit; otherwise the dtype
that the labels have. Either way they are read back in their own dtype.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DataTypeError
from .files import Bytes

__all__ = ["LabelsEntry", "check_entry", "decode", "encode", "not_finite"]

LabelDtype = Literal["float32", "float64", "int64"]
LABEL_DTYPES: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
    "int64": np.dtype("<i8"),
}
_FLOAT32: LabelDtype = "float32"
_BLOCK = 1 << 20  # labels converted at a time, so that a trial costs a few MiB


class LabelsEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``kneighbors.files.labels`` in the JSON; without labels, dtype, stored_dtype and shape are null."""

    bytes: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str
    dtype: LabelDtype | None
    stored_dtype: LabelDtype | None
    shape: list[Annotated[int, msgspec.Meta(ge=1)]] | None


def encode(labels: NDArray[Any] | None) -> tuple[NDArray[Any], LabelDtype | None, LabelDtype | None]:
    """The array to store, little-endian, the dtype that the labels have, and the dtype they are stored in.

    Raises
    ------
    DataTypeError
        A dtype other than float32, float64 and int64.
    DataError
        A shape other than (n,) and (n, n_outputs), or a label that is not finite.
    """
    if labels is None:
        return np.empty(0, dtype=LABEL_DTYPES[_FLOAT32]), None, None
    name = cast(LabelDtype, labels.dtype.name)
    if name not in LABEL_DTYPES:
        raise DataTypeError(f"labels of dtype {labels.dtype}; a model keeps float32, float64 or int64")
    if labels.ndim not in (1, 2) or labels.size == 0:
        raise DataError(
            f"labels of shape {labels.shape}; a model keeps (n,) or (n, n_outputs), none of them 0"
        )
    plain = np.ascontiguousarray(labels, dtype=LABEL_DTYPES[name])
    row = not_finite(plain)
    if row is not None:
        raise DataError(f"the label of row {row} is not finite", row=row)
    if _survives_float32(plain.reshape(-1)):
        return plain.astype(LABEL_DTYPES[_FLOAT32]), name, _FLOAT32
    return plain, name, name


def _survives_float32(labels: NDArray[Any]) -> bool:
    bits = f"<u{labels.dtype.itemsize}"
    for start in range(0, len(labels), _BLOCK):
        block = labels[start : start + _BLOCK]
        with np.errstate(over="ignore"):
            narrow = block.astype(np.float32)
        # 2**63 itself rounds out of int64's range, where the conversion back means nothing.
        if block.dtype.kind == "i" and bool((narrow >= 2.0**63).any()):
            return False
        if not np.array_equal(narrow.astype(block.dtype).view(bits), block.view(bits)):
            return False
    return True


def not_finite(labels: NDArray[Any]) -> int | None:
    """The first row whose label is NaN or infinite."""
    wrong = ~np.isfinite(labels.reshape(len(labels), -1)).all(axis=1)
    return int(np.argmax(wrong)) if wrong.any() else None


def check_entry(entry: LabelsEntry) -> str | None:
    """What is wrong with the JSON's account of the labels, before a byte of them is read; or None."""
    if entry.dtype is None or entry.stored_dtype is None or entry.shape is None:
        if (entry.dtype, entry.stored_dtype, entry.shape, entry.bytes) == (None, None, None, 0):
            return None
        return "dtype, stored_dtype and shape must all be null, and bytes 0, when there are no labels"
    if entry.stored_dtype not in (_FLOAT32, entry.dtype):
        return f"stored_dtype {entry.stored_dtype!r} is neither 'float32' nor the dtype, {entry.dtype!r}"
    if len(entry.shape) not in (1, 2):
        return f"shape {entry.shape} is neither (n,) nor (n, n_outputs)"
    expected = LABEL_DTYPES[entry.stored_dtype].itemsize * prod(entry.shape)
    if entry.bytes != expected:
        return f"shape {entry.shape} of {entry.stored_dtype} takes {expected} bytes, not {entry.bytes}"
    return None


def decode(entry: LabelsEntry, content: Bytes) -> NDArray[Any] | None:
    """The labels, read-only, in their own dtype; ``content`` has the size that the entry says.

    Raises
    ------
    DataError
        A stored value that the dtype cannot hold.
    """
    if entry.dtype is None:
        return None
    assert entry.stored_dtype is not None  # with the shape, by check_entry
    assert entry.shape is not None
    stored = content.view(LABEL_DTYPES[entry.stored_dtype]).reshape(entry.shape)
    if entry.dtype == entry.stored_dtype:
        return stored
    if entry.dtype == "int64":
        whole = (stored >= -(2.0**63)) & (stored < 2.0**63) & (stored == np.floor(stored))
        if not whole.all():
            row = int(np.argmin(whole.reshape(len(whole), -1).all(axis=1)))
            raise DataError(f"the label of row {row} is not a 64-bit integer", row=row)
    labels = stored.astype(LABEL_DTYPES[entry.dtype])
    labels.flags.writeable = False
    return labels
