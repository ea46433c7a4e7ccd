# SPDX-License-Identifier: Apache-2.0
"""``model_algo-1.json``: the documented keys, ours under ``kneighbors``, and the fingerprints that hold them.

A person may edit ``k`` and ``predictor_type``. Every other key has a fingerprint, the SHA-256 of its
canonical text, in the header of ``model_algo-1``; so any tool may indent, order and rewrite the file, but no
other value can change. One value cannot be under that lock because it is taken of the lock itself: the
SHA-256 of ``model_algo-1``. Changing it breaks its own comparison.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from ..errors import ModelFileError
from .contents import ModelContents
from .labels import LabelsEntry
from .layout import FORMAT_VERSION
from .strict_json import JsonError, canonical, parse, plain

__all__ = [
    "EDITABLE",
    "RESERVED",
    "Files",
    "IndexEntry",
    "Metadata",
    "fingerprints",
    "read_metadata",
    "tree_of",
]

EDITABLE = ("k", "predictor_type")
RESERVED = ("format_version", "little_endian", "files")
OURS = "kneighbors"
CONTRACT_VERSION = "1.0"
_TOP_KEYS = ("k", "predictor_type", "dimension_reduction", "normalize", "version", OURS)


class IndexEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``kneighbors.files.index``: the size and SHA-256 of ``model_algo-1``."""

    bytes: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``kneighbors.files``: the other two files."""

    index: IndexEntry
    labels: LabelsEntry


@dataclass
class Metadata:
    """What the JSON says.

    Attributes
    ----------
    k, predictor_type, dimension_reduction, normalize, version
        The documented keys, as they stand there.
    settings : dict
        The keys under ``kneighbors`` that are not the file format's own.
    files : Files or None
        None: there is no ``kneighbors`` key, so the model was written by something else.
    fingerprints : dict of str to str
        One for each key that may not be edited.
    """

    k: Any
    predictor_type: Any
    dimension_reduction: Any
    normalize: Any
    version: Any
    settings: dict[str, Any]
    files: Files | None
    fingerprints: dict[str, str]


def tree_of(contents: ModelContents, files: Files) -> dict[str, Any]:
    """The JSON of a model, as a tree in the order people read it."""
    ours = {"format_version": FORMAT_VERSION, "little_endian": True}
    return {
        "k": contents.k,
        "predictor_type": contents.predictor_type,
        "dimension_reduction": contents.dimension_reduction,
        "normalize": contents.normalize,
        "version": CONTRACT_VERSION,
        # With normalize and little_endian there are always two words (true, false) in the file: strict_json
        # needs two to tell one flipped bit ("True") from a file written in Python's words throughout.
        OURS: ours | contents.settings | {"files": msgspec.to_builtins(files)},
    }


def fingerprints(tree: dict[str, Any]) -> dict[str, str]:
    """The SHA-256 of each value that may not be edited, by the name of its key.

    Keys under ``kneighbors`` are named one by one, so that a refusal can say which was changed.
    """
    values = {key: value for key, value in tree.items() if key not in (*EDITABLE, OURS)}
    for key, value in tree[OURS].items():
        if key == "files":
            index = {name: item for name, item in value["index"].items() if name != "sha256"}
            value = value | {"index": index}
        values[f"{OURS}.{key}"] = value
    return {
        key: hashlib.sha256(canonical(value).encode("utf-8")).hexdigest() for key, value in values.items()
    }


def read_metadata(data: bytes, path: str) -> Metadata:
    """The JSON in ``data``; ``path`` is for messages.

    JSON's own words, or Python's throughout (``False``, as in the managed service's example) are read.

    Raises
    ------
    ModelFileError
        Anything but such a JSON, or a format that is newer than this reader.
    """
    try:
        tree = parse(data, python_words=True)
    except JsonError as error:
        raise ModelFileError(f"cannot be read: {error}", file=path) from None
    if not isinstance(tree, dict):
        raise ModelFileError("is not a JSON object: it must start with '{'", file=path)
    for key in tree:
        if key not in _TOP_KEYS:
            known = ", ".join(_TOP_KEYS)
            raise ModelFileError(f"is a key that is not known; {known} are", file=path, section=key[:80])
    required = _TOP_KEYS if OURS in tree else EDITABLE
    for key in required:
        if key not in tree:
            raise ModelFileError("is missing", file=path, section=key)
    files, settings = _ours(tree[OURS], path) if OURS in tree else (None, {})
    return Metadata(
        k=tree["k"],
        predictor_type=tree["predictor_type"],
        dimension_reduction=plain(tree.get("dimension_reduction")),
        normalize=tree.get("normalize", False),
        version=tree.get("version"),
        settings=settings,
        files=files,
        fingerprints=fingerprints(tree) if files else {},
    )


def _ours(ours: Any, path: str) -> tuple[Files, dict[str, Any]]:
    if not isinstance(ours, dict):
        raise ModelFileError("must be an object", file=path, section=OURS)
    version = ours.get("format_version")
    # First of all: a newer format may have keys and values that would only look wrong below.
    if type(version) is not int or version < 1:
        raise ModelFileError(
            f"is {version!r}; it must be an integer from 1", file=path, section=f"{OURS}.format_version"
        )
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"the model has format {version}; this version of kneighbors reads format {FORMAT_VERSION}. "
            "Upgrade kneighbors, or save the model again with this version",
            file=path,
            section=f"{OURS}.format_version",
        )
    if ours.get("little_endian") is not True:
        raise ModelFileError("must be true", file=path, section=f"{OURS}.little_endian")
    try:
        files = msgspec.convert(plain(ours.get("files")), Files, strict=True)
    except msgspec.ValidationError as error:
        raise ModelFileError(f"cannot be used: {error}", file=path, section=f"{OURS}.files") from None
    return files, {key: plain(value) for key, value in ours.items() if key not in RESERVED}
