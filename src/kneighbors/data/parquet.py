# SPDX-License-Identifier: Apache-2.0
"""Parquet, decoded in a child process of capped memory.

A Parquet file is a program for its decoder: damaged ones have crashed decoders and made a few hundred bytes
ask for gigabytes. So the decoding happens in a process of its own (``parquet_child.py``), and the worst that
a file can do here is to be refused. The child costs about a third of a second to start; it decodes while the
caller works.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import DataError
from .source import Pieces
from .tables import TableSource

__all__ = ["Decoder", "ParquetSource"]

_CHILD = Path(__file__).with_name("parquet_child.py")
_MAX_ANSWER = 1 << 30


class Decoder:
    """The child process; started when first asked, stopped when the outermost ``with`` ends.

    Parameters
    ----------
    memory_limit : int
        Bytes the child may take for decoding one file.
    """

    def __init__(self, memory_limit: int) -> None:
        self.memory_limit = memory_limit
        self._process: subprocess.Popen[bytes] | None = None
        self._depth = 0
        self._busy = threading.Lock()

    def __reduce__(self) -> tuple[type[Decoder], tuple[int]]:
        return Decoder, (self.memory_limit,)

    def __enter__(self) -> Decoder:
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._stop()

    def schema(self, path: str) -> tuple[Any, int]:
        """Arrow schema and row count of a file."""
        payloads = list(self._answers({"what": "schema", "path": path}))
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(b"".join(payloads)))
            return schema, int(schema.metadata[b"n_rows"])
        except (pa.ArrowException, KeyError, TypeError) as error:
            raise _refusal(path, f"its decoder gave no schema: {error}") from error

    def batches(self, path: str, columns: list[int]) -> Generator[Any, None, None]:
        """Record batches of the chosen columns, in order."""
        with contextlib.closing(self._answers({"what": "rows", "path": path, "columns": columns})) as answers:
            for payload in answers:
                try:
                    batch = pa.ipc.open_stream(pa.py_buffer(payload)).read_next_batch()
                    batch.validate(full=True)
                except (pa.ArrowException, StopIteration) as error:
                    raise _refusal(path, str(error)) from error
                yield batch

    def _answers(self, request: dict[str, Any]) -> Generator[bytes, None, None]:
        """Payloads of the answers to one request; a decoder that is answering another one gets a helper."""
        if not self._busy.acquire(blocking=False):
            with Decoder(self.memory_limit) as helper:
                yield from helper._answers(request)
            return
        finished = False
        try:
            with self:
                for kind, payload in self._ask(request):
                    if kind == "X":
                        finished = True
                        answer = json.loads(payload)
                        if answer["reason"] == "memory":
                            raise self._too_big(request["path"])
                        raise _refusal(request["path"], answer["message"])
                    if kind == "E":
                        finished = True
                        return
                    yield payload
        finally:
            if not finished:
                self._stop()  # unread answers are in the pipe
            self._busy.release()

    def _ask(self, request: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
        path = request["path"]
        if self._process is None or self._process.poll() is not None:
            self._start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request | {"memory_limit": self.memory_limit}).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._died(path) from None
        while True:
            head = process.stdout.read(9)
            if len(head) < 9:
                raise self._died(path)
            kind, length = chr(head[0]), struct.unpack("<Q", head[1:])[0]
            if kind not in "SBEX" or length > _MAX_ANSWER:
                raise _refusal(path, "its decoder answered nonsense")
            payload = process.stdout.read(length)
            if len(payload) < length:
                raise self._died(path)
            yield kind, payload

    def _start(self) -> None:
        environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the caller, who ends the child in order
        )

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        process.wait()

    def _died(self, path: str) -> DataError:
        code = self._process.wait() if self._process is not None else 0
        self._stop()
        if code == -getattr(signal, "SIGXCPU", 24):
            return _refusal(path, "its decoder was stopped for taking too long")
        if code == -signal.SIGABRT:
            return self._too_big(path)  # an allocation failed where C++ could not report it
        return _refusal(path, f"its decoder ended with code {code}")

    def _too_big(self, path: str) -> DataError:
        return DataError(
            f"{path}: decoding it takes more than {self.memory_limit >> 20} MiB; expected a sound Parquet "
            "file with pages of ordinary size. If the file is sound, pass a higher memory_limit (bytes), or "
            "write it with smaller row groups."
        )


class ParquetSource(TableSource):
    """One Parquet file."""

    def __init__(self, path: str, decoder: Decoder, **settings: Any) -> None:
        self._path, self._decoder = path, decoder
        size = os.path.getsize(path)
        if size == 0:
            raise DataError(f"{path}: is empty; expected a Parquet file.")
        schema, n_rows = decoder.schema(path)
        super().__init__(path, schema.names, schema.types, n_rows, **settings)
        self.n_bytes = size

    def _session(self) -> Decoder:
        return self._decoder

    def _pieces(self, size: int) -> Pieces:
        positions = sorted({*self._selection.features, *self._selection.labels})
        row = 0
        with contextlib.closing(self._decoder.batches(self._path, positions)) as batches:
            for batch in batches:
                row += batch.num_rows
                done = (self.n_bytes or 0) * row // max(1, self.n_rows or 0)
                columns = dict(zip(positions, batch.columns, strict=True))
                yield self._convert(columns.__getitem__, row - batch.num_rows, done)


def _refusal(path: str, reason: str) -> DataError:
    reason = " ".join(reason.split())
    return DataError(
        f"{path}: is damaged or no Parquet file ({reason}); expected a file that its writer closed. Write it "
        "again, or give its format."
    )
