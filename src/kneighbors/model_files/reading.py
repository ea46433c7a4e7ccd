# SPDX-License-Identifier: Apache-2.0
"""Load a model folder: JSON, then labels, then ``model_algo-1``. Nothing is written."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any, Literal

from numpy.typing import NDArray

from ..errors import DataError, ModelFileError, ParameterError
from . import foreign
from .container import Container, Pieces, open_container, section_arrays, verify_content
from .contents import ModelContents, find_problem
from .files import Bytes, ModelFolder, OpenFile, VanishedError
from .labels import LabelsEntry, check_entry, decode, not_finite
from .metadata import Metadata, read_metadata
from .naming import aside_pattern, target_of
from .strict_json import MAX_BYTES

__all__ = ["read"]

_ATTEMPTS = 50


def read(
    path: str | os.PathLike[str],
    *,
    mmap: bool = True,
    verify: Literal["full", "header"] = "full",
    allow_hard_links: bool = False,
) -> ModelContents:
    """Read the model in a folder.

    Parameters
    ----------
    path : str or path-like
        The folder. It may be a link; the three files in it may not.
    mmap : bool, default=True
        Map ``model_algo-1`` and the labels read-only, so that loading needs no memory for them. Saving over
        the folder is safe meanwhile: the mapped files live on. Whoever cuts a mapped file short in place ends
        this process with SIGBUS; ``mmap=False`` reads the files into memory instead.
    verify : {"full", "header"}, default="full"
        "full" reads every byte and checks it. "header" checks the structure and the JSON only, which takes
        the same time for any size, and takes the content on trust.
    allow_hard_links : bool, default=False
        Accept files that have another name somewhere else.

    Returns
    -------
    ModelContents
        With read-only arrays.

    Raises
    ------
    ModelFileError
        The folder does not hold a whole, undamaged model in a known format. It names file and section.
    ParameterError
        ``verify`` is neither "full" nor "header".
    """
    if verify not in ("full", "header"):
        raise ParameterError(f"verify is {verify!r}; it must be 'full' or 'header'")
    given = os.fsdecode(path)
    if "\0" in given:
        raise ModelFileError("is not a path: it holds a NUL character", file=given)
    attempt = 1
    while True:
        place = _find(given)
        seen: tuple[int, int] | None = None
        try:
            with ModelFolder(place, allow_hard_links=allow_hard_links) as folder:
                seen = folder.identity()
                return _read_folder(folder, mmap, verify == "full")
        except VanishedError:
            # A save may have swapped the folder away and removed it between two looks; the new one is whole.
            if attempt == _ATTEMPTS or not _was_replaced(given, seen):
                raise
            attempt += 1


def _find(given: str) -> str:
    """The folder to read: the one asked for, or what a killed save set aside under another name.

    Where a file system cannot swap two folders in one step, a save renames the old one aside and the new one
    into place. Killed between the two, it leaves the old model whole under its aside name.
    """
    if os.path.lexists(given):
        return given
    parent, name = target_of(given)
    aside = re.compile(aside_pattern(name))
    try:
        found = sorted(entry for entry in os.listdir(parent) if aside.fullmatch(entry))
    except OSError:
        return given
    return os.path.join(parent, found[0]) if found else given


def _was_replaced(given: str, seen: tuple[int, int] | None) -> bool:
    try:
        about = os.stat(_find(given))
    except OSError:
        return False
    return (about.st_dev, about.st_ino) != seen


def _read_folder(folder: ModelFolder, mmap: bool, full: bool) -> ModelContents:
    name = folder.model_name()
    # All three are opened before anything is read: what is open stays whole when the folder is replaced.
    json_file = folder.open(f"{name}.json")
    index_file = folder.open(name)
    labels_file = folder.open(f"{name}.labels")
    if json_file.size > MAX_BYTES:
        raise ModelFileError(f"has {json_file.size} bytes; at most {MAX_BYTES} are read", file=json_file.path)
    metadata = read_metadata(json_file.take(0, json_file.size), json_file.path)
    if metadata.files is None:
        _refuse_foreign(metadata, json_file, index_file)
    files = metadata.files
    assert files is not None
    problem = check_entry(files.labels)
    if problem is not None:
        raise ModelFileError(problem, file=json_file.path, section="kneighbors.files.labels")
    _check_size(index_file, files.index.bytes, json_file)
    _check_size(labels_file, files.labels.bytes, json_file)
    container = open_container(index_file)
    _check_fingerprints(metadata, container, json_file)
    contents = ModelContents(
        k=metadata.k,
        predictor_type=metadata.predictor_type,
        dimension_reduction=metadata.dimension_reduction,
        normalize=metadata.normalize,
        settings=metadata.settings,
        sections=_read_index(container, files.index.sha256, mmap, full),
    )
    contents.labels = _read_labels(labels_file, files.labels, mmap, full)
    found = find_problem(contents)
    if found is not None:
        raise ModelFileError(found[1], file=json_file.path, section=found[0])
    return contents


def _refuse_foreign(metadata: Metadata, json_file: OpenFile, index_file: OpenFile) -> None:
    """Say what a folder without our key is, and what can be done."""
    start = index_file.take(0, min(64, index_file.size))
    what = foreign.describe(start)
    if start.startswith(b"\x89KNN"):
        raise ModelFileError(
            "is missing, though model_algo-1 was written by kneighbors; put the JSON it was saved with back",
            file=json_file.path,
            section="kneighbors",
        )
    if metadata.dimension_reduction is not None:
        raise ModelFileError(
            "belongs to a model of another program: only that program can draw its projection again from the "
            "seed. Fit a kneighbors model on the training data instead",
            file=json_file.path,
            section="dimension_reduction",
        )
    todo = (
        "This version of kneighbors reads no faiss files: fit a model on the training data, or on the rows "
        "that faiss's own reader gives back"
        if foreign.is_faiss(start)
        else "Fit a kneighbors model on the training data instead"
    )
    raise ModelFileError(
        f"was not written by kneighbors (the JSON has no key 'kneighbors'): it is {what}. {todo}",
        file=index_file.path,
    )


def _check_size(file: OpenFile, expected: int, json_file: OpenFile) -> None:
    if file.size != expected:
        raise ModelFileError(
            f"has {file.size} bytes, {os.path.basename(json_file.path)} says {expected}", file=file.path
        )


def _check_fingerprints(metadata: Metadata, container: Container, json_file: OpenFile) -> None:
    saved = container.header.metadata_sha256
    for key in (*saved, *metadata.fingerprints):
        if saved.get(key) != metadata.fingerprints.get(key):
            change = "removed" if key not in metadata.fingerprints else "changed" if key in saved else "added"
            raise ModelFileError(
                f"was {change} since the model was saved; only k and predictor_type may be edited. Put back "
                "what stood there, or fit again",
                file=json_file.path,
                section=key[:80],
            )


def _read_index(container: Container, sha256: str, mmap: bool, full: bool) -> dict[str, NDArray[Any]]:
    content = container.file.mapped() if mmap else container.file.whole()
    if full:
        verify_content(container, _pieces(container.file, content, mmap), sha256)
    return section_arrays(container, content)


def _read_labels(file: OpenFile, entry: LabelsEntry, mmap: bool, full: bool) -> NDArray[Any] | None:
    content = file.mapped() if mmap else file.whole()
    if full:
        digest = hashlib.sha256()
        for piece in _pieces(file, content, mmap)(0, file.size):
            digest.update(piece)
        if digest.hexdigest() != entry.sha256:
            raise ModelFileError("is damaged: the SHA-256 differs from the JSON's", file=file.path)
    try:
        labels = decode(entry, content)
        if full and labels is not None and (row := not_finite(labels)) is not None:
            raise DataError(f"the label of row {row} is not finite")
    except DataError as error:
        raise ModelFileError(str(error), file=file.path) from None
    return labels


def _pieces(file: OpenFile, content: Bytes, mmap: bool) -> Pieces:
    """Where to verify from: memory, or else the file, since a mapping that fails kills the process."""
    if mmap:
        return file.chunks
    return lambda offset, length: [content[offset : offset + length].data]
