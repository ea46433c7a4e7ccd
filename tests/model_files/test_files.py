# SPDX-License-Identifier: Apache-2.0
"""Opening: by folder handle, regular files only, no links, one model to a folder, nothing written."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from kneighbors.errors import ModelFileError, ParameterError
from kneighbors.model_files import files, operations, read
from tests.model_files.faults import Faulty
from tests.model_files.small_models import INDEX, JSON, LABELS, differences, files_of, saved, write_files


def refused(folder, **options):
    with pytest.raises(ModelFileError) as caught:
        read(folder, **options)
    return caught.value


def test_paths_of_any_kind(tmp_path, monkeypatch):
    original = saved(tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    for path in (
        tmp_path / "m",
        str(tmp_path / "m"),
        os.fsencode(tmp_path / "m"),
        f"{tmp_path}/m/",
        "m",
        "./m/",
    ):
        assert differences(read(path), original) == []
    monkeypatch.chdir(tmp_path / "m")
    assert differences(read("."), original) == []


def test_a_link_to_the_folder_is_followed(tmp_path):
    original = saved(tmp_path / "m")
    (tmp_path / "link").symlink_to("m")
    assert differences(read(tmp_path / "link"), original) == []


def test_no_folder(tmp_path):
    error = refused(tmp_path / "none")
    assert str(error) == f"{tmp_path}/none: there is no such folder"
    error = refused(tmp_path / "none" / "deeper")
    assert "there is no such folder" in str(error)
    assert "is not a path: it holds a NUL character" in str(refused("a\0b"))


def test_a_file_instead_of_a_folder(tmp_path):
    saved(tmp_path / "m")
    error = refused(tmp_path / "m" / JSON)
    assert f"is not a folder; give the folder that holds the three files, perhaps '{tmp_path}/m'" in str(
        error
    )


def test_a_file_in_the_working_folder_instead_of_a_folder(tmp_path, monkeypatch):
    saved(tmp_path / "m")
    monkeypatch.chdir(tmp_path / "m")
    assert "perhaps '.'" in str(refused(INDEX))


def test_an_empty_folder(tmp_path):
    (tmp_path / "readme.txt").write_text("")
    assert "holds no model: there is no file model_algo-1" in str(refused(tmp_path))


def test_other_files_are_left_alone(tmp_path):
    original = saved(tmp_path / "m")
    for name in ("model_algo-1.bak", "model_algo-", "model_algo-2.npy", "model_algo-x.json", "xmodel_algo-3"):
        (tmp_path / "m" / name).write_text("?")
    (tmp_path / "m" / "folder").mkdir()
    assert differences(read(tmp_path / "m"), original) == []


def test_any_number_but_only_one(tmp_path):
    original = saved(tmp_path / "m")
    content = files_of(tmp_path / "m")
    write_files(tmp_path / "other", {name.replace("-1", "-27"): data for name, data in content.items()})
    assert differences(read(tmp_path / "other"), original) == []
    write_files(tmp_path / "other", content)
    assert "holds 2 models (model_algo-1, model_algo-27); a folder holds one" in str(
        refused(tmp_path / "other")
    )


@pytest.mark.parametrize("name", [INDEX, LABELS, JSON])
def test_a_missing_file_is_named(tmp_path, name):
    saved(tmp_path / "m")
    (tmp_path / "m" / name).unlink()
    error = refused(tmp_path / "m")
    assert error.file == str(tmp_path / "m" / name)
    assert "is missing; a model is three files" in str(error)


@pytest.mark.parametrize("name", [INDEX, LABELS, JSON])
@pytest.mark.parametrize("target", ["outside", "inside", "nowhere"])
def test_links_are_not_followed(tmp_path, name, target):
    saved(tmp_path / "m")
    place = tmp_path / "m" / name
    real = {"outside": tmp_path / "real", "inside": tmp_path / "m" / "real", "nowhere": tmp_path / "none"}[
        target
    ]
    place.rename(tmp_path / "real" if target == "nowhere" else real)
    place.symlink_to(real)
    error = refused(tmp_path / "m")
    assert error.file == str(place)
    assert "is a symbolic link; links are not followed" in str(error)


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("name", [INDEX, LABELS, JSON])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_pipe, "is not a regular file"),
        (make_socket, "cannot be opened (No such device or address)"),
        (os.mkdir, "is not a regular file"),
    ],
)
def test_only_regular_files(tmp_path, name, make, message):
    """A pipe must not block the load either."""
    saved(tmp_path / "m")
    (tmp_path / "m" / name).unlink()
    make(tmp_path / "m" / name)
    error = refused(tmp_path / "m")
    assert error.file == str(tmp_path / "m" / name)
    assert message in str(error)


@pytest.mark.parametrize("name", [INDEX, LABELS, JSON])
def test_hard_links_are_refused_unless_allowed(tmp_path, name):
    original = saved(tmp_path / "m")
    os.link(tmp_path / "m" / name, tmp_path / "elsewhere")
    error = refused(tmp_path / "m")
    assert error.file == str(tmp_path / "m" / name)
    assert "has 2 hard links" in str(error)
    assert differences(read(tmp_path / "m", allow_hard_links=True), original) == []


def test_what_is_missing_is_looked_for_once(tmp_path, monkeypatch):
    """Only a folder that was replaced meanwhile is looked at again."""
    saved(tmp_path / "m")
    (tmp_path / "m" / LABELS).unlink()
    for path in (tmp_path / "m", tmp_path / "none"):
        counting = Faulty()
        monkeypatch.setattr(operations, "system", counting)
        refused(path)
        assert counting.calls.count("open_root") == 1


def test_an_empty_file_can_be_mapped(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    with open(tmp_path / "empty", "rb") as file:
        content = files.OpenFile("empty", file.fileno(), 0).mapped()
    assert (content.dtype, content.shape) == (np.uint8, (0,))


def test_a_json_as_long_as_it_may_be(tmp_path):
    original = saved(tmp_path / "m")
    with open(tmp_path / "m" / JSON, "ab") as file:
        file.write(b" " * ((1 << 20) - file.tell()))
    assert differences(read(tmp_path / "m"), original) == []
    with open(tmp_path / "m" / JSON, "ab") as file:
        file.write(b" ")
    assert "has 1048577 bytes; at most 1048576 are read" in str(refused(tmp_path / "m"))


def test_a_json_that_is_too_long_is_not_read(tmp_path):
    saved(tmp_path / "m")
    with open(tmp_path / "m" / JSON, "r+b") as file:
        file.truncate(1 << 40)
    assert "has 1099511627776 bytes; at most 1048576 are read" in str(refused(tmp_path / "m"))


@pytest.mark.parametrize("name", [INDEX, LABELS])
def test_a_file_of_another_size_is_not_read(tmp_path, name):
    saved(tmp_path / "m")
    size = (tmp_path / "m" / name).stat().st_size
    with open(tmp_path / "m" / name, "r+b") as file:
        file.truncate(1 << 40)
    error = refused(tmp_path / "m", mmap=False)
    assert error.file == str(tmp_path / "m" / name)
    assert f"has 1099511627776 bytes, model_algo-1.json says {size}" in str(error)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("verify", ["full", "header"])
def test_arrays_are_read_only_and_aligned(tmp_path, mmap, verify):
    saved(tmp_path / "m")
    # Where memory starts is chance; some of these starts would show a wrong step to the next boundary.
    for loaded in [read(tmp_path / "m", mmap=mmap) for _ in range(32)]:
        assert loaded.sections["rows"].ctypes.data % 64 == 0
    loaded = read(tmp_path / "m", mmap=mmap, verify=verify)
    for array in [*loaded.sections.values(), loaded.labels]:
        assert not array.flags.writeable
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    for array in loaded.sections.values():
        assert array.ctypes.data % 64 == 0 or array.size == 0


def test_what_verify_may_be(tmp_path):
    saved(tmp_path / "m")
    for verify in (True, False, "none", None):
        with pytest.raises(ParameterError, match="it must be 'full' or 'header'"):
            read(tmp_path / "m", verify=verify)


def test_reading_in_chunks(tmp_path, monkeypatch):
    """Sections larger than one chunk, and chunks that end inside a section."""
    monkeypatch.setattr(files, "CHUNK", 7)
    for name in ("classifier", "regressor", "unlabelled"):
        original = saved(tmp_path / name, name)
        assert differences(read(tmp_path / name, mmap=False), original) == []


def test_loading_writes_nothing(tmp_path):
    """Every open of a load is read-only, and neither the folder nor its times change."""
    saved(tmp_path / "m")
    before = {name: os.stat(tmp_path / "m" / name) for name in (".", INDEX, LABELS, JSON)}
    code = (
        "import os, sys\n"
        "import kneighbors.model_files as model_files\n"
        "changes = {'os.mkdir', 'os.rename', 'os.remove', 'os.rmdir', 'os.link', 'os.truncate', 'os.chmod'}\n"
        "def watch(event, arguments):\n"
        "    if event in changes: print(event, arguments)\n"
        "    if event == 'open' and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT): print(arguments)\n"
        "sys.addaudithook(watch)\n"
        "for mmap in (True, False):\n"
        "    for verify in ('full', 'header'):\n"
        "        model_files.read(sys.argv[1], mmap=mmap, verify=verify)\n"
        "print('done')\n"
    )
    told = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path / "m")], capture_output=True, text=True, check=True
    )
    assert told.stdout == "done\n", told.stdout + told.stderr
    for name, about in before.items():
        now = os.stat(tmp_path / "m" / name)
        assert (now.st_mtime_ns, now.st_ctime_ns, now.st_ino) == (
            about.st_mtime_ns,
            about.st_ctime_ns,
            about.st_ino,
        )


def test_no_descriptor_stays_open_but_the_mappings(tmp_path):
    saved(tmp_path / "m")

    def descriptors():
        return len(os.listdir("/dev/fd"))

    before = descriptors()
    loaded = read(tmp_path / "m", mmap=False)
    assert descriptors() == before
    mapped = read(tmp_path / "m")
    assert descriptors() <= before + 2
    del mapped
    assert descriptors() == before
    np.testing.assert_array_equal(loaded.labels, [2, 0, 1, 1, 0])
    (tmp_path / "m" / INDEX).write_bytes(b"?")
    refused(tmp_path / "m")
    assert descriptors() == before


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENODEV, "No such device"),
            "cannot be mapped ([Errno 19] No such device); load with mmap=False",
        ),
        (
            ValueError("mmap length is greater than file size"),
            "cannot be mapped (mmap length is greater than",
        ),
    ],
)
def test_a_file_that_cannot_be_mapped(tmp_path, monkeypatch, error, message):
    original = saved(tmp_path / "m")

    def no_mmap(*arguments, **options):
        raise error

    monkeypatch.setattr(files.mmap, "mmap", no_mmap)
    found = refused(tmp_path / "m")
    assert found.file == str(tmp_path / "m" / INDEX)
    assert message in str(found)
    assert found.__cause__ is error
    assert differences(read(tmp_path / "m", mmap=False), original) == []


@pytest.mark.parametrize("name", [JSON, INDEX, LABELS])
@pytest.mark.parametrize("mmap", [True, False])
def test_a_file_that_is_cut_short_while_it_is_read(tmp_path, monkeypatch, name, mmap):
    saved(tmp_path / "m")
    size = (tmp_path / "m" / name).stat().st_size

    class Cutting(operations.System):
        """Right after the last file is opened, someone takes half of one away."""

        opened = 0

        def open_file(self, which, folder):
            descriptor = super().open_file(which, folder)
            self.opened += 1
            return descriptor

        def read(self, descriptor, buffer, offset):
            os.truncate(tmp_path / "m" / name, size // 2)
            return super().read(descriptor, buffer, offset)

    monkeypatch.setattr(operations, "system", Cutting())
    if mmap and name == LABELS:
        monkeypatch.setattr(files.OpenFile, "mapped", files.OpenFile.whole)
    error = refused(tmp_path / "m", mmap=mmap)
    assert error.file == str(tmp_path / "m" / name)
    assert f"ends at byte {size // 2}; it had {size} bytes when it was opened" in str(error) or (
        "mmap length is greater than file size" in str(error)
    )
