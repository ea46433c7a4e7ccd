# SPDX-License-Identifier: Apache-2.0
"""What a file is that is not ours, told from its first bytes: only for a message that helps."""

from __future__ import annotations

__all__ = ["describe", "is_faiss"]

# faiss writes four letters first; the older spellings are what files of the managed service may hold.
_FAISS = {
    b"IxF2": "flat, L2",
    b"IxFI": "flat, inner product",
    b"IxFl": "flat",
    b"IwFl": "inverted lists, flat",
    b"IvFl": "inverted lists, flat, old format",
    b"IvFL": "inverted lists, flat, old format",
    b"IwPQ": "inverted lists, product quantiser",
    b"IvPQ": "inverted lists, product quantiser, old format",
    b"IwSq": "inverted lists, scalar quantiser",
    b"IxPq": "product quantiser",
    b"IxSQ": "scalar quantiser",
    b"IxMp": "with an id map",
    b"IxM2": "with an id map in both directions",
    b"IxPT": "with a transform before it",
    b"IHNf": "HNSW, flat",
}
_OTHERS = {
    b"\x93NUMPY": "a NumPy .npy file",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip file; unpack model.tar.gz first",
    b"\x89HDF": "an HDF5 file",
    b"\x80\x02": "a Python pickle, which is never loaded",
    b"\x80\x03": "a Python pickle, which is never loaded",
    b"\x80\x04": "a Python pickle, which is never loaded",
    b"\x80\x05": "a Python pickle, which is never loaded",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with git lfs pull",
}


def is_faiss(start: bytes) -> bool:
    """Whether a file that starts so is a faiss index."""
    return start[:4] in _FAISS


def describe(start: bytes) -> str:
    """What a file that starts so is, as far as its first bytes tell."""
    if is_faiss(start):
        return f"a faiss index (its first four bytes are {start[:4].decode('ascii')!r}: {_FAISS[start[:4]]})"
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            return name
    return f"an unknown kind of file (its first bytes are {start[:8]!r})" if start else "an empty file"
