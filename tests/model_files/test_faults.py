# SPDX-License-Identifier: Apache-2.0
"""D4: every call to the operating system fails once, in every way; what stood there still stands."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import warnings

import numpy as np
import pytest

from kneighbors.errors import ModelFileError, SaveError
from kneighbors.model_files import operations, read, write
from tests.model_files.faults import Faulty
from tests.model_files.small_models import classifier, differences, files_of, saved, unlabelled

ERRORS = [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES]
NAMES = [errno.errorcode[number] for number in ERRORS]


@pytest.fixture
def parent(tmp_path):
    (tmp_path / "parent").mkdir()
    return tmp_path / "parent"


def run(system, call, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(operations, "system", system)
        return call()


def count_calls(parent, monkeypatch, prepare, **options):
    """The calls of a save that succeeds."""
    prepare(parent)
    system = Faulty(**options)
    run(system, lambda: write(parent / "m", classifier()), monkeypatch)
    shutil.rmtree(parent / "m")
    return system.calls


def nothing(parent):
    pass


def a_model(parent):
    if not (parent / "m").exists():
        saved(parent / "m", "unlabelled")


def an_empty_folder(parent):
    (parent / "m").mkdir(exist_ok=True)


@pytest.mark.parametrize("can_exchange", [True, False], ids=["exchange", "aside"])
@pytest.mark.parametrize("prepare", [nothing, a_model, an_empty_folder])
@pytest.mark.parametrize("number", ERRORS, ids=NAMES)
def test_d4_each_call_of_a_save_fails_once(parent, monkeypatch, number, prepare, can_exchange):
    calls = count_calls(parent, monkeypatch, prepare, can_exchange=can_exchange)
    assert len(calls) > 20
    failed = removals = 0
    for at in range(len(calls)):
        prepare(parent)
        before = files_of(parent / "m") if (parent / "m").exists() else None
        system = Faulty(at, number, can_exchange=can_exchange)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                run(system, lambda: write(parent / "m", classifier()), monkeypatch)
            except SaveError as error:
                failed += 1
                assert (error.errno, error.filename) == (number, str(parent / "m")), system.calls[: at + 1]
                assert os.strerror(number) in str(error)
                after = files_of(parent / "m") if (parent / "m").exists() else None
                assert after == before, system.calls[: at + 1]
                assert os.listdir(parent) == (["m"] if before is not None else []), system.calls[: at + 1]
                continue
        # Only looking for leftovers and removing the old model may fail without stopping the save.
        assert differences(read(parent / "m"), classifier()) == []
        if told:
            removals += 1
            assert "the model was saved, but the one it replaces could not be removed" in str(told[0].message)
            assert len(os.listdir(parent)) == 2
            write(parent / "m", classifier())
        assert os.listdir(parent) == ["m"], system.calls[: at + 1]
        shutil.rmtree(parent / "m")
    assert failed >= 12
    assert (removals > 0) == (prepare is not nothing)


@pytest.mark.parametrize("can_exchange", [True, False], ids=["exchange", "aside"])
@pytest.mark.parametrize("prepare", [nothing, a_model, an_empty_folder])
def test_d4_an_interrupted_call_is_made_again(parent, monkeypatch, prepare, can_exchange):
    calls = count_calls(parent, monkeypatch, prepare, can_exchange=can_exchange)
    for at in range(len(calls)):
        prepare(parent)
        system = Faulty(at, errno.EINTR, can_exchange=can_exchange)
        run(system, lambda: write(parent / "m", classifier()), monkeypatch)
        assert len(system.calls) == len(calls) + 1
        assert differences(read(parent / "m"), classifier()) == []
        assert os.listdir(parent) == ["m"]
        shutil.rmtree(parent / "m")


class Short(operations.System):
    """Takes and gives at most three bytes a call."""

    def write(self, descriptor, data):
        return super().write(descriptor, data[:3])

    def read(self, descriptor, buffer, offset):
        return super().read(descriptor, buffer[:3], offset)


def test_d4_short_writes_and_reads(parent, monkeypatch):
    run(Short(), lambda: write(parent / "m", classifier()), monkeypatch)
    assert differences(read(parent / "m"), classifier()) == []
    for mmap in (True, False):
        loaded = run(Short(), lambda mmap=mmap: read(parent / "m", mmap=mmap), monkeypatch)
        assert differences(loaded, classifier()) == []


def test_d4_a_device_that_takes_nothing(parent, monkeypatch):
    class Full(operations.System):
        def write(self, descriptor, data):
            return 0

    with pytest.raises(SaveError, match="the device took no bytes") as caught:
        run(Full(), lambda: write(parent / "m", classifier()), monkeypatch)
    assert caught.value.errno == errno.EIO
    assert os.listdir(parent) == []


@pytest.mark.parametrize("number", [*ERRORS, errno.ELOOP], ids=[*NAMES, "ELOOP"])
@pytest.mark.parametrize("mmap", [True, False])
def test_d4_each_call_of_a_load_fails_once(parent, monkeypatch, number, mmap):
    saved(parent / "m")
    counting = Faulty()
    run(counting, lambda: read(parent / "m", mmap=mmap), monkeypatch)
    assert len(counting.calls) > 8
    for at, call in enumerate(counting.calls):
        with pytest.raises(ModelFileError) as caught:
            run(Faulty(at, number), lambda: read(parent / "m", mmap=mmap), monkeypatch)
        assert str(parent / "m") in str(caught.value)
        if (call, number) == ("open_file", errno.ELOOP):
            assert "is a symbolic link" in str(caught.value)
        else:
            assert os.strerror(number) in str(caught.value)
        assert isinstance(caught.value.__cause__, OSError)
    for at in range(len(counting.calls)):
        loaded = run(Faulty(at, errno.EINTR), lambda: read(parent / "m", mmap=mmap), monkeypatch)
        assert differences(loaded, classifier()) == []


def test_d4_a_step_that_cannot_be_taken_back_removes_nothing(parent, monkeypatch):
    """The swap succeeds, syncing it fails, swapping back fails: both models are still there."""
    saved(parent / "m", "unlabelled")

    class Stuck(operations.System):
        swaps = 0

        def exchange(self, one, other, folder):
            self.swaps += 1
            if self.swaps == 2:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().exchange(one, other, folder)

        def sync(self, descriptor):
            if self.swaps:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().sync(descriptor)

    with pytest.raises(SaveError, match=r"could not be taken back \(Input/output error\)") as caught:
        run(Stuck(), lambda: write(parent / "m", classifier()), monkeypatch)
    assert caught.value.errno == errno.EIO
    assert differences(read(parent / "m"), classifier()) == []
    [old] = [name for name in os.listdir(parent) if name != "m"]
    assert old in str(caught.value)
    assert differences(read(parent / old), unlabelled()) == []


@pytest.mark.parametrize("fails", [2, 3])
def test_d4_an_aside_that_cannot_be_taken_back_is_found_by_the_next_load(parent, monkeypatch, fails):
    """Renamed aside, then the renames fail for good: the old model is read from where it is."""
    saved(parent / "m", "unlabelled")

    class Stuck(Faulty):
        renames = 0

        def rename(self, old, new, folder):
            self.renames += 1
            if self.renames >= fails:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().rename(old, new, folder)

        def sync(self, descriptor):
            if self.renames:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().sync(descriptor)

    with pytest.raises(
        SaveError, match=r"could not be taken back .*the old one is in '\.m\.replaced-[0-9a-f]{8}' beside"
    ):
        run(Stuck(can_exchange=False), lambda: write(parent / "m", classifier()), monkeypatch)
    expected = unlabelled() if fails == 2 else classifier()
    assert differences(read(parent / "m"), expected) == []
    write(parent / "m", classifier())
    assert os.listdir(parent) == ["m"]


def test_d4_a_first_save_that_cannot_be_taken_back(parent, monkeypatch):
    class Stuck(Faulty):
        renames = 0

        def rename(self, old, new, folder):
            self.renames += 1
            if self.renames == 2:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().rename(old, new, folder)

        def sync(self, descriptor):
            if self.renames:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().sync(descriptor)

    with pytest.raises(SaveError, match="the new model may be in place, and there was none before"):
        run(Stuck(), lambda: write(parent / "m", classifier()), monkeypatch)
    assert differences(read(parent / "m"), classifier()) == []


def small_disk(path):
    """Mount 8 MiB of memory; skip where that is not allowed."""
    path.mkdir()
    told = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "kneighbors-test", str(path)],
        capture_output=True,
        text=True,
    )
    if told.returncode != 0:
        pytest.skip(f"skipped: tmpfs cannot be mounted here ({told.stderr.strip()})")


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    try:
        small_disk(path)
    except FileNotFoundError:
        pytest.skip("skipped: there is no mount command")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def large(size):
    contents = unlabelled()
    contents.sections["filler"] = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    return contents


def test_d4_r15_r16_a_full_disk(disk):
    """A save that does not fit says so, keeps the old model and leaves nothing (R15, R16)."""
    write(disk / "m", large(3 << 20))
    before = files_of(disk / "m")
    for size in (5 << 20, 7 << 20):
        with pytest.raises(SaveError, match="No space left on device") as caught:
            write(disk / "m", large(size))
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(disk / "m"))
        assert files_of(disk / "m") == before
        assert os.listdir(disk) == ["m"]
    read(disk / "m")
    write(disk / "m", large(4 << 20))
    assert len(read(disk / "m").sections["filler"]) == 4 << 20


def test_d4_a_full_disk_that_is_the_model_folder_itself(disk):
    with pytest.raises(SaveError, match="No space left on device"):
        write(disk, large(9 << 20))
    assert os.listdir(disk) == []


def test_d4_a_read_only_disk(disk, monkeypatch):
    saved(disk / "m")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        for mmap in (True, False):
            assert differences(read(disk / "m", mmap=mmap), classifier()) == []
        for target in ("m", "other"):
            with pytest.raises(SaveError, match="Read-only file system") as caught:
                write(disk / target, unlabelled())
            assert caught.value.errno == errno.EROFS
        assert differences(read(disk / "m"), classifier()) == []
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def test_an_empty_mount_point_gets_its_files_one_by_one(disk, monkeypatch):
    system = Faulty()
    run(system, lambda: write(disk, classifier()), monkeypatch)
    assert differences(read(disk), classifier()) == []
    assert len(os.listdir(disk)) == 3
    assert [name for name in os.listdir(disk.parent) if name != "disk"] == []
    # The JSON is last: the one rename comes after all writes, and the folder is synced around it.
    assert [call for call in system.calls if call in ("write", "sync", "rename")][-3:] == [
        "sync",
        "rename",
        "sync",
    ]
    with pytest.raises(SaveError, match="Device or resource busy") as caught:
        write(disk, unlabelled())
    assert "empty" in str(caught.value)
    assert differences(read(disk), classifier()) == []
    assert [name for name in os.listdir(disk.parent) if name != "disk"] == []


@pytest.mark.parametrize("number", ERRORS, ids=NAMES)
def test_d4_each_call_of_filling_a_mount_point_fails_once(disk, monkeypatch, number):
    system = Faulty()
    run(system, lambda: write(disk, classifier()), monkeypatch)
    for at in range(len(system.calls)):
        for name in os.listdir(disk):
            (disk / name).unlink()
        try:
            run(Faulty(at, number), lambda: write(disk, classifier()), monkeypatch)
        except SaveError as error:
            assert error.errno == number
            assert os.listdir(disk) == []
        else:
            assert differences(read(disk), classifier()) == []
        assert [name for name in os.listdir(disk.parent) if name != "disk"] == []


def test_a_mount_point_below_a_read_only_folder(disk, monkeypatch):
    """As in a container: the volume may be written, the folder it is mounted in may not."""

    class Container(operations.System):
        def make_folder(self, name, folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    run(Container(), lambda: write(disk, classifier()), monkeypatch)
    assert differences(read(disk), classifier()) == []


def test_a_mount_point_where_nothing_can_be_swapped(disk, monkeypatch):
    """Without an exchange to try it with, the mount is met only at the end."""
    run(Faulty(can_exchange=False), lambda: write(disk, classifier()), monkeypatch)
    assert differences(read(disk), classifier()) == []
    assert [name for name in os.listdir(disk.parent) if name != "disk"] == []


def test_what_a_killed_filling_left_is_replaced(disk):
    (disk / "model_algo-1").write_bytes(b"half")
    (disk / ".model_algo-1.json.saving").write_bytes(b"{")
    write(disk, classifier())
    assert differences(read(disk), classifier()) == []
    assert len(os.listdir(disk)) == 3
