# SPDX-License-Identifier: Apache-2.0
"""Messages between the hosts of a job, over TCP: small JSON objects, and rows as Arrow IPC streams.

A message is one byte of kind, eight bytes of length (little-endian) and as many bytes. Lengths are capped;
a connection whose other end is gone is noticed within about a minute. Hosts of one job trust each other: the
forms are checked, so that a damaged message is an error and not a wrong model.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .failures import HostError

__all__ = ["Connection", "Rows"]

MAX_JSON = 16 << 20
MAX_ROWS = 128 << 20
_HEAD = struct.Struct("<cQ")
_LABELS = (pa.bool_(), pa.int64(), pa.float32(), pa.float64(), pa.string())


class Rows(NamedTuple):
    """Rows of a host: their numbers, features of shape (n, d) and labels of shape (n,)."""

    numbers: NDArray[np.int64]
    features: NDArray[np.float32]
    labels: NDArray[Any]


class Connection:
    """Messages to and from one host.

    Parameters
    ----------
    channel : socket.socket
        Connected.
    host : str
        What errors call the other end.
    """

    def __init__(self, channel: socket.socket, host: str) -> None:
        self.host = host
        self._socket = channel
        channel.settimeout(None)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):  # macOS has other names
                channel.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    def close(self) -> None:
        self._socket.close()

    def timeout(self, seconds: float | None) -> None:
        """How long a message may take; None is as long as the connection stands."""
        self._socket.settimeout(seconds)

    def send(self, message: dict[str, Any]) -> None:
        """A JSON object."""
        self._send(b"J", json.dumps(message).encode())

    def send_rows(self, rows: Rows) -> None:
        """Some rows; no more than ``MAX_ROWS`` bytes of them."""
        d = rows.features.shape[1]
        flat = np.ascontiguousarray(rows.features).reshape(-1)
        labels = rows.labels.tolist() if rows.labels.dtype.kind in "OU" else rows.labels
        batch = pa.record_batch(
            {
                "numbers": pa.array(rows.numbers),
                "features": pa.FixedSizeListArray.from_arrays(pa.array(flat), d),
                "labels": pa.array(labels),
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        self._send(b"A", sink.getvalue())

    def receive(self, *expected: str) -> dict[str, Any]:
        """A JSON object with one of the expected keys.

        Raises
        ------
        HostError
            The other end is gone, says that it failed, or something else.
        """
        message = self.receive_any(*expected)
        if isinstance(message, Rows):
            raise self._error("sent rows where it should not")
        return message

    def receive_any(self, *expected: str) -> dict[str, Any] | Rows:
        """The next message: rows, or a JSON object with one of the expected keys."""
        try:
            kind, length = _HEAD.unpack(self._read(_HEAD.size))
            if kind not in (b"J", b"A") or length > (MAX_JSON if kind == b"J" else MAX_ROWS):
                raise self._error(f"sent a message of kind {kind!r} and {length} bytes")
            body = self._read(length)
        except TimeoutError:
            raise self._error("sent no message in time") from None
        except OSError as error:
            raise self._error(f"is gone ({error.strerror or error})") from error
        return self._rows(bytes(body)) if kind == b"A" else self._object(bytes(body), expected)

    def _object(self, body: bytes, expected: tuple[str, ...]) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and isinstance(found.get("failed"), str):
            raise self._error(f"failed: {found['failed']}")
        if not isinstance(found, dict) or not any(key in found for key in expected):
            raise self._error(f"sent a message without {' or '.join(expected)}")
        return found

    def _rows(self, body: bytes) -> Rows:
        try:
            with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
                batch = reader.read_next_batch()
            batch.validate(full=True)
            numbers, features, labels = (batch.column(name) for name in ("numbers", "features", "labels"))
        except (pa.ArrowException, OSError, MemoryError, StopIteration, KeyError) as error:
            raise self._error(f"sent rows that cannot be read ({error})") from error
        is_list = pa.types.is_fixed_size_list(features.type) and features.type.value_type == pa.float32()
        if numbers.type != pa.int64() or not is_list or labels.type not in _LABELS:
            raise self._error(f"sent rows of types {', '.join(str(column.type) for column in batch.columns)}")
        values = features.flatten()
        if numbers.null_count or labels.null_count or values.null_count or features.null_count:
            raise self._error("sent rows with missing values")
        width = features.type.list_size
        if len(values) != width * len(numbers):
            raise self._error("sent rows of unequal length")
        matrix = values.to_numpy(zero_copy_only=False).reshape(len(numbers), width)
        return Rows(numbers.to_numpy(), matrix, labels.to_numpy(zero_copy_only=False))

    def _read(self, length: int) -> bytearray:
        body = bytearray()
        while len(body) < length:
            part = self._socket.recv(min(1 << 20, length - len(body)))
            if not part:
                raise ConnectionResetError(0, "the connection ended")
            body += part
        return body

    def _send(self, kind: bytes, body: Any) -> None:
        try:
            self._socket.sendall(_HEAD.pack(kind, len(body)))
            self._socket.sendall(body)
        except OSError as error:
            raise self._error(f"is gone ({error.strerror or error})") from error

    def _error(self, what: str) -> HostError:
        return HostError(f"Host {self.host} {what}.")
