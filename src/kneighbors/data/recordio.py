# SPDX-License-Identifier: Apache-2.0
"""RecordIO-protobuf, read: records become rows of numbers and labels.

A record has the feature "values" and may have the label "values"; other entries are not looked at. Each is a
tensor of float32, float64 or int32: dense, or sparse with ``keys`` (positions) and a ``shape``. Records that
look like the one before, but for their numbers, are taken many at a time without being parsed; the others
are parsed by protobuf, one by one.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import DataError
from .labels import as_labels, join_labels
from .recordio_encode import Template
from .recordio_frames import Frames
from .recordio_records import RecordPlace, numbers_of, parse, read_known
from .source import Batch
from .values import (
    Place,
    check_finite,
    common_float,
    float_dtype,
    requested_dtype,
    to_dtype,
)

__all__ = ["Run", "checked", "decode_recordio", "runs"]

_IN_A_ROW = 4
"""Records of one form after which many alike are looked for; the first record counts as so many."""
_RUN_BYTES = 4 << 20


class Run(NamedTuple):
    """Consecutive records with tensors of the same types and lengths.

    Attributes
    ----------
    first_row : int
    features : ndarray of shape (n, d), float32, float64 or int32
    labels : ndarray of shape (n, m) of one of these types, or None
    bytes_read : int
        Up to the end of the run.
    """

    first_row: int
    features: NDArray[Any]
    labels: NDArray[Any] | None
    bytes_read: int


def decode_recordio(
    body: bytes,
    *,
    n_features: int | None = None,
    dtype: DTypeLike | None = None,
    labels: bool = False,
    memory_limit: int = 1 << 28,
    name: str = "RecordIO body",
) -> Batch:
    """All records of some bytes, such as the body of a request.

    Parameters
    ----------
    body : bytes
    n_features : int or None, default=None
        Numbers expected in every record; None takes as many as the first has.
    dtype : {"float32", "float64"} or None, default=None
        None gives float32 if all records are, else float64. float32 refuses what it cannot hold.
    labels : bool, default=False
        Whether the records' labels are wanted; then every record must have one.
    memory_limit : int, default=256 MiB
        Bytes that the matrix may take: sparse records can ask for much more than they bring.
    name : str
        What messages call the bytes.

    Returns
    -------
    Batch
        Features of shape (n, n_features), and labels of shape (n,) or (n, m) in the type they came in (int32
        as int64), or None. Nothing at all is a batch of no rows.

    Raises
    ------
    DataError
        Damaged or cut short, not the width expected, numbers that are not finite; ``row`` is the record.
    MissingExtraError
        protobuf is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from kneighbors.data import decode_recordio, encode_recordio
    >>> body = encode_recordio({"values": np.array([3, 4])}, np.array([[0.5, 1.0], [2.0, 4.0]]))
    >>> batch = decode_recordio(body, labels=True)
    >>> batch.features.tolist(), batch.labels.tolist()
    ([[0.5, 1.0], [2.0, 4.0]], [3, 4])
    """
    asked = requested_dtype(dtype)
    found: list[Run] = []
    n_rows = 0
    for run in runs(Frames(io.BytesIO(body).read, name), name, n_features, labels=labels):
        n_features = run.features.shape[1]
        n_rows += len(run.features)
        if n_rows * n_features * 8 > memory_limit:
            raise DataError(
                f"{name}: its first {n_rows} records of {n_features} numbers take more than "
                f"{memory_limit >> 20} MiB as a matrix. Send fewer at a time.",
                row=n_rows - 1,
            )
        found.append(run)
    if asked is None:
        asked = common_float(float_dtype(run.features.dtype, Place(name)) for run in found)
    ready = [checked(run, name, asked) for run in found]
    if not ready:
        return Batch(0, np.empty((0, n_features or 0), dtype=asked), None)
    joined = [piece for _, piece in ready if piece is not None]
    return Batch(0, np.concatenate([rows for rows, _ in ready]), join_labels(joined) if joined else None)


def checked(
    run: Run, name: str, dtype: np.dtype[Any], *, allow_nan: bool = False
) -> tuple[Any, NDArray[Any] | None]:
    """A run's features in ``dtype`` and its labels, all finite.

    Raises
    ------
    DataError
        Naming the record.
    """
    place = RecordPlace(name, None, run.first_row)
    columns = range(run.features.shape[1])
    if run.features.dtype.kind == "f":
        check_finite(run.features, place, columns, allow_nan=allow_nan)
    features = to_dtype(run.features, dtype, place, columns)
    if run.labels is None:
        return features, None
    return features, as_labels(run.labels[:, 0] if run.labels.shape[1] == 1 else run.labels, place)


def runs(frames: Frames, name: str, n_features: int | None, *, labels: bool) -> Generator[Run, None, None]:
    """The records of a stream, in runs of bounded size.

    Parameters
    ----------
    frames : Frames
    name : str
        What messages call the stream.
    n_features : int or None
        None: what the first record has.
    labels : bool
        Whether labels are read; then all records must have as many as the first, 1 or more.
    """
    pending: list[tuple[NDArray[Any], NDArray[Any] | None]] = []
    forms: dict[int, Template] = {}  # by the length of the message: the form last seen with it
    first_row, bytes_read, n_labels, in_a_row = 0, 0, 0, _IN_A_ROW
    last: Template | None = None

    def flush() -> Iterator[Run]:
        """What was parsed one by one, as a run."""
        nonlocal first_row
        if pending:
            rows = np.stack([row for row, _ in pending])
            marks = [mark for _, mark in pending if mark is not None]
            yield Run(first_row, rows, np.stack(marks) if labels else None, bytes_read)
            first_row += len(pending)
            pending.clear()

    while (message := frames.next()) is not None:
        form = forms.get(len(message))
        known = None if form is None else read_known(message, form)
        if known is not None:
            row, mark = known
        else:
            row, mark, form = parse(message, RecordPlace(name, None, frames.n_records - 1), n_features)
            n_features = len(row)
            if labels:
                n_labels = n_labels or _n_labels(mark, name, frames.n_records - 1)
                if mark is None or len(mark) != n_labels:
                    raise RecordPlace(name, None, frames.n_records - 1).error(
                        f"{0 if mark is None else len(mark)} labels",
                        f"{n_labels}, as in the first record",
                        row=0,
                    )
            if form is not None:
                forms[len(message)] = form
        if pending and (_kinds(*pending[-1]) != _kinds(row, mark) or len(pending) * row.nbytes > _RUN_BYTES):
            yield from flush()
        pending.append((row, mark))
        bytes_read = frames.bytes_read
        in_a_row = in_a_row + 1 if form is last else 1 if last is not None else in_a_row
        last = form
        if form is None or in_a_row < _IN_A_ROW:
            continue  # where forms change from record to record, looking for many alike is in vain
        alike = frames.alike(len(form.frame), form.fixed, form.upper_bits)
        if len(alike):
            yield from flush()
            wanted = form.slots if labels else form.slots[:1]
            found = [numbers_of(alike[:, slot.part], slot.tensor) for slot in wanted]
            yield Run(first_row, found[0], found[1] if labels else None, frames.bytes_read)
            first_row += len(alike)
    yield from flush()


def _kinds(row: NDArray[Any], mark: NDArray[Any] | None) -> tuple[Any, Any]:
    return row.dtype, None if mark is None else mark.dtype


def _n_labels(mark: NDArray[Any] | None, name: str, record: int) -> int:
    if mark is None or not len(mark):
        raise RecordPlace(name, None, record).error(
            "no label", "the label 'values' in every record", "Leave labels out, or write them.", row=0
        )
    return len(mark)
