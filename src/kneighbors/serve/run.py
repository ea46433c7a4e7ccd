# SPDX-License-Identifier: Apache-2.0
"""Serve until told to stop: processes and signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from .app import App
from .server import Server, bind

__all__ = ["serve"]

log = logging.getLogger("kneighbors.serve")

_GRACE = 2.0  # seconds beyond drain_seconds before a worker is killed


def serve(
    make_app: Callable[[int], App],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int = 1,
    ready: Callable[[str], None] | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, then answer what was asked and return.

    Parameters
    ----------
    make_app : callable
        Called in each worker process with its number, from 0 on; gives its `App`.
    host : str, default="127.0.0.1"
    port : int, default=8080
        0: any that is free.
    workers : int, default=1
        Processes; with one, everything runs in this one. A worker that dies is replaced.
    ready : callable or None
        Called with the base URL once the sockets listen.

    Returns
    -------
    int
        The exit code: 0.
    """
    first = bind(host, port, shared=workers > 1)
    port = first.getsockname()[1]
    listeners = [first] + [bind(host, port, shared=True) for _ in range(workers - 1)]
    if ready is not None:
        ready(f"http://{'[' + host + ']' if ':' in host else host}:{port}")
    try:
        if workers == 1:
            _work(make_app(0), first)
        else:
            _supervise(make_app, listeners)
    finally:
        for listener in listeners:
            listener.close()
    return 0


def _work(app: App, listener: socket.socket) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        server = Server(app)
        await server.start([listener])
        gc.freeze()  # what is there now stays: no collection needs to look at it again
        await stopped.wait()
        await server.stop()
        gc.unfreeze()

    asyncio.run(main())


def _supervise(make_app: Callable[[int], App], listeners: list[socket.socket]) -> None:
    """Keep one process per socket. The sockets stay open here: what waits in one outlives its worker."""
    asked = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, asked | {signal.SIGCHLD})
    started: dict[int, float] = {}
    places = {_fork(make_app, number, listeners): number for number in range(len(listeners))}
    started = dict.fromkeys(places, time.monotonic())
    while True:
        arrived = signal.sigwait(asked | {signal.SIGCHLD})
        if arrived in asked:
            break
        for pid in _ended(places):
            number = places.pop(pid)
            if time.monotonic() - started.pop(pid) < 1.0:
                time.sleep(1.0)  # a worker that cannot start is not started in a tight circle
            log.error("Worker %d ended unexpectedly and is replaced.", number)
            pid = _fork(make_app, number, listeners)
            places[pid], started[pid] = number, time.monotonic()
    for listener in listeners:  # or clients would go on connecting to what nobody accepts any more
        listener.close()
    for pid in places:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30.0
    while places and time.monotonic() < deadline:
        for pid in _ended(places):
            places.pop(pid)
        if places:
            signal.sigtimedwait({signal.SIGCHLD}, 0.1)
    for pid in places:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _fork(make_app: Callable[[int], App], number: int, listeners: list[socket.socket]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
        for other, listener in enumerate(listeners):
            if other != number:
                listener.close()
        _work(make_app(number), listeners[number])
        code = 0
    except BaseException:
        log.exception("Worker %d failed.", number)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(places: dict[int, int]) -> list[int]:
    ended = []
    for pid in list(places):
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        ended.append(pid)
    return ended
