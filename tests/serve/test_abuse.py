# SPDX-License-Identifier: Apache-2.0
"""Raw bytes that servers have misread: each is refused, or answered exactly once, and nothing follows."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from urllib.parse import urlsplit

import numpy as np
import pytest

import kneighbors
from kneighbors.serve import Limits
from tests.serve.asking import Client, as_instances, rows_and_classes, serving

ROWS, CLASSES = rows_and_classes()
BODY = as_instances(ROWS[:1]).encode()
START = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
# A request hidden behind another: were it answered, two readers would disagree about where one ends.
HIDDEN = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    return path


@pytest.fixture(scope="module")
def client(folder):
    limits = Limits(body_bytes=1 << 20, header_seconds=0.6, body_seconds=1.0)
    with serving(folder, limits=limits) as client:
        yield client


@pytest.fixture(autouse=True)
def _canary(client):
    yield
    fresh = Client(client.url)
    assert fresh.post("/invocations", BODY).json() == {"predictions": [{"predicted_label": expected()}]}
    fresh.connection.close()


def expected() -> float:
    estimator = kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES)
    return float(estimator.predict(ROWS[:1])[0])


def connect(client) -> socket.socket:
    place = urlsplit(client.url)
    return socket.create_connection((place.hostname, place.port), timeout=5)


def exchange(client, raw: bytes) -> list[int]:
    """The statuses that come back until the server closes, or stays silent for as long as it waits."""
    with connect(client) as one:
        answer = b""
        try:
            one.sendall(raw)
            one.shutdown(socket.SHUT_WR)
            while data := one.recv(1 << 16):
                answer += data
        except OSError:
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


HEAD = START + LENGTH
SHAPES = {
    "length and chunked": HEAD + CHUNKED + b"\r\n" + CHUNKS,
    "chunked and length": START + CHUNKED + LENGTH + b"\r\n" + CHUNKS,
    "length of 0 and chunked": START + b"Content-Length: 0\r\n" + CHUNKED + b"\r\n" + CHUNKS,
    "two lengths": HEAD + b"Content-Length: 3\r\n\r\n" + BODY,
    "the same length twice": HEAD + LENGTH + b"\r\n" + BODY,
    "a list of lengths": START + b"Content-Length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY,
    "length with a sign": START + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY,
    "negative length": START + b"Content-Length: -1\r\n\r\n" + BODY,
    "hexadecimal length": START + b"Content-Length: 0x%x\r\n\r\n" % len(BODY) + BODY,
    "length with a space in it": START + b"Content-Length: 1 0\r\n\r\n" + BODY,
    "empty length": START + b"Content-Length: \r\n\r\n" + BODY,
    "length of 2**64": START + b"Content-Length: 18446744073709551616\r\n\r\n" + BODY,
    "length of 20 nines": START + b"Content-Length: 99999999999999999999\r\n\r\n" + BODY,
    "length in other digits": START + "Content-Length: \u0661\r\n\r\n".encode() + BODY,
    "space before the colon": START + b"Content-Length : 5\r\n\r\n" + BODY,
    "space before a name": START + b" Content-Length: 5\r\n\r\n" + BODY,
    "tab in a name": START + b"Content\tLength: 5\r\n\r\n" + BODY,
    "folded field": HEAD + b"X-A: a\r\n b\r\n\r\n" + BODY,
    "folded by a tab": HEAD + b"X-A: a\r\n\tb\r\n\r\n" + BODY,
    "line feeds alone": HEAD.replace(b"\r\n", b"\n") + b"\n" + BODY,
    "one line feed alone": START + LENGTH.replace(b"\r\n", b"\n") + b"\r\n" + BODY,
    "carriage returns alone": HEAD.replace(b"\r\n", b"\r") + b"\r" + BODY,
    "a carriage return in a value": HEAD + b"X-A: a\rb\r\n\r\n" + BODY,
    "a carriage return before the end": HEAD + b"X-A: a\r\r\n\r\n" + BODY,
    "NUL in a value": HEAD + b"X-A: a\0b\r\n\r\n" + BODY,
    "NUL in a name": HEAD + b"X\0A: b\r\n\r\n" + BODY,
    "NUL in the path": HEAD.replace(b"/invocations", b"/invo\0cations") + b"\r\n" + BODY,
    "a field without a colon": HEAD + b"X-A\r\n\r\n" + BODY,
    "a field without a name": HEAD + b": a\r\n\r\n" + BODY,
    "no host": HEAD.replace(b"Host: localhost\r\n", b"") + b"\r\n" + BODY,
    "two hosts": HEAD + b"Host: localhost\r\n\r\n" + BODY,
    "absolute target": HEAD.replace(b" /invocations", b" http://evil.example/invocations") + b"\r\n" + BODY,
    "absolute target of ours": HEAD.replace(b" /inv", b" http://localhost/inv") + b"\r\n" + BODY,
    "authority as target": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a star as target": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a fragment": HEAD.replace(b"/invocations", b"/invocations#a") + b"\r\n" + BODY,
    "no target": b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "unknown coding": START + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    "chunked is not last": START + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS,
    "chunked twice": START + CHUNKED + CHUNKED + b"\r\n" + CHUNKS,
    "chunked and gzip": START + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "coding with a control character": START + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    "quoted coding": START + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKS,
    "chunked in HTTP/1.0": START.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + CHUNKS,
    "hexadecimal prefix of a chunk": START + CHUNKED + b"\r\n0x" + CHUNKS,
    "sign of a chunk": START + CHUNKED + b"\r\n+" + CHUNKS,
    "space after a chunk's size": START + CHUNKED + b"\r\n" + CHUNKS.replace(b"\r\n", b" \r\n", 1),
    "chunk of 2**64": START + CHUNKED + b"\r\n10000000000000000\r\n" + CHUNKS,
    "chunk without its end": START + CHUNKED + b"\r\n" + CHUNKS.replace(b"}\r\n0", b"}XX0"),
    "chunk ended by a line feed": START + CHUNKED + b"\r\n" + CHUNKS.replace(b"\r\n", b"\n"),
    "chunk extension with a line feed": START + CHUNKED + b"\r\n" + CHUNKS.replace(b"\r\n", b";a\nb\r\n", 1),
    "trailer that names a length": START + CHUNKED + b"\r\n" + CHUNKS[:-2] + b"Content-Length: 3\r\n\r\n",
    "HTTP/0.9": b"GET /ping\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": HEAD.replace(b"HTTP/1.1", b"HTTP/9.9") + b"\r\n" + BODY,
    "lower-case version": HEAD.replace(b"HTTP/1.1", b"http/1.1") + b"\r\n" + BODY,
    "unknown method": HEAD.replace(b"POST", b"JUMP") + b"\r\n" + BODY,
    "lower-case method": HEAD.replace(b"POST", b"post") + b"\r\n" + BODY,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "compressed body": HEAD + b"Content-Encoding: gzip\r\n\r\n" + BODY,
    "unknown expectation": HEAD + b"Expect: a-miracle\r\n\r\n" + BODY,
}
# These are HTTP: the one request is answered, and then what follows it.
ANSWERED = {
    "chunk extension": START + CHUNKED + b"\r\n" + CHUNKS.replace(b"\r\n", b";a=b\r\n", 1),
    "trailer": START + CHUNKED + b"\r\n" + CHUNKS[:-2] + b"X-A: b\r\n\r\n",
    "upper-case chunk": START + CHUNKED + b"\r\n" + CHUNKS.upper().replace(BODY.upper(), BODY),
    "leading zeros of a chunk": START + CHUNKED + b"\r\n000" + CHUNKS,
    "empty lines before": b"\r\n\r\n" + HEAD + b"\r\n" + BODY,
    "two spaces": b"GET  /ping HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "coding in capitals": START + b"Transfer-Encoding: CHUNKED\r\n\r\n" + CHUNKS,
}


@pytest.mark.parametrize("name", SHAPES)
def test_s2_each_shape_is_refused_and_nothing_follows_it(client, name):
    statuses = exchange(client, SHAPES[name] + HIDDEN)
    assert len(statuses) <= 1, f"answered more than once: {statuses}"
    assert all(400 <= status < 500 or status == 505 for status in statuses), statuses


def test_s2_there_are_enough_shapes():
    assert len(SHAPES) >= 40


@pytest.mark.parametrize("name", ANSWERED)
def test_s2_what_is_http_is_answered_once(client, name):
    assert exchange(client, ANSWERED[name] + HIDDEN) == [200, 200]


@pytest.mark.parametrize("host", [b"evil.example", b"localhost/evil", b"localhost:80@evil", b""])
def test_another_host_is_refused_as_a_whole_request(client, host):
    assert exchange(client, HEAD.replace(b"localhost", host) + b"\r\n" + BODY + HIDDEN) == [421, 200]


def test_an_upgrade_is_ignored_and_the_request_answered(client):
    """Some clients ask for HTTP/2 in their first request and must take no for an answer."""
    asked = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n"
    assert exchange(client, HEAD + asked + BODY + HIDDEN) == [200, 200]
    assert exchange(client, START + CHUNKED + asked + CHUNKS + HIDDEN) == [200, 200]
    assert exchange(client, HIDDEN[:-2] + asked + HIDDEN) == [200, 200]


def test_requests_sent_at_once_are_answered_in_order(client):
    statuses = exchange(
        client, HIDDEN * 3 + HEAD + b"\r\n" + BODY + b"GET /no HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    assert statuses == [200, 200, 200, 200, 404]


def test_expect_100_continue(client):
    with connect(client) as one:
        one.sendall(HEAD + b"Expect: 100-continue\r\n\r\n")
        assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.sendall(BODY)
        assert one.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_expect_100_continue_of_a_body_that_is_too_large(client):
    with connect(client) as one:
        one.sendall(START + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        assert one.recv(1000).startswith(b"HTTP/1.1 413 ")


def mutants(n_mutants: int, seed: int):
    generator = np.random.default_rng(seed)
    grammar = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"-", b"+", b"0x", b"\xff",
               b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"chunked", b"HTTP/1.0",
               b"HTTP/1.1", b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"\r\n\r\n", b"GET / ",
               HIDDEN]  # fmt: skip
    seeds = [
        HEAD + b"\r\n" + BODY,
        START + CHUNKED + b"\r\n" + CHUNKS,
        HIDDEN,
        HEAD + b"X-A: b\r\n\r\n" + BODY,
    ]
    for _ in range(n_mutants):
        raw = bytearray(seeds[generator.integers(len(seeds))])
        for _ in range(int(generator.integers(1, 4))):
            place, kind = int(generator.integers(len(raw) + 1)), generator.integers(4)
            piece = grammar[generator.integers(len(grammar))]
            if kind == 0:
                raw[place:place] = piece
            elif kind == 1:
                raw[place : place + len(piece)] = piece
            elif kind == 2:
                del raw[place : place + int(generator.integers(1, 8))]
            elif place < len(raw):
                raw[place] ^= 1 << int(generator.integers(8))
        yield bytes(raw)


def abuse(client, n_mutants: int, seed: int) -> None:
    before = resident()
    for number, raw in enumerate(mutants(n_mutants, seed)):
        statuses = exchange(client, raw)
        most = raw.count(b" HTTP/1.")
        assert len(statuses) <= most + 1, raw
        assert all(status < 500 or status == 505 for status in statuses), (statuses, raw)
        if number % 200 == 0:
            assert client_works(client)
    assert resident() - before < 64 << 20


def client_works(client) -> bool:
    fresh = Client(client.url)
    try:
        return fresh.post("/invocations", BODY).status == 200
    finally:
        fresh.connection.close()


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_s2_mutants_of_the_grammar(client):
    abuse(client, 1000, seed=2)


@pytest.mark.long
def test_s2_ten_thousand_mutants(client):
    abuse(client, 10_000, seed=3)


# --- S7 and R52: too much ----------------------------------------------------------------------------------


class Loop:
    """How long the event loop's longest pause was, seen by a client that asks all the time."""

    def __init__(self, client) -> None:
        self.longest, self._stop = 0.0, threading.Event()
        self._client = Client(client.url)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.perf_counter()
            assert self._client.ask("GET", "/v2/health/live").status == 200
            self.longest = max(self.longest, time.perf_counter() - started)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._client.connection.close()


TOO_MUCH = {
    "a body of a byte too many": (
        START + b"Content-Length: %d\r\n\r\n" % ((1 << 20) + 1) + b" " * (1 << 20),
        413,
    ),
    "chunks of a byte too many": (
        START + CHUNKED + b"\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 17,
        413,
    ),
    "r52 a header of 1 MB": (START + b"X-A: " + b"a" * (1 << 20) + b"\r\n\r\n", 431),
    "r52 5,000 fields": (START + b"".join(b"X-%d: a\r\n" % i for i in range(5000)) + b"\r\n", 431),
    "a header without an end": (START + b"X-A: " + b"a" * (1 << 17), 431),
    "a URL of 1 MB": (b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "a query of 1 MB": (b"GET /ping?" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "a compressed body": (HEAD + b"Content-Encoding: gzip\r\n\r\n" + BODY, 415),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_s7_too_much_is_refused_early(client, name):
    raw, status = TOO_MUCH[name]
    with Loop(client) as loop:
        started = time.process_time()
        statuses = exchange(client, raw)
        seconds = time.process_time() - started
    # The answer can be lost to a reset where the client goes on sending; it is never another one.
    assert statuses in ([status], []), statuses
    assert seconds < 0.5  # this process holds the client and the busy asker too
    assert loop.longest < 0.5


def test_s7_the_refusal_arrives_while_the_body_is_still_to_come(client):
    with connect(client) as one:
        one.sendall(START + b"Content-Length: 104857600\r\n\r\n")
        assert one.recv(1000).startswith(b"HTTP/1.1 413 ")
        assert one.recv(1000) == b""


def test_r54_tiny_chunks_cost_no_more_than_their_bytes(client):
    """100,000 chunks of one byte: joined once, counted together against the one limit."""
    raw = START + CHUNKED + b"\r\n" + b"1\r\n \r\n" * 100_000 + CHUNKS
    with Loop(client) as loop:
        started = time.perf_counter()
        assert exchange(client, raw) == [200]
        assert time.perf_counter() - started < 5.0
    assert loop.longest < 0.5
    over = START + CHUNKED + b"\r\n" + (b"400\r\n" + b" " * 1024 + b"\r\n") * 1100 + b"0\r\n\r\n"
    assert exchange(client, over) in ([413], [])


def test_s7_many_rows_of_one_column_are_refused_before_they_are_searched(tmp_path):
    kneighbors.KNeighborsClassifier(50).fit(np.arange(60.0)[:, None], np.arange(60) % 2).save(tmp_path / "m")
    with serving(tmp_path / "m", limits=Limits(neighbors=10_000)) as client:
        answer = client.post("/invocations", "1\n" * 100_000, "text/csv")
    assert answer.status == 413
    assert "at most 200 rows" in answer.json()["error"]


# --- S10: paths and names ----------------------------------------------------------------------------------

NAMES = [
    "..", ".", "../iris", "..%2firis", "%2e%2e", "%2e%2e%2firis", "%252e%252e", "..\\iris", "%5c..%5ciris",
    "iris%00",
    "iris/../iris", "./iris", "iris/", "/etc/passwd", "%2fetc%2fpasswd", "~", "iris;a", "iris%20",
    "\xe9", "-", "a" * 4000,
    "http://localhost/iris", "file:iris", "iris.tar.gz", "C:iris", "\\\\host\\share", "con", "*", "%",
    "iris?a=..", "iris#a",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "route",
    [
        "/models/{}",
        "/models/{}/invoke",
        "/v2/models/{}",
        "/v2/models/{}/ready",
        "/v2/models/iris/versions/{}",
        "/{}",
    ],
)
def test_s10_no_name_leads_anywhere(client, route, name):
    target = route.format(name).encode("latin-1")
    statuses = exchange(client, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    known = target.split(b"?")[0] in (b"/v2/models/iris", b"/v2/models/iris/ready")
    assert statuses == [200] if known else statuses in ([404], [400], [405]), (target, statuses)


def test_no_other_file_was_opened(client, folder, tmp_path):
    """Every file that this process has open is one that was open, or one of the model's."""
    (tmp_path / "secret").write_text("secret")
    for name in NAMES:
        exchange(client, b"GET /models/" + name.encode("latin-1") + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    paths = {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}
    assert not any(path.startswith(("/etc/", str(tmp_path))) for path in paths)
