# SPDX-License-Identifier: Apache-2.0
"""Many files as one source: a directory, a pattern, or a list of paths; all with the same columns."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from .labels import join_labels
from .recordio_frames import MAGIC
from .source import Piece, Pieces, Source
from .values import Place, common_float, to_dtype

__all__ = ["FilesSource", "find_format", "list_files"]

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npy": "npy",
    ".pbr": "recordio",
    ".recordio": "recordio",
    ".jsonl": "jsonl",
    ".jsonlines": "jsonl",
}


def list_files(path: str, *, any_name: bool) -> list[str] | None:
    """Files of a directory (recursively) or of a pattern, sorted; None where ``path`` is a single file.

    Names that begin with "." or "_" are left out, as are files of other formats unless ``any_name``.
    """
    if os.path.isdir(path):
        found = sorted(
            os.path.join(folder, name)
            for folder, folders, names in os.walk(path)
            for name in names
            if _is_visible(os.path.relpath(os.path.join(folder, name), path))
        )
        what = "the directory"
    elif not os.path.exists(path) and glob.has_magic(path):
        found = sorted(name for name in glob.glob(path, recursive=True) if os.path.isfile(name))
        what = "the pattern"
    else:
        return None
    if not any_name:
        found = [name for name in found if Path(name).suffix.lower() in FORMATS]
    if not found:
        raise DataError(
            f"{path}: {what} has no data file; expected names that end in {', '.join(FORMATS)}. Pass "
            "format='csv' to read files of any name."
        )
    return found


def _is_visible(relative: str) -> bool:
    return not any(part.startswith((".", "_")) for part in Path(relative).parts)


def find_format(path: str, told: str | None) -> str:
    """The format, as `open` names it, from the file's name, else from its first bytes."""
    if told is not None:
        return told
    by_name = FORMATS.get(Path(path).suffix.lower())
    if by_name is not None:
        return by_name
    try:
        with Path(path).open("rb") as file:
            start = file.read(6)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if start.startswith(b"PAR1"):
        return "parquet"
    if start == b"\x93NUMPY":
        return "npy"
    if start.startswith(MAGIC):
        return "recordio"
    compressed = start.startswith((b"\x1f\x8b", b"PK", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
    advice = (
        "Decompress it first."
        if compressed
        else "Pass format='csv', 'parquet', 'npy', 'recordio' or 'jsonl'."
    )
    found = "a compressed file" if compressed else f"the ending {Path(path).suffix!r}, which tells no format"
    raise DataError(f"{path}: found {found}; expected a name that ends in {', '.join(FORMATS)}. {advice}")


class FilesSource(Source):
    """Sources of one layout, read one after the other."""

    def __init__(self, name: str, sources: Sequence[Source]) -> None:
        filled = [source for source in sources if source.n_rows != 0] or list(sources[:1])
        self.name, self._sources = name, filled
        first = filled[0]
        for other in filled[1:]:
            _compare(first, other)
        self.labels_beside = first.labels_beside
        self.feature_names, self.label_name = first.feature_names, first.label_name
        self.label_names = first.label_names
        self.n_features = first.n_features
        rows = [source.n_rows for source in filled]
        self.n_rows = None if None in rows else sum(n_rows or 0 for n_rows in rows)
        self.n_bytes = sum(source.n_bytes or 0 for source in filled)
        self.feature_dtype = common_float(source.feature_dtype for source in filled)
        kinds = [np.empty(0, source.label_dtype) for source in filled if source.label_dtype is not None]
        self.label_dtype = join_labels(kinds).dtype if kinds else None

    def _session(self) -> AbstractContextManager[Any]:
        return self._sources[0]._session()

    def _count(self) -> int:
        return sum(source.count_rows() for source in self._sources)

    def _pieces(self, size: int) -> Pieces:
        done = 0
        positions = tuple(range(self.n_features))
        with self._session():
            for source in self._sources:
                for piece in source._pieces(size):
                    features = to_dtype(piece.features, self.feature_dtype, Place(source.name), positions)
                    yield Piece(features, piece.labels, done + piece.bytes_read)
                done += source.n_bytes or 0


def _compare(first: Source, other: Source) -> None:
    """Refuse a file whose columns are not those of the first."""
    if other.n_features != first.n_features:
        raise DataError(
            f"{other.name}: found {other.n_features} feature columns; expected {first.n_features}, as in "
            f"{first.name}."
        )
    for what, mine, theirs in (
        ("feature columns", other.feature_names, first.feature_names),
        ("the label", other.label_name, first.label_name),
    ):
        if mine != theirs:
            raise DataError(
                f"{other.name}: found {_shown(mine)} as {what}; expected {_shown(theirs)}, as in "
                f"{first.name}. Give the files the same columns in the same order (or say header=True or "
                "False, where it was misread)."
            )


def _shown(names: tuple[str, ...] | str | None) -> str:
    if names is None:
        return "no names"
    if isinstance(names, str):
        return repr(names)
    return ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
