# SPDX-License-Identifier: Apache-2.0
"""model.tar.gz: three plain files out of an archive that is not trusted.

Only regular files with a model's own names are taken. Whatever else a tar can say (links, devices, other
names, sparse files, modes that give rights, headers that lie about sizes, a second archive behind the first)
is refused by the name of its member. Bytes are counted as they are unpacked, not as they are declared.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tarfile
import zlib
from typing import IO, Any

from ..errors import ModelFileError

__all__ = ["Archive", "unpack"]

_NAME = re.compile(r"model_algo-[0-9]{1,4}(\.labels|\.json)?", re.ASCII)
_MEMBERS = 64
_HEADER_BYTES = 64 << 10  # names and other text before one member
_RATIO = 200
_FREE_SHARE = 0.9
_CHUNK = 64 << 10
_TEXT = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE}


class _Refusal(Exception):
    """What is wrong, and with which member."""

    def __init__(self, message: str, member: str | None = None) -> None:
        super().__init__(message)
        self.member = member


class _Header(tarfile.TarInfo):
    """A header that says one thing only."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError:
            raise _Refusal("is cut short, or its header is damaged") from None
        if any(_hides_text(buf[start:stop]) for start, stop in ((0, 100), (157, 257), (345, 500))):
            raise _Refusal("has a name with a NUL character in it", header.name)
        if header.size < 0 or (header.type in _TEXT and header.size > _HEADER_BYTES):
            raise _Refusal(f"declares {header.size} bytes of name or header", header.name)
        return header


class _Bounded:
    """A stream that gives up when it brings more bytes than it may."""

    def __init__(self, stream: IO[bytes], compressed: IO[bytes], limit: int) -> None:
        self._stream, self._compressed, self._limit = stream, compressed, limit
        self.allowed = _HEADER_BYTES
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, _CHUNK) if size >= 0 else _CHUNK)
        self.taken += len(data)
        self.allowed -= len(data)
        if self.allowed < 0:
            raise _Refusal(f"brings over {_HEADER_BYTES} bytes between its members")
        if self.taken > self._limit:
            raise _Refusal("unpacks to more than nine tenths of the free disk")
        if self.taken > (1 << 20) + _RATIO * self._compressed.tell():
            raise _Refusal(f"unpacks to over {_RATIO} times its size")
        return data


class Archive:
    """An archive unpacked for as long as the block runs, in a folder of its own.

    Parameters
    ----------
    path : str
        A tar file, plain or compressed by gzip.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._place = ""

    def __enter__(self) -> str:
        import tempfile

        self._place = tempfile.mkdtemp(prefix="kneighbors-")
        try:
            return unpack(self.path, os.path.join(self._place, "model"))
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: Any) -> None:
        shutil.rmtree(self._place, ignore_errors=True)


def unpack(path: str, target: str) -> str:
    """Unpack the model of an archive into a new folder.

    Parameters
    ----------
    path : str
    target : str
        Must not be there yet; it appears whole, or not at all.

    Returns
    -------
    str
        ``target``.

    Raises
    ------
    ModelFileError
        Naming the member that was refused, as the section.
    OSError
        The file cannot be read, or the target not be written.
    """
    if os.path.lexists(target):
        raise FileExistsError(17, "The target is there already", target)
    parent = os.path.dirname(os.path.abspath(target))
    partial = f"{os.path.abspath(target)}.unpacking"
    os.mkdir(partial, 0o700)
    try:
        limit = int(shutil.disk_usage(parent).free * _FREE_SHARE)
        with open(path, "rb") as file:
            try:
                _extract(file, partial, limit)
            except _Refusal as refusal:
                raise ModelFileError(
                    f"{'this member' if refusal.member is not None else 'the archive'} {refusal}. A model's "
                    "archive holds model_algo-1, model_algo-1.labels and model_algo-1.json, nothing else",
                    file=path,
                    section=None if refusal.member is None else _shown(refusal.member),
                ) from None
            except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
                raise ModelFileError(f"is no whole tar archive ({_shown(str(error))})", file=path) from None
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target


def _extract(file: IO[bytes], folder: str, limit: int) -> None:
    magic = file.read(2)
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if magic == b"\x1f\x8b" else file
    bounded: Any = _Bounded(stream, file, limit)
    seen: set[str] = set()
    with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Header, bufsize=tarfile.BLOCKSIZE) as archive:
        for count in range(1, _MEMBERS + 2):
            bounded.allowed = 2 * _HEADER_BYTES
            member = archive.next()
            if member is None:
                break
            if count > _MEMBERS:
                raise _Refusal(f"is one of over {_MEMBERS} members", member.name)
            name = _checked(member, seen)
            if name is not None:
                bounded.allowed = member.size + 2 * _HEADER_BYTES
                _write(archive, member, name, folder)
        _check_end(archive, bounded)
    if not seen:
        raise _Refusal("holds no model")


def _checked(member: tarfile.TarInfo, seen: set[str]) -> str | None:
    """The file's bare name; None for the folder that the archive was made of."""
    if member.isdir() and member.name in (".", "./", "") and not member.mode & 0o7000:
        return None
    kinds = {
        tarfile.SYMTYPE: "a symbolic link",
        tarfile.LNKTYPE: "a hard link",
        tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device",
        tarfile.FIFOTYPE: "a FIFO",
        tarfile.DIRTYPE: "a folder",
    }
    if member.type not in _PLAIN or member.issparse() or member.isdir():
        raise _Refusal(f"is {kinds.get(member.type, 'not a plain file')}", member.name)
    name = member.name.removeprefix("./")
    if not _NAME.fullmatch(name):
        raise _Refusal("has a name that no model's file has", member.name)
    if name in seen:
        raise _Refusal("stands there twice", member.name)
    if member.mode & 0o7000:
        raise _Refusal("asks for another user's rights (setuid, setgid or sticky)", member.name)
    seen.add(name)
    return name


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, folder: str) -> None:
    source = archive.extractfile(member)
    assert source is not None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    left = member.size
    with open(os.open(os.path.join(folder, name), flags, 0o600), "wb") as target:
        while left > 0:
            data = source.read(min(left, _CHUNK))
            if not data:
                raise _Refusal("is cut short", member.name)
            target.write(data)
            left -= len(data)


def _check_end(archive: tarfile.TarFile, bounded: _Bounded) -> None:
    """Behind the end there may be zeros, as many as tar fills a record with."""
    bounded.allowed = 1 << 20
    source: Any = archive.fileobj
    while data := source.read(_CHUNK):
        if data.strip(b"\0"):
            raise _Refusal("has something behind its end: a second archive, perhaps")


def _hides_text(field: bytes | bytearray) -> bool:
    return bool(bytes(field).partition(b"\0")[2].strip(b"\0"))


def _shown(text: str) -> str:
    """A name for a message: short, and without control characters."""
    text = text.encode("utf-8", "backslashreplace").decode()
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return plain if len(plain) <= 100 else f"{plain[:100]}..."
