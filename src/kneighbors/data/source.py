# SPDX-License-Identifier: Apache-2.0
"""What every source of rows offers: names, dtypes, and batches in bounded memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from .labels import join_labels
from .values import FloatRows

__all__ = ["Batch", "Piece", "Pieces", "Progress", "Source", "rows_per_batch"]

Labels = NDArray[Any]
Progress = Callable[[int, int | None, int], None]
"""Called with the rows read so far, all rows (None: not known) and the bytes read so far."""

_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 65_536


def rows_per_batch(n_features: int) -> int:
    """Rows that fill about 8 MiB, from 1 to 65,536: the default batch."""
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // (8 * max(1, n_features))))


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive rows.

    Attributes
    ----------
    first_row : int
        Global row number of the first row.
    features : ndarray of shape (n, n_features), float32 or float64
        C-contiguous; a view of the source's own memory where it already has this form, so not to be written
        to.
    labels : ndarray of shape (n,) or (n, n_labels), or None
        bool, int64, float32, float64, or text (``<U`` or an object array of ``str``).
    """

    first_row: int
    features: FloatRows
    labels: Labels | None

    def __len__(self) -> int:
        return int(self.features.shape[0])


class Piece(NamedTuple):
    """What a reader hands over at a time: rows, labels, and the bytes it has read so far."""

    features: FloatRows
    labels: Labels | None
    bytes_read: int


Pieces = Generator[Piece, None, None]


class Source(ABC):
    """Rows and labels from one place, read as often as wanted. Made by ``kneighbors.data.open``.

    Attributes
    ----------
    name : str
        What messages call it: a path, "array", "data frame".
    feature_names : tuple of str or None
        Names of the feature columns, in the order of the matrix; None where there are none.
    label_name : str or None
        Name of the label column, or of several, joined by ", ".
    label_names : tuple of str
        Names of the label columns; empty where there are none.
    n_features : int
        Columns of the matrix.
    n_rows : int or None
        Rows, where that is known without reading (None for CSV; see ``count_rows``).
    n_bytes : int or None
        Bytes to be read, for a progress bar.
    feature_dtype : numpy.dtype
        float32 or float64.
    label_dtype : numpy.dtype or None
        Type of the labels; None without labels. For CSV it is what the first lines show; whole numbers widen
        to float64 when a fraction turns up later.
    """

    name: str
    feature_names: tuple[str, ...] | None
    label_name: str | None
    label_names: tuple[str, ...] = ()
    n_features: int
    n_rows: int | None
    n_bytes: int | None
    feature_dtype: np.dtype[Any]
    label_dtype: np.dtype[Any] | None
    labels_beside = False  # of the features instead of in one of the columns

    @property
    def has_labels(self) -> bool:
        """Whether batches carry labels."""
        return self.label_dtype is not None

    def batches(
        self, size: int | None = None, *, first_row: int = 0, progress: Progress | None = None
    ) -> Iterator[Batch]:
        """Read the rows from the start, ``size`` at a time (the last batch may be shorter).

        Parameters
        ----------
        size : int or None, default=None
            Rows in a batch; None takes as many as fill about 8 MiB.
        first_row : int, default=0
            Global number of this source's first row, where it is a shard of something larger.
        progress : callable or None, default=None
            ``progress(rows_read, total_or_None, bytes_read)``, called before each batch is handed over.

        Yields
        ------
        Batch

        Raises
        ------
        DataError
            A value, row or column cannot be used; row numbers in messages count within this source.

        Examples
        --------
        >>> import numpy as np
        >>> from kneighbors import data
        >>> source = data.open(np.arange(6.0).reshape(3, 2))
        >>> [(batch.first_row, len(batch)) for batch in source.batches(2)]
        [(0, 2), (2, 1)]
        """
        if size is None:
            size = rows_per_batch(self.n_features)
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ParameterError(f"size={size!r} was given; expected a whole number of rows, 1 or more.")
        return self._batches(int(size), first_row, progress)

    def _batches(self, size: int, first_row: int, progress: Progress | None) -> Iterator[Batch]:
        rows_read = 0
        with closing(self._pieces(size)) as pieces:
            for features, labels, bytes_read in _exactly(pieces, size):
                batch = Batch(first_row + rows_read, features, labels)
                rows_read += len(batch)
                if progress is not None:
                    progress(rows_read, self.n_rows, bytes_read)
                yield batch

    def read(self, *, progress: Progress | None = None) -> Batch:
        """Everything at once, in memory."""
        batches = list(self.batches(progress=progress))
        if not batches:
            empty = np.empty((0, self.n_features), dtype=self.feature_dtype)
            labels = None if self.label_dtype is None else np.empty(0, dtype=self.label_dtype)
            return Batch(0, empty, labels)
        features: FloatRows = np.concatenate([batch.features for batch in batches])
        pieces = [batch.labels for batch in batches if batch.labels is not None]
        return Batch(0, features, join_labels(pieces) if pieces else None)

    def count_rows(self) -> int:
        """How many rows there are; where that is not known, by one fast pass that parses no numbers."""
        if self.n_rows is None:
            self.n_rows = self._count()
        return self.n_rows

    def _count(self) -> int:
        return sum(len(batch) for batch in self.batches())

    def _session(self) -> AbstractContextManager[Any]:
        """Held open while several sources are read in turn; for readers with something costly to start."""
        return nullcontext()

    @abstractmethod
    def _pieces(self, size: int) -> Pieces:
        """Pieces of any length, in order; ``size`` is a hint."""


def _exactly(pieces: Iterator[Piece], size: int) -> Iterator[Piece]:
    """The same rows in pieces of exactly ``size`` rows, but for the last."""
    held: list[Piece] = []
    n_held = 0
    for piece in pieces:
        start, n_rows = 0, piece.features.shape[0]
        while n_held + n_rows - start >= size:
            stop = start + size - n_held
            held.append(_slice(piece, start, stop))
            yield _join(held)
            held, n_held, start = [], 0, stop
        if start < n_rows:
            held.append(_slice(piece, start, n_rows))
            n_held += n_rows - start
    if held:
        yield _join(held)


def _slice(piece: Piece, start: int, stop: int) -> Piece:
    if start == 0 and stop == piece.features.shape[0]:
        return piece
    labels = None if piece.labels is None else piece.labels[start:stop]
    return Piece(piece.features[start:stop], labels, piece.bytes_read)


def _join(held: list[Piece]) -> Piece:
    if len(held) == 1:
        return held[0]
    labels = [piece.labels for piece in held if piece.labels is not None]
    return Piece(
        np.concatenate([piece.features for piece in held]),
        join_labels(labels) if labels else None,
        held[-1].bytes_read,
    )
