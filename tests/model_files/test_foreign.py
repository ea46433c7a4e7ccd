# SPDX-License-Identifier: Apache-2.0
"""Folders that another program wrote: what was found is named, and what can be done."""

from __future__ import annotations

import numpy as np
import pytest

from kneighbors.errors import ModelFileError
from kneighbors.model_files import read
from kneighbors.model_files.foreign import describe, is_faiss
from tests.model_files.small_models import INDEX, JSON, LABELS, edit_json, saved, write_files

JSON_UNREDUCED = (
    b'{"k":5,"predictor_type":"classifier","dimension_reduction":None,"normalize":False,"version":"1.0"}'
)
JSON_REDUCED = (
    b'{"k":5,"predictor_type":"classifier","dimension_reduction":{"type":"sign","seed":3,"target_dim":10,'
    b'"input_dim":20},"normalize":False,"version":"1.0"}'
)


def refused(folder):
    with pytest.raises(ModelFileError) as caught:
        read(folder)
    return caught.value


def folder_with(tmp_path, index, json=JSON_UNREDUCED):
    write_files(tmp_path / "m", {INDEX: index, LABELS: bytes(20), JSON: json})
    return tmp_path / "m"


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"IxF2", "'IxF2': flat, L2"),
        (b"IxFI", "'IxFI': flat, inner product"),
        (b"IwFl", "'IwFl': inverted lists, flat"),
        (b"IvFl", "'IvFl': inverted lists, flat, old format"),
        (b"IwPQ", "'IwPQ': inverted lists, product quantiser"),
        (b"IwSq", "'IwSq': inverted lists, scalar quantiser"),
        (b"IHNf", "'IHNf': HNSW, flat"),
        (b"IxPT", "'IxPT': with a transform before it"),
    ],
)
def test_an_unreduced_faiss_folder_is_named_and_refused(tmp_path, start, told):
    error = refused(folder_with(tmp_path, start + bytes(100)))
    assert str(error) == (
        f"{tmp_path}/m/{INDEX}: was not written by kneighbors (the JSON has no key 'kneighbors'): it is a "
        f"faiss index (its first four bytes are {told}). This version of kneighbors reads no faiss files: "
        "fit a model on the training data, or on the rows that faiss's own reader gives back"
    )


@pytest.mark.parametrize(
    "kind",
    ["Flat", "IVF2,Flat", "IVF2,SQ8", "SQ8", "PQ2x2", "IVF2,PQ2x2", "HNSW4", "PCA2,Flat", "IDMap,Flat"],
)
def test_what_faiss_itself_writes_is_recognised(kind):
    faiss = pytest.importorskip("faiss")
    index = faiss.index_factory(4, kind)
    index.train(np.random.default_rng(0).random((50, 4), dtype=np.float32))
    assert is_faiss(faiss.serialize_index(index).tobytes())


def test_a_reduced_foreign_folder_is_refused_for_its_projection(tmp_path):
    error = refused(folder_with(tmp_path, b"IxF2" + bytes(100), JSON_REDUCED))
    assert (error.file, error.section) == (str(tmp_path / "m" / JSON), "dimension_reduction")
    assert "only that program can draw its projection again from the seed" in str(error)
    assert "Fit a kneighbors model on the training data instead" in str(error)


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"", "it is an empty file. Fit"),
        (
            b"\x93NUMPY\x01\x00",
            "it is a NumPy .npy file. Fit a kneighbors model on the training data instead",
        ),
        (b"\x80\x04\x95\x00", "it is a Python pickle, which is never loaded. Fit"),
        (b"\x1f\x8b\x08", "it is a gzip file; unpack model.tar.gz first. Fit"),
        (b"PK\x03\x04", "it is a zip archive. Fit"),
        (b"\x89HDF\r\n", "it is an HDF5 file. Fit"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a Git LFS pointer; fetch the file itself"),
        (b"abcdefghij", "it is an unknown kind of file (its first bytes are b'abcdefgh'). Fit"),
    ],
)
def test_other_files_are_named(tmp_path, start, told):
    error = refused(folder_with(tmp_path, start))
    assert error.file == str(tmp_path / "m" / INDEX)
    assert told in str(error)


def test_our_index_without_our_key(tmp_path):
    saved(tmp_path / "m")
    edit_json(tmp_path / "m", lambda tree: tree.pop("kneighbors"))
    error = refused(tmp_path / "m")
    assert (error.file, error.section) == (str(tmp_path / "m" / JSON), "kneighbors")
    assert "put the JSON it was saved with back" in str(error)


def test_a_foreign_index_under_our_json(tmp_path):
    saved(tmp_path / "m")
    size = (tmp_path / "m" / INDEX).stat().st_size
    (tmp_path / "m" / INDEX).write_bytes(b"IxF2".ljust(size, b"\0"))
    error = refused(tmp_path / "m")
    assert "is not a kneighbors index but a faiss index (its first four bytes are 'IxF2': flat, L2)" in str(
        error
    )


def test_what_four_bytes_say():
    assert is_faiss(b"IwPQ and more")
    assert is_faiss(b"IvFL")
    assert not is_faiss(b"IwP")
    assert not is_faiss(b"iwpq")
    assert describe(b"IxPq") == "a faiss index (its first four bytes are 'IxPq': product quantiser)"
