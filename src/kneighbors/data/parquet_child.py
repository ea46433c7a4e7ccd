# SPDX-License-Identifier: Apache-2.0
"""The process in which Parquet files are decoded; run as a script, never imported.

A damaged Parquet file can make a decoder crash or ask for gigabytes. Here that ends this process, under
limits of memory and processor time that it sets itself, and never its parent.

Protocol: one JSON request per line on stdin. Answers on stdout are a kind byte, a little-endian uint64
length, and that many bytes: ``S`` an Arrow schema with the row count in its metadata, ``B`` an Arrow stream
of one record batch,
``E`` the end of the rows, ``X`` a refusal as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

# pyarrow loads some of its parts on first use, which must not happen under the memory limit
import pyarrow.compute
import pyarrow.parquet as parquet

__all__ = ["main"]

BATCH_BYTES = 4 << 20


def main() -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            _limit(request["memory_limit"], os.path.getsize(request["path"]))
            for kind, payload in _answer(request):
                answers.write(kind + struct.pack("<Q", len(payload)))
                answers.write(payload)
        except MemoryError as error:
            _refuse(answers, "memory", error)
        except (
            pa.ArrowException,
            OSError,
            ValueError,
            OverflowError,
            TypeError,
            KeyError,
            RecursionError,
        ) as error:
            _refuse(answers, "damaged", error)
        answers.flush()


def _refuse(answers: BinaryIO, reason: str, error: Exception) -> None:
    text = json.dumps({"reason": reason, "message": str(error)[:500]}).encode()
    answers.write(b"X" + struct.pack("<Q", len(text)) + text)


def _answer(request: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    # streamed column chunks, no read-ahead, one thread: memory stays near one batch
    with parquet.ParquetFile(
        request["path"],
        memory_map=False,
        buffer_size=1 << 20,
        pre_buffer=False,
        thrift_string_size_limit=64 << 20,
    ) as file:
        metadata = file.metadata
        n_rows = sum(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
        if n_rows != metadata.num_rows or n_rows < 0:
            raise ValueError(f"the footer counts {metadata.num_rows} rows, its row groups {n_rows}")
        schema = file.schema_arrow
        if request["what"] == "schema":
            yield b"S", schema.with_metadata({"n_rows": str(n_rows)}).serialize().to_pybytes()
            yield b"E", b""
            return
        wanted = request["columns"]
        names = [schema.names[i] for i in wanted]
        n_read = 0
        size = max(1, min(65_536, BATCH_BYTES // (8 * max(1, len(wanted)))))
        for batch in file.iter_batches(batch_size=size, columns=names, use_threads=False):
            batch = batch.select(names)
            batch.validate(full=True)
            n_read += batch.num_rows
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield b"B", sink.getvalue()
        if n_read != n_rows:
            raise ValueError(f"the footer counts {n_rows} rows, but {n_read} could be read")
        yield b"E", b""


def _limit(memory: int, file_bytes: int) -> None:
    """Cap the memory beyond what this process takes now, and the processor time for one file."""
    try:
        import resource
    except ImportError:
        return
    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else open(os.devnull) as file:
        pages = file.read().split()
    now = int(pages[0]) * resource.getpagesize() if pages else 0
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + 60 + (file_bytes >> 20)
    for kind, limit in ((resource.RLIMIT_AS, now + memory), (resource.RLIMIT_CPU, seconds)):
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS takes no limit on address space
            resource.setrlimit(kind, (limit, hard))


if __name__ == "__main__":
    main()
