# SPDX-License-Identifier: Apache-2.0
"""What one client may cost: sizes, counts and seconds. Everything a request can grow has a bound here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Bounds of the server; every one can be changed, none can be left out.

    Attributes
    ----------
    header_bytes : int, default=16384
        Request line and header fields together.
    header_fields : int, default=100
    url_bytes : int, default=8192
    header_seconds : float, default=10
        From the first byte of a request (for the first request: from the connection) to the end of its
        header.
    body_bytes : int, default=33554432
        32 MiB; the managed service sends at most 25 MB.
    body_seconds : float, default=30
        For a whole body.
    body_bytes_per_second : int, default=1024
        Below this mean, ``header_seconds`` after its start, a body is given up.
    bodies_bytes : int, default=268435456
        All bodies that are held at one time, of every connection; beyond, 503.
    connections : int, default=512
    queued : int, default=64
        Requests that may wait for the model; beyond, 503 with ``Retry-After``.
    pipelined : int, default=16
        Requests of one connection that may wait for the one before them; beyond, the connection is closed.
    request_seconds : float, default=60
        From the whole request to its answer.
    keep_alive_seconds : float, default=75
        Between an answer and the next request.
    unread_seconds : float, default=30
        An answer that is not taken at ``body_bytes_per_second`` for so long is given up.
    drain_seconds : float, default=8
        After SIGTERM, for the requests that are there.
    k : int, default=10000
        Neighbours of one query.
    neighbors : int, default=1000000
        Rows times k of one request.
    """

    header_bytes: int = 16 << 10
    header_fields: int = 100
    url_bytes: int = 8 << 10
    header_seconds: float = 10.0
    body_bytes: int = 32 << 20
    body_seconds: float = 30.0
    body_bytes_per_second: int = 1024
    bodies_bytes: int = 256 << 20
    connections: int = 512
    queued: int = 64
    pipelined: int = 16
    request_seconds: float = 60.0
    keep_alive_seconds: float = 75.0
    unread_seconds: float = 30.0
    drain_seconds: float = 8.0
    k: int = 10_000
    neighbors: int = 1_000_000
