# SPDX-License-Identifier: Apache-2.0
"""One connection: bytes in, whole requests to the app, answers out in the order of the requests.

llhttp (through httptools) reads the bytes, strictly: it refuses whatever two servers could read differently.
What it does not do is here: bounds on sizes and times, and an end of the connection that loses no answer.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httptools

from .messages import Request, RequestError, Response

if TYPE_CHECKING:
    from .server import Server

__all__ = ["Connection"]

_NOTHING, _HEAD, _BODY = range(3)
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 << 10
_DRAIN_IDLE_SECONDS = 2.5  # a client in the middle of its next request must not meet a closed door


class Connection(asyncio.BufferedProtocol):
    """The protocol of one socket; the server looks at it twice a second (`check`)."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._limits = server.app.limits
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request | RequestError, bool]] = deque()
        self._current: Request | None = None
        self._started = 0.0  # when the current request was whole
        self._has_asked = False
        self._is_deaf = False  # nothing more is read as a request
        self._is_paused = False  # the peer does not take its answers
        self._is_reading = True
        self._discarded = 0
        self._lingering_since: float | None = None
        self._stuck: tuple[float, int] | None = None
        self._part, self._since = _NOTHING, time.monotonic()
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._size = 0  # bytes of the body so far
        self._head_size = 0

    # --- the socket ----------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        server = self._server
        if len(server.connections) >= self._limits.connections:
            server.connections.add(self)
            self._refuse(RequestError(503, "Too many connections; try again.", headers={"retry-after": "1"}))
            return
        server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        self._release(self._size)
        for request, _ in self._waiting:
            if isinstance(request, Request):
                self._release(len(request.body))
        self._waiting.clear()
        self._is_deaf = True
        self._server.connection_gone()

    def get_buffer(self, size_hint: int) -> memoryview:
        return self._server.buffer

    def buffer_updated(self, n_bytes: int) -> None:
        if self._is_deaf:
            self._discarded += n_bytes
            if self._discarded > _LINGER_BYTES:
                self.drop()
            return
        if self._part == _HEAD:
            self._head_size += n_bytes
        try:
            self._feed(self._server.buffer[:n_bytes])
        except httptools.HttpParserError as error:
            refusal = error.__context__
            if not isinstance(refusal, RequestError):
                refusal = RequestError(400, "This is not a well-formed HTTP/1.1 request.")
            self._refuse(refusal)
            return
        if self._part == _HEAD and self._head_size > self._limits.header_bytes:
            self._refuse(RequestError(431, _TOO_LONG_HEAD.format(self._limits.header_bytes)))
            return
        self._pump()

    def _feed(self, data: memoryview | bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + bytes(data[upgrade.args[0] :])

    def _without_upgrade(self) -> bytes:
        """The head of a request that asked for another protocol, which a server may ignore, without asking.

        llhttp stops behind such a head, also where a body follows.
        """
        self._waiting.pop()
        lines = [self._parser.get_method() + b" " + self._url + b" HTTP/1.1"]
        for name, value in self._fields:
            key = name.lower()
            if key == b"connection" and b"close" in value.lower():
                lines.append(b"connection: close")
            elif key not in (b"connection", b"upgrade", b"http2-settings"):
                lines.append(name + b": " + value)
        self._parser = httptools.HttpRequestParser(self)
        return b"\r\n".join([*lines, b"\r\n"])

    def eof_received(self) -> bool:
        if self._current is None and not self._waiting:
            return False
        self._is_deaf = True  # a client may close its side and still read its answer
        return True

    def pause_writing(self) -> None:
        self._is_paused = True
        self._throttle()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._pump()

    # --- llhttp's calls ------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._begin()
        self._part, self._since = _HEAD, time.monotonic()

    def on_url(self, piece: bytes) -> None:
        self._url += piece
        if len(self._url) > self._limits.url_bytes:
            raise RequestError(414, f"The URL is longer than {self._limits.url_bytes} bytes.", field="path")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))
        if len(self._fields) > self._limits.header_fields:
            raise RequestError(431, f"There are more than {self._limits.header_fields} header fields.")

    def on_headers_complete(self) -> None:
        limits = self._limits
        if len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._fields) > (
            limits.header_bytes
        ):
            raise RequestError(431, _TOO_LONG_HEAD.format(limits.header_bytes))
        self._part, self._since = _BODY, time.monotonic()
        self._headers = headers = _joined(self._fields)
        self._check_framing(headers)
        length = headers.get("content-length")
        if length is not None and (len(length) > 18 or int(length) > limits.body_bytes):
            raise RequestError(413, _TOO_LARGE_BODY.format(limits.body_bytes), field="body")
        if self._server.bodies_bytes + int(length or 0) > limits.bodies_bytes:
            raise RequestError(503, "The server is busy; try again.", headers={"retry-after": "1"})
        expected = headers.get("expect")
        if expected is not None:
            if expected.lower() != "100-continue":
                raise RequestError(417, "Only Expect: 100-continue is known.", field="expect")
            if self._current is None and not self._waiting:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, piece: bytes) -> None:
        size = len(piece)
        self._size += size
        self._server.bodies_bytes += size
        self._pieces.append(piece)
        if self._size > self._limits.body_bytes:
            raise RequestError(413, _TOO_LARGE_BODY.format(self._limits.body_bytes), field="body")
        if self._server.bodies_bytes > self._limits.bodies_bytes:
            raise RequestError(503, "The server is busy; try again.", headers={"retry-after": "1"})

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        request = Request(self._parser.get_method().decode("ascii"), path, query, self._headers, body)
        self._size = 0  # the request counts its own bytes from here on
        self._part, self._since = _NOTHING, time.monotonic()
        self._has_asked = True
        self._waiting.append((request, self._parser.should_keep_alive()))
        if len(self._waiting) > self._limits.pipelined:
            raise RequestError(503, "Too many requests were sent at once.", headers={"retry-after": "1"})

    def _check_framing(self, headers: dict[str, str]) -> None:
        """What llhttp lets pass and two servers may read differently."""
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise RequestError(505, "This server speaks HTTP/1.1.")
        hosts = sum(name.lower() == b"host" for name, _ in self._fields)
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            raise RequestError(400, "One Host header is needed.", field="host")
        if not self._url.startswith(b"/") or b"#" in self._url:
            raise RequestError(400, "The path must begin with /, and name no host.", field="path")
        coding = headers.get("transfer-encoding")
        if coding is not None and (
            coding.strip().lower() != "chunked" or version == "1.0" or "content-length" in headers
        ):
            raise RequestError(
                400,
                "A body has either Content-Length or Transfer-Encoding: chunked.",
                field="transfer-encoding",
            )
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise RequestError(415, "Bodies are taken uncompressed.", field="content-encoding")

    # --- requests in order ---------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Ask the app, one request after the other, until one has to be awaited."""
        while self._waiting and self._current is None and not self._is_paused:
            request, keep_alive = self._waiting.popleft()
            if isinstance(request, RequestError):
                self._finish_with(request.response())
                break
            self._current, self._started = request, time.monotonic()
            self._keep_alive = keep_alive
            app = self._server.app
            try:
                answer = app.answer(request)
            except Exception as error:
                answer = app.refusal(error)
            if isinstance(answer, Response):
                self._send(answer)
            else:
                self._wait_for(answer, request)
        self._throttle()

    def _wait_for(self, answer: Awaitable[Response], request: Request) -> None:
        future = asyncio.ensure_future(answer)
        self._server.in_hand.add(future)
        future.add_done_callback(lambda done: self._answered(done, request))

    def _answered(self, done: asyncio.Future[Response], request: Request) -> None:
        self._server.in_hand.discard(done)
        error = None if done.cancelled() else done.exception()
        if self._current is not request:  # given up, or the client has gone
            return
        if done.cancelled():
            error = RequestError(503, "The server is stopping.", headers={"retry-after": "1"})
        self._send(self._server.app.refusal(error) if error is not None else done.result())
        self._pump()

    def _send(self, response: Response) -> None:
        request, now = self._current, time.monotonic()
        assert request is not None
        self._current = None
        self._release(len(request.body))
        self._server.app.observe(request, response.status, now - self._started)
        close = not self._keep_alive or self._server.is_draining or self._is_deaf
        self._since = now
        self._transport.write(
            response.encode(self._server.date(), close=close, head_only=request.method == "HEAD")
        )
        if close and not self._is_refused():
            self._linger()

    def _is_refused(self) -> bool:
        """Whether an answer to bytes that could not be read still has to follow."""
        return bool(self._waiting) and isinstance(self._waiting[-1][0], RequestError)

    def _refuse(self, error: RequestError) -> None:
        """Nothing more is read; the refusal goes out after the answers that are due before it."""
        self._is_deaf = True
        self._release(self._size)
        self._size, self._pieces, self._part = 0, [], _NOTHING
        self._waiting.append((error, False))
        self._pump()

    def _finish_with(self, response: Response) -> None:
        self._server.app.observe(None, response.status, 0.0)
        self._transport.write(response.encode(self._server.date(), close=True))
        self._linger()

    def _linger(self) -> None:
        """End the connection so that the answer arrives: a close with unread bytes would destroy it."""
        self._is_deaf = True
        self._waiting.clear()
        if self._lingering_since is None:
            self._lingering_since = time.monotonic()
            if self._transport.can_write_eof() and not self._transport.is_closing():
                self._transport.write_eof()
        self._throttle()

    def _throttle(self) -> None:
        """Read from the socket only what can be worked on."""
        wanted = self._lingering_since is not None or not (
            self._is_paused or self._current is not None or self._waiting
        )
        if wanted == self._is_reading or self._transport.is_closing():
            return
        self._is_reading = wanted
        if wanted:
            if self._part != _NOTHING:
                self._since = time.monotonic()  # the time that we did not read is not the client's
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def drop(self) -> None:
        """End at once. What the peer has not taken is thrown away: the system would go on offering it."""
        socket_ = self._transport.get_extra_info("socket")
        if socket_ is not None and not self._transport.is_closing():
            with suppress(OSError):
                socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _release(self, n_bytes: int) -> None:
        self._server.bodies_bytes -= n_bytes

    # --- time ----------------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        return self._current is None and not self._waiting and self._part == _NOTHING

    def check(self, now: float) -> None:
        """Give up what takes too long."""
        limits, elapsed = self._limits, now - self._since
        if self._gives_up_writing(now):
            self.drop()
        elif self._lingering_since is not None:
            unsent = self._transport.get_write_buffer_size()
            if not unsent and now - self._lingering_since > _LINGER_SECONDS:
                self.drop()
        elif self._current is not None:
            if now - self._started > limits.request_seconds:
                self._keep_alive = False
                self._send(
                    RequestError(504, f"No answer within {limits.request_seconds:g} seconds.").response()
                )
        elif self._part == _HEAD and elapsed > limits.header_seconds:
            self._refuse(RequestError(408, f"The header took over {limits.header_seconds:g} seconds."))
        elif self._part == _BODY and (
            elapsed > limits.body_seconds
            or (elapsed > limits.header_seconds and self._size < elapsed * limits.body_bytes_per_second)
        ):
            self._refuse(RequestError(408, f"The body took over {limits.body_seconds:g} seconds."))
        elif self.is_idle and elapsed > self._patience():
            self._transport.close()

    def _patience(self) -> float:
        if self._server.is_draining:
            return _DRAIN_IDLE_SECONDS
        return self._limits.keep_alive_seconds if self._has_asked else self._limits.header_seconds

    def _gives_up_writing(self, now: float) -> bool:
        size = self._transport.get_write_buffer_size()
        if not size:
            self._stuck = None
            return False
        if self._stuck is None:
            self._stuck = (now, size)
            return False
        since, before = self._stuck
        if now - since < self._limits.unread_seconds:
            return False
        self._stuck = (now, size)
        taken = before - size
        return bool(taken < (now - since) * self._limits.body_bytes_per_second)


_TOO_LONG_HEAD = "The request line and header fields are longer than {} bytes."
_TOO_LARGE_BODY = "The body is larger than {} bytes. Send fewer rows at a time."


def _joined(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in fields:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
