# SPDX-License-Identifier: Apache-2.0
"""One process that serves: its sockets, its connections and their end."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from typing import Any

from .app import App
from .connection import Connection

__all__ = ["Server", "bind", "running"]

_CHECK_SECONDS = 0.5
_BUFFER_BYTES = 64 << 10
_SEND_BYTES = 256 << 10


class Server:
    """An app behind a listening socket, in the running event loop.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.connections: set[Connection] = set()
        self.in_hand: set[asyncio.Future[Any]] = set()
        self.bodies_bytes = 0
        self.is_draining = False
        # One buffer for every connection: what was received is parsed before the next is.
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._date = (0, b"")
        self._listeners: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._checking: asyncio.Task[None] | None = None
        self._empty: asyncio.Event | None = None

    async def start(self, listeners: list[socket.socket]) -> None:
        """Serve what connects to these sockets, from now on."""
        loop = asyncio.get_running_loop()
        self._listeners = listeners
        for listener in listeners:
            _bound_unread(listener, self.app.limits.unread_seconds)
        self._servers = [
            await loop.create_server(lambda: Connection(self), sock=listener, backlog=1024)
            for listener in listeners
        ]
        self._checking = loop.create_task(self._check())
        for hook in self.app.on_start:
            await hook()

    async def stop(self) -> None:
        """Answer what was asked, take no more, and end; after ``drain_seconds`` the rest is cut off."""
        self.is_draining = True
        self._empty = asyncio.Event()
        waiting = [one for listener in self._listeners for one in _accept_all(listener)]
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        for one in waiting:
            with suppress(OSError):
                await loop.connect_accepted_socket(lambda: Connection(self), one)
        self.connection_gone()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), self.app.limits.drain_seconds)
        for future in list(self.in_hand):
            future.cancel()
        for hook in self.app.on_stop:
            await hook()
        for connection in list(self.connections):
            connection.drop()
        if self._checking is not None:
            self._checking.cancel()

    def connection_gone(self) -> None:
        if self._empty is not None and not self.connections:
            self._empty.set()

    def date(self) -> bytes:
        """The ``Date`` field and the end of the header, made once a second."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, f"date: {formatdate(now, usegmt=True)}\r\n\r\n".encode("ascii"))
        return self._date[1]

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            now = time.monotonic()
            for connection in list(self.connections):
                connection.check(now)


def _accept_all(listener: socket.socket) -> list[socket.socket]:
    """Connections that the system has made already: closing the listener would reset them."""
    found = []
    with suppress(OSError):
        while True:
            found.append(listener.accept()[0])
            found[-1].setblocking(False)
    return found


def _bound_unread(listener: socket.socket, seconds: float) -> None:
    """What the system may hold for a peer that does not read, of every connection that is accepted here.

    Answers that fit its buffers are out of our hands: without this they are offered for a quarter of an hour.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
    timeout = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    if timeout is not None:
        listener.setsockopt(socket.IPPROTO_TCP, timeout, int(seconds * 1000))


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; ``shared`` lets several be bound to one port, among which the system spreads."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(1024)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def running(app: App, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve from a thread of this process, for as long as the block runs; gives the base URL.

    Parameters
    ----------
    app : App
    host : str, default="127.0.0.1"
    port : int, default=0
        0: any that is free.

    Examples
    --------
    >>> import urllib.request
    >>> from kneighbors.serve import App, Response, running
    >>> app = App()
    >>> app.route("GET", "/hello", lambda request: Response.json({"hello": "you"}))
    >>> with running(app) as url:
    ...     urllib.request.urlopen(url + "/hello").read()
    b'{"hello": "you"}'
    """
    listener = bind(host, port)
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()
    failure: list[BaseException] = []

    async def main() -> None:
        server = Server(app)
        try:
            await server.start([listener])
        except BaseException as error:
            failure.append(error)
            return
        finally:
            ready.set()
        await done.wait()
        await server.stop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run, name="kneighbors-serve", daemon=True)
    thread.start()
    ready.wait()
    try:
        if failure:
            raise failure[0]
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        if not failure:
            loop.call_soon_threadsafe(done.set)
        thread.join()
        listener.close()
