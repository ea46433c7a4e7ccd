# SPDX-License-Identifier: Apache-2.0
"""A7: archives that lie, reach out or blow up are refused with the member's name; nothing is left behind."""

from __future__ import annotations

import gzip
import io
import os
import tarfile

import pytest

import kneighbors
from kneighbors.errors import ModelFileError
from kneighbors.serve.archives import Archive, unpack
from tests.serve.asking import rows_and_classes

ROWS, CLASSES = rows_and_classes()
GOOD = "model_algo-1"


def member(name=GOOD, content=b"x", **changes):
    header = tarfile.TarInfo(name)
    header.size = len(content)
    for key, value in changes.items():
        setattr(header, key, value)
    return header, content


def tar(*members, format=tarfile.PAX_FORMAT, end=True) -> bytes:
    stream = io.BytesIO()
    archive = tarfile.open(fileobj=stream, mode="w", format=format)  # noqa: SIM115
    for header, content in members:
        archive.addfile(header, io.BytesIO(content))
    if end:
        archive.close()
    return stream.getvalue()


def raw(name=b"model_algo-1", size=b"00000000001\0", kind=b"0", content=b"x", **fields) -> bytes:
    """One header, field by field, with its checksum right."""
    header = bytearray(512)
    header[0 : len(name)] = name
    header[100:108] = b"0000644\0"
    header[124:136] = size
    header[148:156] = b" " * 8
    header[156:157] = kind
    header[257:265] = b"ustar\x0000"
    for place, value in fields.items():
        start = int(place.removeprefix("at"))
        header[start : start + len(value)] = value
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content.ljust(-(-len(content) // 512) * 512, b"\0")


END = bytes(1024)
LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}
NAMES = {
    "absolute": "/model_algo-1", "up": "../model_algo-1", "up inside": "a/../model_algo-1",
    "drive": "C:model_algo-1", "drive path": "C:\\model_algo-1", "UNC": "\\\\host\\share\\model_algo-1",
    "backslash": "..\\model_algo-1",
    "folder": "model/model_algo-1", "other": "evil.py", "hidden": ".model_algo-1", "case": "MODEL_ALGO-1",
    "spaces": "model_algo-1 ", "dots": "model_algo-1.", "colon": "model_algo-1:stream",
    "ending": "model_algo-1.pkl",
    "new line": "model_algo-1\n", "digits of others": "model_algo-\u0661", "no name": "", "slash": "/",
    "long": "a" * 5000, "long chain": "a/" * 2000 + GOOD, "escape": "\x1b[2Jmodel_algo-1",
}  # fmt: skip
HOSTILE = {name: tar(member(value)) for name, value in NAMES.items()} | {
    "symlink": tar(member(**LINK)),
    "symlink inside": tar(member(**LINK | {"linkname": "model_algo-1.json"})),
    "symlinked parent": tar(member("model", **LINK | {"linkname": "/tmp"}), member("model/model_algo-1")),
    "hard link": tar(member(type=tarfile.LNKTYPE, linkname="/etc/passwd", size=0)),
    "hard link inside": tar(member(), member("model_algo-2", type=tarfile.LNKTYPE, linkname=GOOD, size=0)),
    "character device": tar(member(type=tarfile.CHRTYPE, devmajor=1, devminor=3, size=0)),
    "block device": tar(member(type=tarfile.BLKTYPE, devmajor=8, size=0)),
    "FIFO": tar(member(type=tarfile.FIFOTYPE, size=0)),
    "a folder of that name": tar(member(type=tarfile.DIRTYPE, size=0)),
    "a folder": tar(member("model", type=tarfile.DIRTYPE, size=0)),
    "contiguous": tar(member(type=tarfile.CONTTYPE)),
    "sparse": raw(kind=b"S") + END,
    "volume label": raw(kind=b"V") + END,
    "setuid": tar(member(mode=0o4755)),
    "setgid": tar(member(mode=0o2755)),
    "sticky": tar(member(mode=0o1755)),
    "twice": tar(member(), member()),
    "twice, with a dot": tar(member(), member("./model_algo-1")),
    "NUL in a name": raw(name=b"model_algo-1\0/../../evil") + END,
    "NUL in a prefix": raw(at345=b"\0..") + END,
    "prefix": raw(at345=b"..") + END,
    "NUL in a pax name": tar(member(pax_headers={"path": "model_algo-1\0evil"})),
    "pax name": tar(member(pax_headers={"path": "../../evil"})),
    "pax link": tar(member(pax_headers={"GNU.sparse.name": "../evil", "GNU.sparse.major": "1"})),
    "pax size": tar(member(pax_headers={"size": "1000000000000"})),
    "negative pax size": tar(member(pax_headers={"size": "-1"})),
    "pax size of text": tar(member(pax_headers={"size": "many"})),
    "negative size": raw(size=b"\xff" * 12) + END,
    "size beyond the file": raw(size=b"77777777777\0") + END,
    "size of 2**80": raw(size=b"\x80\0" + b"\xff" * 10) + END,
    "long name of a terabyte": raw(name=b"@LongLink", kind=b"L", size=b"\x80" + bytes(5) + b"\xff" * 6) + END,
    "pax header of a gigabyte": raw(name=b"pax", kind=b"x", size=b"07777777777\0") + END,
    "checksum": bytes(raw()[:148]) + b"0000000\0" + bytes(raw()[156:]) + END,
    "no end": tar(member(), end=False)[:1024],
    "cut": tar(member(content=b"x" * 5000))[:2048],
    "nothing": b"",
    "zeros": bytes(10240),
    "noise": os.urandom(2048),
    "text": b"hello" * 400,
    "second archive": tar(member()) + tar(member("../evil")),
    "something behind": tar(member()) + b"evil",
    "noise between": tar(member(), end=False)[:1024] + b"\1" * 512 + END,
    "many members": tar(*(member(f"model_algo-{number}") for number in range(100))),
    "100,000 members": raw(size=b"00000000000\0", content=b"") * 100_000 + END,
    "only a folder": tar(member(".", type=tarfile.DIRTYPE, size=0)),
}  # fmt: skip
BOMB = raw(size=b"%011o\0" % (64 << 20), content=b"") + bytes(64 << 20) + END


def everything_below(folder) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(base, name), folder)
        for base, folders, names in os.walk(folder)
        for name in names + folders
    )


def check_refused(tmp_path, content: bytes) -> ModelFileError:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "model.tar.gz"
    path.write_bytes(content)
    before = everything_below(tmp_path)
    with pytest.raises(ModelFileError) as found:
        unpack(str(path), str(tmp_path / "out"))
    assert everything_below(tmp_path) == before
    assert str(path) in str(found.value)
    assert all(c.isprintable() for c in str(found.value))
    return found.value


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a7_hostile_archives_are_refused(tmp_path, name, packed):
    content = HOSTILE[name]
    check_refused(tmp_path, gzip.compress(content, 1, mtime=0) if packed else content)


def test_a7_there_are_enough():
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize(
    "name", ["absolute", "up", "symlink", "hard link", "FIFO", "setuid", "twice", "other"]
)
def test_a7_the_member_is_named(tmp_path, name):
    error = check_refused(tmp_path, HOSTILE[name])
    with tarfile.open(fileobj=io.BytesIO(HOSTILE[name])) as archive:
        assert error.section == archive.getmembers()[-1].name


def test_a7_a_bomb_is_stopped_early(tmp_path):
    error = check_refused(tmp_path, gzip.compress(BOMB, 9, mtime=0))
    assert "200 times" in str(error)


def test_a7_the_second_gzip_stream_is_seen(tmp_path):
    check_refused(
        tmp_path, gzip.compress(tar(member()), mtime=0) + gzip.compress(tar(member("evil")), mtime=0)
    )


def test_a7_damaged_gzip(tmp_path):
    content = gzip.compress(tar(member(content=os.urandom(5000))), mtime=0)
    check_refused(tmp_path, content[:-20])


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("arcname", [None, "."])
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_honest_archives_are_unpacked(tmp_path, mode, arcname, format):
    estimator = kneighbors.KNeighborsClassifier(3).fit(ROWS, CLASSES)
    estimator.save(tmp_path / "m")
    with tarfile.open(tmp_path / "model.tar.gz", mode, format=format) as archive:
        if arcname is not None:
            archive.add(tmp_path / "m", arcname=arcname)
        else:
            for name in os.listdir(tmp_path / "m"):
                archive.add(tmp_path / "m" / name, arcname=name)
    with Archive(str(tmp_path / "model.tar.gz")) as folder:
        assert (kneighbors.load(folder).predict(ROWS) == estimator.predict(ROWS)).all()
        assert all(os.stat(os.path.join(folder, name)).st_mode & 0o077 == 0 for name in os.listdir(folder))
    assert not os.path.exists(folder)


def test_a_target_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar(member()))
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        unpack(str(tmp_path / "a.tar"), str(tmp_path / "out"))
    assert os.listdir(tmp_path / "out") == []
