# SPDX-License-Identifier: Apache-2.0
"""S6: clients that are slow on purpose are given up, and others notice nothing. Deadlines are short here."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

import kneighbors
from kneighbors.serve import Limits
from tests.serve.asking import Client, as_instances, rows_and_classes, serving
from tests.serve.test_abuse import START, resident

ROWS, CLASSES = rows_and_classes()
LIMITS = Limits(
    header_seconds=1.0, body_seconds=1.5, unread_seconds=1.0, keep_alive_seconds=1.0, connections=300
)
N_SOCKETS = 200


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    with serving(path, limits=LIMITS) as client:
        yield client


def connect(client, buffer=None):
    place = urlsplit(client.url)
    one = socket.socket()
    if buffer is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    one.connect((place.hostname, place.port))
    one.setblocking(False)
    return one


def is_closed(one) -> bool:
    try:
        while data := one.recv(1 << 16):
            assert data
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def dribble(client, begin: bytes, then: bytes, seconds: float, reads: bool = True) -> float:
    """200 sockets that send ``begin``, then ``then`` again and again; until when some were open.

    Meanwhile a client that behaves has no error.
    """
    good, body = Client(client.url), as_instances(ROWS[:2])
    before = resident()
    sockets = [connect(client, None if reads else 4096) for _ in range(N_SOCKETS)]
    started, slowest, n_asked = time.perf_counter(), 0.0, 0
    for one in sockets:
        with suppress(OSError):
            one.send(begin)
    open_sockets = list(sockets)
    while open_sockets and time.perf_counter() - started < seconds:
        time.sleep(0.05)
        for one in open_sockets:
            with suppress(OSError):
                one.send(then)
        if reads:
            open_sockets = [one for one in open_sockets if not is_closed(one)]
        asked = time.perf_counter()
        assert good.post("/invocations", body).status == 200
        slowest, n_asked = max(slowest, time.perf_counter() - asked), n_asked + 1
    took = time.perf_counter() - started
    assert resident() - before < 64 << 20
    assert slowest < 1.0, "a client that behaves had to wait"
    assert n_asked
    for one in sockets:
        one.close()
    good.connection.close()
    if reads:
        assert not open_sockets, f"{len(open_sockets)} slow connections are still open after {took:.1f} s"
    return took


def test_s6_silence_is_given_up(client):
    assert dribble(client, b"", b"", 8.0) > 0.9


def test_s6_a_header_byte_by_byte_is_given_up(client):
    assert dribble(client, START + b"X-A: ", b"a", 8.0) > 0.9


def test_s6_a_body_byte_by_byte_is_given_up(client):
    assert dribble(client, START + b"Content-Length: 100000\r\n\r\n", b" ", 8.0) > 0.9


def test_s6_chunks_byte_by_byte_are_given_up(client):
    begin = START + b"Transfer-Encoding: chunked\r\n\r\n"
    assert dribble(client, begin, b"1\r\n \r\n", 8.0) > 0.9


def test_s6_answers_that_nobody_reads_are_given_up(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(50).fit(ROWS, CLASSES).save(path)
    body = as_instances(ROWS.repeat(30, axis=0)).encode()  # an answer that no socket buffer holds
    raw = START + b"Accept: application/json; verbose=true\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with serving(path, limits=LIMITS) as client:
        before = resident()
        sockets = [connect(client, 4096) for _ in range(8)]
        for one in sockets:
            one.setblocking(True)
            one.sendall(raw * 2)
        good = Client(client.url)
        give_up = time.monotonic() + 12
        while time.monotonic() < give_up:
            time.sleep(0.2)
            assert good.post("/invocations", as_instances(ROWS[:2])).status == 200
            if all(is_gone(one) for one in sockets):
                break
        else:
            raise AssertionError("connections whose answers nobody reads are still open")
        assert resident() - before < 64 << 20
        for one in sockets:
            one.close()


def is_gone(one) -> bool:
    """Whether the server has dropped the connection, seen without reading what it sent."""
    state = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1  # TCP_ESTABLISHED


def test_idle_keep_alive_ends(client):
    with connect(client) as one:
        one.setblocking(True)
        one.settimeout(5)
        one.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
        started = time.perf_counter()
        assert one.recv(1000) == b""
        assert 0.9 < time.perf_counter() - started < 4


def test_too_many_connections_are_told_so(client):
    sockets = [connect(client) for _ in range(LIMITS.connections + 5)]
    time.sleep(0.2)
    answers = []
    for one in sockets[-5:]:
        with suppress(OSError):
            answers.append(one.recv(1000)[:12])
    for one in sockets:
        one.close()
    assert answers.count(b"HTTP/1.1 503") >= 4
    time.sleep(0.2)
    assert Client(client.url).ask("GET", "/ping").status == 200


def test_a_slow_but_steady_body_is_answered(client):
    body = as_instances(ROWS[:1]).encode()
    with connect(client) as one:
        one.setblocking(True)
        one.settimeout(5)
        one.sendall(START + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 20):
            time.sleep(0.05)
            one.sendall(body[start : start + 20])
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
