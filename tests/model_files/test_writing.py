# SPDX-License-Identifier: Apache-2.0
"""Saving: what may be written and where, in one step, over what, and what is cleaned up."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time

import numpy as np
import pytest

from kneighbors.errors import ModelFileError, ParameterError, ParameterTypeError, SaveError
from kneighbors.model_files import ModelContents, operations, read, replacing, write
from tests.model_files.faults import Faulty
from tests.model_files.small_models import (
    INDEX,
    JSON,
    LABELS,
    MODELS,
    classifier,
    differences,
    files_of,
    unlabelled,
)


@pytest.fixture
def parent(tmp_path):
    (tmp_path / "parent").mkdir()
    return tmp_path / "parent"


def refused(path, contents=None):
    with pytest.raises(SaveError) as caught:
        write(path, contents or classifier())
    return caught.value


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_reads_back(parent, name):
    write(parent / "m", MODELS[name]())
    for mmap in (True, False):
        for verify in ("full", "header"):
            assert differences(read(parent / "m", mmap=mmap, verify=verify), MODELS[name]()) == []
    assert sorted(os.listdir(parent / "m")) == [INDEX, JSON, LABELS]
    assert os.listdir(parent) == ["m"]


@pytest.mark.parametrize("name", MODELS)
def test_the_same_model_gives_the_same_bytes(parent, name):
    write(parent / "one", MODELS[name]())
    write(parent / "two", MODELS[name]())
    assert files_of(parent / "one") == files_of(parent / "two")
    write(parent / "three", read(parent / "one"))
    assert files_of(parent / "three") == files_of(parent / "one")


def test_without_labels_the_labels_file_is_empty(parent):
    write(parent / "m", unlabelled())
    assert (parent / "m" / LABELS).stat().st_size == 0
    assert read(parent / "m").labels is None


def test_a_model_without_sections(parent):
    contents = ModelContents(2, "regressor", None, False, {}, {}, np.array([1.0, 2.0]))
    write(parent / "m", contents)
    assert differences(read(parent / "m"), contents) == []


@pytest.mark.parametrize(
    "dtype",
    ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"],
)
def test_every_dtype_in_every_memory_order(parent, dtype):
    rng = np.random.default_rng(5)
    base = rng.integers(0, 100, (4, 6, 2)).astype(dtype)
    contents = unlabelled()
    contents.sections |= {
        "plain": base,
        "fortran": np.asfortranarray(base),
        "strided": base[::2, 1::3],
        "reversed": base[::-1],
        "big-endian": base.astype(np.dtype(dtype).newbyteorder(">")),
        "deep": base.reshape(1, 2, 1, 2, 3, 1, 2, 2),
        "frozen": np.broadcast_to(base[0], (3, 6, 2)),
    }
    write(parent / "m", contents)
    loaded = read(parent / "m").sections
    for name, array in contents.sections.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype.newbyteorder("=")


def test_every_bit_of_a_float_survives(parent):
    bits = np.random.default_rng(6).integers(0, 2**64, 100_000, dtype=np.uint64)
    contents = unlabelled()
    contents.sections |= {"double": bits.view(np.float64), "single": bits.view(np.float32)}
    write(parent / "m", contents)
    assert differences(read(parent / "m"), contents) == []


@pytest.mark.parametrize(
    ("array", "kind", "message"),
    [
        (np.array(["a"]), ParameterTypeError, "section 'x' has dtype <U1; a model file holds int8, uint8"),
        (np.array([object()]), ParameterTypeError, "section 'x' has dtype object"),
        (np.array([True]), ParameterTypeError, "section 'x' has dtype bool"),
        (np.array([1j]), ParameterTypeError, "section 'x' has dtype complex128"),
        (np.array([1], dtype=np.float16), ParameterTypeError, "section 'x' has dtype float16"),
        (np.zeros(1, dtype=[("a", "i4")]), ParameterTypeError, "section 'x' has dtype"),
        (np.array("2020", dtype="M8[D]"), ParameterTypeError, "section 'x' has dtype datetime64"),
        (np.array(1.0), ParameterError, "section 'x' has 0 dimensions; a model file holds 1 to 8"),
        (np.zeros((1,) * 9), ParameterError, "section 'x' has 9 dimensions; a model file holds 1 to 8"),
    ],
)
def test_sections_that_cannot_be_written(parent, array, kind, message):
    contents = unlabelled()
    contents.sections["x"] = array
    with pytest.raises(kind, match=message):
        write(parent / "m", contents)
    assert os.listdir(parent) == []


@pytest.mark.parametrize("name", ["", "1", "a b", "a/b", "..", "é", "a\n", "a" * 101])
def test_section_names_that_cannot_be_written(parent, name):
    contents = unlabelled()
    contents.sections[name] = np.zeros(1)
    with pytest.raises(ParameterError, match="cannot name a section; use letters, digits"):
        write(parent / "m", contents)


def nested(levels):
    return [nested(levels - 1)] if levels else []


def changed(**changes):
    contents = classifier()
    for name, value in changes.items():
        if name in ("settings", "sections"):
            getattr(contents, name).update(value)
        else:
            setattr(contents, name, value)
    return contents


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (changed(k=0), "k is 0; it must be from 1 to 5"),
        (changed(k=6), "k is 6; it must be from 1 to 5"),
        (changed(k=True), "k is True; it must be an integer"),
        (changed(k=2.0), "k is 2.0; it must be an integer"),
        (changed(predictor_type="other"), "predictor_type is 'other'"),
        (changed(predictor_type=None), "predictor_type is null but there are labels"),
        (changed(predictor_type="regressor"), "'regressor' but the labels are strings"),
        (changed(labels=None), "'classifier' but the model has no labels"),
        (
            changed(labels=None, predictor_type=None),
            "label_kind 'string' does not fit a model that has no labels",
        ),
        (changed(settings={"label_kind": "none"}), "label_kind 'none' does not fit a model that has labels"),
        (changed(settings={"label_kind": "text"}), "label_kind is 'text'; it must be one of none, number"),
        (changed(settings={"n_rows": 4}), "the counts of rows disagree (kneighbors.n_rows: 4, labels: 5"),
        (changed(settings={"n_rows": 5.0}), "kneighbors.n_rows gives 5.0 rows; a model has at least 1"),
        (changed(labels=np.arange(4)), "the counts of rows disagree"),
        (changed(sections={"rows": np.ones((6, 2))}), "the counts of rows disagree"),
        (changed(sections={"rows": np.ones((0, 2))}), "section 'rows' gives 0 rows; a model has at least 1"),
        (changed(normalize=True), "normalize is True but the metric is 'minkowski'"),
        (
            changed(normalize=False, settings={"metric": "cosine"}),
            "normalize is False but the metric is 'cosine'",
        ),
        (changed(normalize=1), "normalize is 1; it must be true or false"),
        (changed(dimension_reduction={"type": "sign"}), "must be null or have exactly the keys type, seed"),
        (
            changed(dimension_reduction=["type", "seed", "target_dim", "input_dim"]),
            "must be null or have exactly",
        ),
        (changed(dimension_reduction=[1]), "must be null or have exactly the keys"),
        (changed(settings={"files": 1}), "the setting 'files' belongs to the file format; use another name"),
        (changed(settings={"format_version": 1}), "'format_version' belongs to the file format"),
        (changed(settings={"little_endian": 1}), "'little_endian' belongs to the file format"),
        (
            changed(settings={"x": float("nan")}),
            "the settings cannot be written as JSON: nan is not a JSON number",
        ),
        (changed(settings={"x": np.arange(3)}), "of type ndarray cannot be written as JSON"),
        (changed(settings={"x": "a\nb"}), "holds a control character"),
        (changed(settings={"x": "a" * (1 << 20)}), "at most 1048576 are read"),
        (changed(settings={"x": nested(31)}), "more than 32 levels deep"),
        (
            changed(settings={f"x{place}": place for place in range(13_000)}),
            "at most 1048576 can be read back",
        ),
        (ModelContents(1, None, None, False), "nothing says how many rows can answer"),
    ],
)
def test_contents_that_could_not_be_loaded_again_are_not_written(parent, contents, message):
    with pytest.raises(ParameterError) as caught:
        write(parent / "m", contents)
    assert message in str(caught.value)
    assert os.listdir(parent) == []


def reduction(**changes):
    return {"type": "sign", "seed": 0, "target_dim": 2, "input_dim": 4} | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": None}, "dimension_reduction.type is None; it must be a string"),
        ({"seed": 1.5}, "dimension_reduction.seed is 1.5; it must be an integer"),
        ({"seed": True}, "dimension_reduction.seed is True; it must be an integer"),
        ({"target_dim": 0}, "dimension_reduction.target_dim is 0; it must be 1 or more"),
        ({"input_dim": "4"}, "dimension_reduction.input_dim is '4'; it must be 1 or more"),
        ({"extra": 1}, "exactly the keys type, seed, target_dim, input_dim"),
    ],
)
def test_reductions_that_are_none(parent, changes, message):
    with pytest.raises(ParameterError) as caught:
        write(parent / "m", changed(dimension_reduction=reduction(**changes)))
    assert message in str(caught.value)


def test_reductions_that_are(parent):
    for changes in (
        {"seed": 0},
        {"seed": -1},
        {"seed": None},
        {"seed": 2**40},
        {"target_dim": 1, "input_dim": 1},
    ):
        write(parent / "m", changed(dimension_reduction=reduction(**changes)))
        assert read(parent / "m").dimension_reduction == reduction(**changes)


def test_normalize_without_a_metric_to_compare_it_with(parent):
    contents = unlabelled()
    contents.normalize = True
    for metric in (None, ["cosine"]):
        contents.settings = {"metric": metric}
        write(parent / "m", contents)
        assert read(parent / "m").normalize is True
    contents.settings = {}
    write(parent / "m", contents)
    assert read(parent / "m").normalize is True


def test_label_kinds(parent):
    for kind in ("number", "boolean"):
        for task in ("classifier", "regressor"):
            write(parent / "m", changed(predictor_type=task, settings={"label_kind": kind}))
    for kind in ("string", "mixed"):
        write(parent / "m", changed(settings={"label_kind": kind}))
        with pytest.raises(ParameterError, match="the labels are strings; set 'classifier'"):
            write(parent / "m", changed(predictor_type="regressor", settings={"label_kind": kind}))


def test_saving_over_a_model(parent):
    write(parent / "m", unlabelled())
    write(parent / "m", classifier())
    assert differences(read(parent / "m"), classifier()) == []
    assert os.listdir(parent) == ["m"]


def test_saving_into_an_empty_folder(parent):
    (parent / "m").mkdir()
    write(parent / "m", classifier())
    assert differences(read(parent / "m"), classifier()) == []
    assert os.listdir(parent) == ["m"]


def test_saving_over_an_unfinished_model(parent):
    (parent / "m").mkdir()
    (parent / "m" / INDEX).write_bytes(b"half")
    write(parent / "m", classifier())
    assert differences(read(parent / "m"), classifier()) == []


def test_saving_through_a_link(parent):
    write(parent / "real", unlabelled())
    (parent / "link").symlink_to("real")
    write(parent / "link", classifier())
    assert (parent / "link").is_symlink()
    assert differences(read(parent / "real"), classifier()) == []
    assert sorted(os.listdir(parent)) == ["link", "real"]


def test_paths_of_any_kind(parent, monkeypatch):
    monkeypatch.chdir(parent)
    for path in (str(parent / "m"), os.fsencode(parent / "m"), f"{parent}/m/", "m", "./m/", "../parent/m"):
        write(path, classifier())
        assert os.listdir(parent) == ["m"]


def test_other_users_may_read_what_the_mask_allows(parent):
    before = os.umask(0o027)
    try:
        write(parent / "m", classifier())
    finally:
        os.umask(before)
    assert (parent / "m").stat().st_mode & 0o777 == 0o750
    assert (parent / "m" / INDEX).stat().st_mode & 0o777 == 0o640


def test_a_folder_with_other_files_is_refused(parent):
    write(parent / "m", unlabelled())
    (parent / "m" / "notes.txt").write_text("mine")
    before = files_of(parent / "m")
    error = refused(parent / "m")
    assert error.errno == errno.ENOTEMPTY
    assert "the folder holds other files too (notes.txt); saving would remove them" in str(error)
    assert files_of(parent / "m") == before
    assert os.listdir(parent) == ["m"]


def test_a_folder_with_other_files_and_no_model_is_refused(parent):
    for name in ("a", "b", "c", "d"):
        (parent / name).write_text("")
    error = refused(parent)
    assert "holds other files too (a, b, c)" in str(error)


def test_files_that_appear_while_saving_are_not_removed(parent, monkeypatch):
    write(parent / "m", unlabelled())

    class Busy(operations.System):
        def create(self, name, folder):
            (parent / "m" / "notes.txt").write_text("mine")
            return super().create(name, folder)

    monkeypatch.setattr(operations, "system", Busy())
    assert "notes.txt" in str(refused(parent / "m"))
    assert (parent / "m" / "notes.txt").read_text() == "mine"
    assert os.listdir(parent) == ["m"]


def test_a_folder_with_two_models_is_refused(parent):
    write(parent / "m", unlabelled())
    for name, data in files_of(parent / "m").items():
        (parent / "m" / name.replace("-1", "-2")).write_bytes(data)
    assert "the folder holds several models" in str(refused(parent / "m"))


def test_a_file_at_the_target_is_refused(parent):
    (parent / "m").write_text("mine")
    error = refused(parent / "m")
    assert error.errno == errno.EEXIST
    assert "there is a file of that name; a model is a folder" in str(error)
    assert (parent / "m").read_text() == "mine"


def test_a_missing_parent_is_named(parent):
    error = refused(parent / "none" / "m")
    assert (error.errno, error.filename) == (errno.ENOENT, str(parent / "none" / "m"))
    assert f"there is no folder '{parent}/none' to save into; create it first" in str(error)


def test_paths_that_cannot_be(parent):
    assert refused("/").errno == errno.EINVAL
    assert "a path holds no NUL character" in str(refused("a\0b"))
    assert refused(parent / ("m" * 300)).errno == errno.ENAMETOOLONG
    assert os.listdir(parent) == []


def test_the_working_folder_is_filled_but_not_swapped(parent, monkeypatch):
    monkeypatch.chdir(parent)
    write(".", classifier())
    assert differences(read("."), classifier()) == []
    assert sorted(os.listdir(".")) == [INDEX, JSON, LABELS]
    error = refused(".", unlabelled())
    assert error.errno == errno.EBUSY
    assert "the model's folder is the working folder; save from outside of it" in str(error)
    assert differences(read("."), classifier()) == []


def test_leftovers_of_killed_saves_are_removed_by_the_next(parent):
    for name in (".m.saving-0123abcd", ".m.saving-ffffffff", ".m.replaced-00000000"):
        write(parent / "m", unlabelled())
        os.rename(parent / "m", parent / name)
    keep = [
        ".m.saving-0123ABCD",
        ".m.saving-0123abcd0",
        ".n.saving-0123abcd",
        "m.saving-0123abcd",
        ".m.saving-",
    ]
    for name in keep:
        (parent / name).mkdir()
    write(parent / "m", classifier())
    assert sorted(os.listdir(parent)) == sorted([*keep, "m"])
    assert differences(read(parent / "m"), classifier()) == []


def test_a_leftover_with_strange_files_in_it_stays(parent):
    (parent / ".m.saving-0123abcd").mkdir()
    (parent / ".m.saving-0123abcd" / "mine").write_text("")
    (parent / ".m.saving-ffffffff").write_text("a file")
    write(parent / "m", classifier())
    assert sorted(os.listdir(parent)) == [".m.saving-0123abcd", ".m.saving-ffffffff", "m"]


def test_the_folder_of_a_save_at_work_stays(parent):
    busy = parent / ".m.saving-0123abcd"
    busy.mkdir()
    descriptor = os.open(busy, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    write(parent / "m", classifier())
    assert busy.exists()
    os.close(descriptor)
    write(parent / "m", classifier())
    assert not busy.exists()


def test_another_save_that_never_ends_is_reported(parent, monkeypatch):
    monkeypatch.setattr(replacing, "PATIENCE", 0.05)
    descriptor = os.open(parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    start = time.monotonic()
    error = refused(parent / "m")
    assert 0.05 <= time.monotonic() - start < 5.0
    assert error.errno == errno.EAGAIN
    assert "another save has held the folder for 0.05 seconds" in str(error)
    threading.Timer(0.05, os.close, [descriptor]).start()
    monkeypatch.setattr(replacing, "PATIENCE", 30.0)
    write(parent / "m", classifier())


def test_without_locks_saving_works_and_leftovers_stay(parent, monkeypatch):
    class Unlocked(operations.System):
        def lock(self, descriptor):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    (parent / ".m.saving-0123abcd").mkdir()
    monkeypatch.setattr(operations, "system", Unlocked())
    write(parent / "m", unlabelled())
    write(parent / "m", classifier())
    assert sorted(os.listdir(parent)) == [".m.saving-0123abcd", "m"]


def test_without_an_exchange_the_old_model_is_renamed_aside(parent, monkeypatch):
    write(parent / "m", unlabelled())
    system = Faulty(can_exchange=False)
    monkeypatch.setattr(operations, "system", system)
    write(parent / "m", classifier())
    assert system.calls.count("rename") == 2
    assert differences(read(parent / "m"), classifier()) == []
    assert os.listdir(parent) == ["m"]


@pytest.mark.parametrize("missing", ["symbol", "platform"])
def test_a_system_without_the_call(parent, monkeypatch, missing):
    import ctypes
    import sys

    if missing == "symbol":
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    else:
        monkeypatch.setattr(sys, "platform", "darwin")
    write(parent / "m", unlabelled())
    write(parent / "m", classifier())
    assert differences(read(parent / "m"), classifier()) == []
    assert os.listdir(parent) == ["m"]


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV])
@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_that_cannot_change_places(parent, monkeypatch, number, can_exchange):
    """A mount point, without the rights to make one: its name cannot be given to another folder."""

    class Mounted(Faulty):
        def rename(self, old, new, folder):
            if "m" in (old, new):
                raise OSError(number, os.strerror(number))
            super().rename(old, new, folder)

        def exchange(self, one, other, folder):
            raise OSError(number if can_exchange else errno.ENOSYS, os.strerror(number))

    monkeypatch.setattr(operations, "system", Mounted())
    (parent / "m").mkdir()
    write(parent / "m", classifier())
    assert differences(read(parent / "m"), classifier()) == []
    error = refused(parent / "m", unlabelled())
    assert (error.errno, error.filename) == (number, str(parent / "m"))
    assert differences(read(parent / "m"), classifier()) == []
    assert os.listdir(parent) == ["m"]


def test_a_folder_that_cannot_change_places_below_one_that_is_read_only(parent, monkeypatch):
    class Container(operations.System):
        def make_folder(self, name, folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(operations, "system", Container())
    (parent / "m").mkdir()
    write(parent / "m", classifier())
    assert differences(read(parent / "m"), classifier()) == []
    assert refused(parent / "m", unlabelled()).errno == errno.EROFS
    assert refused(parent / "n").errno == errno.EROFS
    assert differences(read(parent / "m"), classifier()) == []


def test_a_model_set_aside_is_found_by_the_next_load(parent):
    """Killed between two renames: the target's name is free, the old model lies beside it."""
    write(parent / "m", unlabelled())
    os.rename(parent / "m", parent / ".m.replaced-0123abcd")
    os.mkdir(parent / ".m.saving-0123abcd")
    assert differences(read(parent / "m"), unlabelled()) == []
    assert len(os.listdir(parent)) == 2, "loading changes nothing"
    write(parent / "m", classifier())
    assert os.listdir(parent) == ["m"]
    assert differences(read(parent / "m"), classifier()) == []


def test_a_model_set_aside_survives_a_save_that_fails(parent, monkeypatch):
    write(parent / "m", unlabelled())
    os.rename(parent / "m", parent / ".m.replaced-0123abcd")
    with monkeypatch.context() as patch:
        patch.setattr(operations, "system", Faulty(14, errno.ENOSPC))
        refused(parent / "m")
    assert differences(read(parent / "m"), unlabelled()) == []


def test_a_load_whose_folder_is_swapped_away_meanwhile(parent, monkeypatch):
    """At every call of the load, another save replaces the folder and removes the old one."""
    write(parent / "m", unlabelled())
    counting = Faulty()
    monkeypatch.setattr(operations, "system", counting)
    read(parent / "m")

    class Racing(operations.System):
        def __init__(self, at):
            self.at = at
            self.calls = 0

        def __getattribute__(self, name):
            method = super().__getattribute__(name)
            if name not in ("open_root", "names", "open_file", "stat_open", "read"):
                return method

            def call(*arguments):
                self.calls += 1
                if self.calls == self.at:
                    monkeypatch.setattr(operations, "system", operations.System())
                    write(parent / "m", classifier())
                    monkeypatch.setattr(operations, "system", self)
                return method(*arguments)

            return call

    outcomes = set()
    for at in range(1, len(counting.calls) + 8):
        monkeypatch.setattr(operations, "system", operations.System())
        write(parent / "m", unlabelled())
        monkeypatch.setattr(operations, "system", Racing(at))
        loaded = read(parent / "m")
        kind = "old" if loaded.labels is None else "new"
        outcomes.add(kind)
        assert differences(loaded, unlabelled() if kind == "old" else classifier()) == []
    assert outcomes == {"old", "new"}


def test_a_load_that_is_always_too_late_gives_up(parent, monkeypatch):
    write(parent / "m", unlabelled())

    class Racing(operations.System):
        def open_file(self, name, folder):
            monkeypatch.setattr(operations, "system", operations.System())
            write(parent / "m", unlabelled())
            monkeypatch.setattr(operations, "system", self)
            raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr(operations, "system", Racing())
    with pytest.raises(ModelFileError, match=r"model_algo-1\.json: is missing"):
        read(parent / "m")


def test_saves_and_loads_at_the_same_time(parent):
    """Eight threads on one path: every load is whole, every save succeeds."""
    models = [
        changed(k=1, settings={"p": number}, sections={"x": np.full(5000, number)}) for number in range(4)
    ]
    write(parent / "m", models[0])
    failures = []
    stop = time.monotonic() + 2.0

    def save(number):
        try:
            while time.monotonic() < stop:
                write(parent / "m", models[number])
        except BaseException as error:
            failures.append(error)

    def load():
        try:
            while time.monotonic() < stop:
                loaded = read(parent / "m")
                assert (loaded.sections["x"] == loaded.settings["p"]).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=[number]) for number in range(4)]
    threads += [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert os.listdir(parent) == ["m"]
