# SPDX-License-Identifier: Apache-2.0
"""S1: requests made from /openapi.json, valid and not: no 5xx, answers as described, and right after all."""

from __future__ import annotations

import http.client
import itertools
import json
from urllib.parse import urlsplit

import hypothesis
import pytest

import kneighbors
from tests.serve.asking import Client, as_instances, rows_and_classes, serving

schemathesis = pytest.importorskip("schemathesis")

ROWS, CLASSES = rows_and_classes()
PER_OPERATION = 110  # generated; what has a body is sent for each Accept, cut, and flipped
ACCEPTS = (None, "application/jsonlines; verbose=true", "application/json; verbose=neighbors")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "iris"
    kneighbors.KNeighborsClassifier(5).fit(ROWS, CLASSES).save(path)
    with serving(path) as client:
        yield client


def test_every_route_is_described_and_nothing_else(client):
    described = client.ask("GET", "/openapi.json").json()
    paths = {"/ping", "/invocations", "/execution-parameters", "/metrics", "/openapi.json", "/v2"}
    assert paths <= set(described["paths"])
    for path, operations in described["paths"].items():
        place = path.replace("{name}", "iris").replace("{version}", "0")
        for method in operations:
            status = client.ask(method.upper(), place, b"" if method == "post" else None).status
            assert status != 405 and (status != 404 or "versions" in place), path


def abuse(client, per_operation: int, seed: int) -> int:
    described = client.ask("GET", "/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    counter = itertools.count()
    expected = client.post("/invocations", as_instances(ROWS[:3])).body
    session = Client(client.url)

    def send(case) -> None:
        arguments = case.as_transport_kwargs(base_url=client.url)
        for accept in ACCEPTS if case.method == "POST" else (None,):
            headers = dict(arguments.get("headers") or {}) | ({} if accept is None else {"Accept": accept})
            send_one(case, arguments | {"headers": headers})
        if case.method == "POST":
            send_one(case, arguments, lambda body: body[: len(body) // 2])
            send_one(case, arguments, lambda body: body[:-1] + bytes([body[-1] ^ 1]) if body else b"[")

    def send_one(case, arguments, damage=None) -> None:
        number = next(counter)
        status, headers, body = exchange(arguments, damage)
        assert status < 500, (status, arguments)
        if status >= 400:
            assert set(json.loads(body)) == {"error", "field", "row"}, arguments
            assert headers["content-type"] == "application/json"
        else:
            check_body(case, described, headers, body)
        if number % 100 == 0:
            assert session.post("/invocations", as_instances(ROWS[:3])).body == expected

    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in ("POSITIVE", "NEGATIVE"):
            strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode])

            @hypothesis.seed(seed)
            @hypothesis.settings(
                max_examples=per_operation // 2,
                deadline=None,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
                phases=[hypothesis.Phase.generate],
            )
            @hypothesis.given(case=strategy)
            def run(case):
                send(case)

            try:
                run()
            except hypothesis.errors.Unsatisfiable:
                continue  # nothing can be wrong with a request that takes nothing
    return next(counter)


def exchange(arguments, damage=None):
    """The request as schemathesis gives it, sent without a library that would set it right."""
    import requests

    names = ("method", "url", "headers", "params", "data", "json", "cookies", "files")
    prepared = requests.Request(**{name: arguments[name] for name in names if name in arguments}).prepare()
    if damage is not None and not isinstance(prepared.body, str | None):
        prepared.body = damage(prepared.body)
        prepared.headers["content-length"] = str(len(prepared.body))
    place = urlsplit(prepared.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    target = place.path + (f"?{place.query}" if place.query else "")
    headers = {name: value for name, value in prepared.headers.items() if name.lower() != "host"}
    try:
        connection.request(prepared.method, target, prepared.body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    except (ValueError, UnicodeError):
        return 400, {"content-type": "application/json"}, b'{"error": "", "field": null, "row": null}'
    finally:
        connection.close()


def check_body(case, described, headers, body) -> None:
    import jsonschema_rs

    content = described["paths"][case.operation.path][case.method.lower()]["responses"]["200"].get("content")
    if content is None:
        assert body == b""
        return
    kind = headers["content-type"].split(";")[0]
    assert kind in content
    if kind == "application/json" and case.method != "HEAD":
        jsonschema_rs.validate(content[kind]["schema"], json.loads(body))


def test_s1_two_thousand_requests(client):
    assert abuse(client, PER_OPERATION, seed=1) >= 2000


@pytest.mark.long
def test_s1_fifty_thousand_requests(client):
    assert abuse(client, 5000, seed=2) >= 50_000
