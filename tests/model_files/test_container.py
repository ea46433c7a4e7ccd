# SPDX-License-Identifier: Apache-2.0
"""``model_algo-1`` under attack: prefix, header, padding, checksums; and the peers' bugs of this kind."""

from __future__ import annotations

import hashlib
import json
import resource
import struct

import numpy as np
import pytest
from xxhash import xxh3_64_intdigest

from kneighbors.errors import ModelFileError
from kneighbors.model_files import operations, read, write
from tests.model_files.small_models import (
    INDEX,
    LABELS,
    differences,
    header_of,
    reseal,
    saved,
    unlabelled,
    with_index,
)


@pytest.fixture
def folder(tmp_path):
    saved(tmp_path / "m")
    return tmp_path / "m"


def refused(folder, **options):
    with pytest.raises(ModelFileError) as caught:
        read(folder, **options)
    return caught.value


def seal_prefix(prefix):
    return prefix[:56] + struct.pack("<Q", xxh3_64_intdigest(prefix[:56]))


def with_prefix(folder, offset, data):
    """The index with some bytes of its prefix replaced and the prefix's checksum right again."""
    index = bytearray((folder / INDEX).read_bytes())
    index[offset : offset + len(data)] = data
    with_index(folder, seal_prefix(bytes(index[:64])) + bytes(index[64:]))


def with_header(folder, change):
    """The index with a changed header and every checksum right again."""
    index = (folder / INDEX).read_bytes()
    header = header_of(index)
    change(header)
    with_index(folder, reseal(index, json.dumps(header, separators=(",", ":")).encode()))


def test_the_layout_on_disk(folder):
    """Read here with struct alone, as a reader in another language would."""
    index = (folder / INDEX).read_bytes()
    magic, version, zero, header_bytes, file_bytes, header_xxh3 = struct.unpack("<8sIIQQQ", index[:40])
    assert magic == b"\x89KNN\r\n\x1a\n"
    assert (version, zero, file_bytes) == (1, 0, len(index))
    assert index[40:56] == bytes(16)
    assert struct.unpack("<Q", index[56:64])[0] == xxh3_64_intdigest(index[:56])
    text = index[64 : 64 + header_bytes]
    assert header_xxh3 == xxh3_64_intdigest(text)
    start = (64 + header_bytes + 63) // 64 * 64
    rows = json.loads(text)["sections"][0]
    assert (rows["name"], rows["dtype"], rows["shape"], rows["offset"]) == ("rows", "float32", [5, 2], 0)
    assert struct.unpack("<2f", index[start : start + 8]) == (0.5, -1.0)
    assert len(index) % 64 == 0


def test_resealing_changes_nothing_by_itself(folder):
    original = read(folder)
    index = (folder / INDEX).read_bytes()
    assert reseal(index) == index
    with_header(folder, lambda header: None)
    assert differences(read(folder), original) == []


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"", "an empty file"),
        (b"IxF2" + bytes(60), "a faiss index (its first four bytes are 'IxF2': flat, L2)"),
        (b"\x93NUMPY\x01\x00", "a NumPy .npy file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x80\x04\x95", "a Python pickle, which is never loaded"),
        (b"\x89KNN\n\x1a\n", "an unknown kind of file (its first bytes are b'\\x89KNN\\n\\x1a\\n')"),
        (b"\x89KNN\r\n\x1a", "an unknown kind of file"),
    ],
)
def test_not_an_index(folder, start, what):
    tree = json.loads((folder / "model_algo-1.json").read_text())
    tree["kneighbors"]["files"]["index"]["bytes"] = len(start)
    (folder / "model_algo-1.json").write_text(json.dumps(tree))
    (folder / INDEX).write_bytes(start)
    error = refused(folder)
    assert f"is not a kneighbors index but {what}" in str(error)
    assert (error.file, error.section) == (str(folder / INDEX), "prefix")


@pytest.mark.parametrize("size", [8, 9, 40, 63])
def test_a_prefix_that_is_cut_off(folder, size):
    with_size = (folder / INDEX).read_bytes()[:size]
    tree = json.loads((folder / "model_algo-1.json").read_text())
    tree["kneighbors"]["files"]["index"]["bytes"] = size
    (folder / "model_algo-1.json").write_text(json.dumps(tree))
    (folder / INDEX).write_bytes(with_size)
    error = refused(folder)
    assert f"is cut off: {size} bytes, the prefix alone has 64" in str(error)
    assert error.section == "prefix"


def test_a_prefix_alone(folder):
    with_index(folder, seal_prefix((folder / INDEX).read_bytes()[:24] + struct.pack("<Q", 64) + bytes(24)))
    assert "asks for a header of" in str(refused(folder))


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_another_format_names_both_versions(folder, version):
    with_prefix(folder, 8, struct.pack("<I", version))
    error = refused(folder)
    assert f"has format {version}; this version of kneighbors reads format 1. Upgrade kneighbors" in str(
        error
    )
    assert error.section == "prefix"


@pytest.mark.parametrize(("offset", "data"), [(12, b"\1"), (15, b"\x80"), (40, b"\1"), (55, b"\xff")])
def test_reserved_bytes_must_be_zero(folder, offset, data):
    with_prefix(folder, offset, data)
    assert "has reserved bytes that are not zero" in str(refused(folder))


@pytest.mark.parametrize("wrong", [0, 1, 64, 2**63, 2**64 - 1])
def test_the_file_size_in_the_prefix(folder, wrong):
    with_prefix(folder, 24, struct.pack("<Q", wrong))
    error = refused(folder)
    size = (folder / INDEX).stat().st_size
    assert f"has {size} bytes, its prefix says {wrong}" in str(error)
    assert error.section == "prefix"


@pytest.mark.parametrize("wrong", [0, 1, 2**20 + 1, 2**32, 2**63, 2**64 - 64, 2**64 - 1])
def test_r12_the_header_size_in_the_prefix(folder, wrong):
    with_prefix(folder, 16, struct.pack("<Q", wrong))
    error = refused(folder)
    assert error.section == "header"
    assert "is damaged" in str(error) or f"asks for a header of {wrong} bytes" in str(error)


def test_the_longest_header_there_may_be(tmp_path):
    """One MiB and a byte in a file that has the bytes: the bound itself is what refuses."""
    saved(tmp_path / "m")
    index = (tmp_path / "m" / INDEX).read_bytes()
    header = json.dumps(header_of(index), separators=(",", ":")).encode()
    with_index(tmp_path / "m", reseal(index, header.ljust(2**20)))
    read(tmp_path / "m")
    with_index(tmp_path / "m", reseal(index, header.ljust(2**20 + 1)))
    assert "asks for a header of 1048577 bytes" in str(refused(tmp_path / "m"))


def test_r02_a_header_that_asks_for_16_gb_in_a_90_byte_file(folder):
    """Refused before anything of that size is allocated."""
    prefix = b"\x89KNN\r\n\x1a\n" + struct.pack("<IIQQQ", 1, 0, 16 << 30, 90, 0) + bytes(16)
    file = seal_prefix(prefix + bytes(8)) + bytes(26)
    assert len(file) == 90
    with_index(folder, file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refused(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    assert "asks for a header of 17179869184 bytes; the file has 90" in str(error)


def test_r02_a_section_that_asks_for_16_gb(folder):
    def change(header):
        header["sections"][0].update(shape=[2**31, 2], bytes=2**34)

    with_header(folder, change)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refused(folder, mmap=False)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    assert error.section == "rows"
    assert "beyond the" in str(error)


def test_r01_a_count_in_one_field_and_another_in_the_next(folder):
    for change in (
        lambda header: header["sections"][0].update(shape=[6, 2]),
        lambda header: header["sections"][0].update(bytes=48),
        lambda header: header["sections"][0].update(dtype="float64"),
    ):
        saved(folder)
        with_header(folder, change)
        error = refused(folder)
        assert error.section == "rows"
        assert "the header gives it" in str(error)


def test_r05_a_count_stored_twice(folder):
    """Rows, labels and n_rows: two that disagree are refused though every checksum is right."""
    index = (folder / INDEX).read_bytes()
    header = header_of(index)
    header["sections"][0].update(shape=[10, 1])
    with_index(folder, reseal(index, json.dumps(header, separators=(",", ":")).encode()))
    error = refused(folder)
    assert "the counts of rows disagree (kneighbors.n_rows: 5, labels: 5, section 'rows': 10)" in str(error)


def test_r04_r06_sizes_that_wrap_in_64_bits(folder):
    for shape, dtype, size in (
        ([2**32, 2**32], "uint8", 0),
        ([2**62], "float32", 0),
        ([2**61 + 5], "float64", 40),
        ([2**63, 2, 40], "uint8", 0),
        ([2**64 + 40], "uint8", 40),
    ):
        saved(folder)
        with_header(
            folder,
            lambda header, shape=shape, dtype=dtype, size=size: header["sections"][0].update(
                shape=shape, dtype=dtype, bytes=size
            ),
        )
        error = refused(folder)
        assert error.section == "rows"
        assert "is larger than any file" in str(error)


@pytest.mark.parametrize("key", ["offset", "bytes", "shape"])
@pytest.mark.parametrize("place", range(5))
def test_r12_zero_in_every_size_field(folder, key, place):
    def change(header):
        section = header["sections"][place]
        section[key] = [0] if key == "shape" else 0

    before = (folder / INDEX).read_bytes()
    with_header(folder, change)
    if header_of(before) == header_of((folder / INDEX).read_bytes()):
        read(folder)  # zero already: the first offset, the size of the empty section
    else:
        error = refused(folder)
        name = header_of(before)["sections"][place]["name"]
        assert error.section in (name, "header")


def test_r12_a_section_emptied_consistently_is_caught_by_the_tiling(folder):
    with_header(folder, lambda header: header["sections"][0].update(shape=[0, 2], bytes=0))
    error = refused(folder)
    assert error.section == "classes.0.text"
    assert "starts at 64, but the one before ends at 0" in str(error)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.update(more=1),
        lambda header: header.pop("sections"),
        lambda header: header.pop("metadata_sha256"),
        lambda header: header["sections"][0].update(more=1),
        lambda header: header["sections"][0].pop("xxh3"),
        lambda header: header["sections"][0].update(offset=-64),
        lambda header: header["sections"][0].update(bytes=40.0),
        lambda header: header["sections"][0].update(bytes="40"),
        lambda header: header["sections"][0].update(shape=[5, -2]),
        lambda header: header["sections"][0].update(shape=10),
        lambda header: header["sections"][0].update(shape=None),
        lambda header: header["sections"][0].update(name=None),
        lambda header: header.update(sections={}),
        lambda header: header.update(metadata_sha256=[]),
        lambda header: header["metadata_sha256"].update(version=5),
    ],
)
def test_headers_of_the_wrong_shape(folder, change):
    with_header(folder, change)
    error = refused(folder)
    assert error.section == "header"
    assert "cannot be read" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"null",
        b'{"sections":[],"sections":[],"metadata_sha256":{}}',
        b"[" * 5000,
        b"\xff",
        b'{"a":True}',
    ],
)
def test_headers_that_are_no_json(folder, text):
    with_index(folder, reseal((folder / INDEX).read_bytes(), text))
    error = refused(folder)
    assert (error.section, error.file) == ("header", str(folder / INDEX))
    assert "cannot be read" in str(error)


def test_nested_headers_are_refused_not_followed(folder):
    """The shape of a wrapper ten thousand deep."""
    text = b'{"sections":' * 10_000 + b"[]" + b"}" * 10_000
    with_index(folder, reseal((folder / INDEX).read_bytes(), text))
    assert "more than 32 levels deep" in str(refused(folder))


def test_damage_is_blamed_on_the_section_it_is_in(folder):
    original = (folder / INDEX).read_bytes()
    header = header_of(original)
    start = len(original) - sum(-(-section["bytes"] // 64) * 64 for section in header["sections"])
    for section in header["sections"]:
        at = start + section["offset"]
        for place in {at, at + section["bytes"] - 1} if section["bytes"] else set():
            damaged = bytearray(original)
            damaged[place] ^= 1
            (folder / INDEX).write_bytes(damaged)
            for mmap in (True, False):
                error = refused(folder, mmap=mmap)
                assert (error.section, error.file) == (section["name"], str(folder / INDEX))
                assert "is damaged: the checksum differs" in str(error)
        if section["bytes"] % 64:
            for place in (at + section["bytes"], (at + section["bytes"]) // 64 * 64 + 63):
                damaged = bytearray(original)
                damaged[place] = 0x80
                (folder / INDEX).write_bytes(damaged)
                error = refused(folder)
                assert error.section == section["name"]
                assert "is followed by padding that is not zero" in str(error)


def test_damage_in_the_header(folder):
    original = (folder / INDEX).read_bytes()
    length = int.from_bytes(original[16:24], "little")
    assert length % 64
    for place, message in (
        (64, "is damaged"),
        (63 + length, "is damaged"),
        (64 + length, "has padding that is not zero"),
        (64 + (length // 64) * 64 + 63, "has padding that is not zero"),
        (32, "is damaged"),
    ):
        damaged = bytearray(original)
        damaged[place] ^= 0x10
        (folder / INDEX).write_bytes(damaged)
        error = refused(folder, verify="header")
        assert error.section == ("prefix" if place < 64 else "header")
        assert message in str(error)


def test_padding_with_right_checksums_is_still_refused(folder):
    """Nothing can hide between the sections, not even from someone who can reseal the file."""
    index = bytearray((folder / INDEX).read_bytes())
    index[-1] = 1
    with_index(folder, bytes(index))
    error = refused(folder)
    assert "is followed by padding that is not zero" in str(error)


def test_the_header_check_is_only_a_header_check(folder):
    """It is explicit, and says nothing about the content."""
    index = bytearray((folder / INDEX).read_bytes())
    index[-1] = 1
    (folder / INDEX).write_bytes(index)
    read(folder, verify="header")
    (folder / LABELS).write_bytes(b"\1" + (folder / LABELS).read_bytes()[1:])
    with pytest.raises(ModelFileError):
        read(folder)


def test_damaged_labels(folder):
    data = bytearray((folder / LABELS).read_bytes())
    data[3] ^= 1
    (folder / LABELS).write_bytes(data)
    for mmap in (True, False):
        error = refused(folder, mmap=mmap)
        assert error.file == str(folder / LABELS)
        assert "is damaged: the SHA-256 differs from the JSON's" in str(error)


def test_the_header_check_does_not_depend_on_the_size(tmp_path, monkeypatch):
    """It reads the JSON, the prefix and the header: the same bytes for any section and any labels."""

    class Counting(operations.System):
        count = 0

        def read(self, descriptor, buffer, offset):
            self.count += len(buffer)
            return super().read(descriptor, buffer, offset)

    contents = unlabelled()
    contents.sections["filler"] = np.ones(8 << 20, dtype=np.uint8)
    write(tmp_path / "m", contents)
    counting = Counting()
    monkeypatch.setattr(operations, "system", counting)
    read(tmp_path / "m", verify="header")
    assert 500 < counting.count < 4096
    counting.count = 0
    read(tmp_path / "m")
    assert counting.count > 8 << 20


def with_labels(folder, data):
    """Other labels of the same size, and every digest right again."""
    (folder / LABELS).write_bytes(data)
    tree = json.loads((folder / "model_algo-1.json").read_text("utf-8"))
    tree["kneighbors"]["files"]["labels"]["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "model_algo-1.json").write_text(json.dumps(tree), "utf-8")
    with_index(folder, (folder / INDEX).read_bytes())


@pytest.mark.parametrize("mmap", [True, False])
def test_labels_with_right_digests_that_are_no_labels(tmp_path, mmap):
    saved(tmp_path / "m")
    with_labels(tmp_path / "m", np.array([0, 1, 0.5, 2, 1], dtype="<f4").tobytes())
    error = refused(tmp_path / "m", mmap=mmap)
    assert error.file == str(tmp_path / "m" / LABELS)
    assert "the label of row 2 is not a 64-bit integer" in str(error)
    saved(tmp_path / "r", "regressor")
    for value in (np.nan, np.inf, -np.inf):
        with_labels(tmp_path / "r", np.array([1, 2, 3, value, 5, 6]).tobytes())
        error = refused(tmp_path / "r", mmap=mmap)
        assert error.file == str(tmp_path / "r" / LABELS)
        assert "the label of row 1 is not finite" in str(error)
    read(tmp_path / "r", mmap=mmap, verify="header")  # which says nothing about the content
    with_labels(tmp_path / "r", np.arange(6.0).tobytes())
    np.testing.assert_array_equal(read(tmp_path / "r", mmap=mmap).labels, [[0, 1], [2, 3], [4, 5]])
