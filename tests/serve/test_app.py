# SPDX-License-Identifier: Apache-2.0
"""The routing table: paths, methods, hosts, the token, and how a failure is told."""

from __future__ import annotations

import json

import pytest

from kneighbors.errors import DataError, ParameterError
from kneighbors.serve import App, Request, RequestError, Response


def request(method="GET", path="/", **headers):
    return Request(method, path, headers={"host": "localhost", **headers})


def app(**settings):
    made = App(**settings)
    made.route("GET", "/ping", lambda request: Response(b""), is_open=True)
    made.route("POST", "/models", lambda request: Response.json("posted"))
    made.route("GET", "/models/{name}", lambda request: Response.json(request.parameters))
    made.route("POST", "/models/{name}/invoke", lambda request: Response.json(request.parameters))
    return made


def status_of(app, request):
    try:
        return app.answer(request).status
    except RequestError as error:
        return error.status


def test_a_segment_in_braces_takes_one_segment():
    assert json.loads(app().answer(request("POST", "/models/iris/invoke")).body) == {"name": "iris"}


@pytest.mark.parametrize("path", ["/", "/models/", "/models/a/b", "/models//invoke", "/ping/", "//ping", ""])
def test_other_paths_are_404(path):
    assert status_of(app(), request("GET", path)) == 404


def test_a_wrong_method_is_405_and_tells_the_right_ones():
    with pytest.raises(RequestError) as found:
        app().answer(request("DELETE", "/ping"))
    assert found.value.status == 405
    assert found.value.headers == {"allow": "GET, HEAD"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("localhost:", 421),
        ("localhost:80:80", 421),
        ("", 421),
    ],
)
def test_only_known_hosts_are_answered(host, status):
    assert status_of(app(), request("GET", "/ping", host=host)) == status


def test_any_host_where_none_is_named():
    assert status_of(app(hosts=None), request("GET", "/ping", host="evil.example")) == 200


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("Bearer the-secret-token-1", 200),
        ("bearer the-secret-token-1", 200),
        ("Bearer the-secret-token-2", 401),
        ("Basic the-secret-token-1", 401),
        ("the-secret-token-1", 401),
        ("Bearer", 401),
        ("Bearer t\xe9ken", 401),
    ],
)
def test_a_token_is_asked_of_every_route_but_the_open_ones(given, status):
    guarded = app(token="the-secret-token-1")
    assert status_of(guarded, request("GET", "/ping")) == 200
    assert status_of(guarded, request("GET", "/models/iris")) == 401
    assert status_of(guarded, request("GET", "/models/iris", authorization=given)) == status


def test_mistakes_are_told_with_field_and_row():
    answer = app().refusal(DataError("Row 3 is short.", row=3, column=1))
    assert answer.status == 400
    assert json.loads(answer.body) == {"error": "Row 3 is short.", "field": "column 1", "row": 3}
    assert app().refusal(ParameterError("k is too large.")).status == 400


def test_our_faults_tell_nothing(caplog):
    answer = app().refusal(RuntimeError("secret /path"))
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "RuntimeError" in caplog.text


def test_header_values_cannot_begin_a_new_line():
    sent = Response(b"", headers={"x-name": "a\r\nset-cookie: b"}).encode(b"\r\n", close=False)
    assert b"\r\nset-cookie" not in sent


def test_files_are_answered_from_memory_with_a_tag():
    made = App()
    made.files("/page", {"a.js": ("text/javascript", b"let a")}, cache_control="no-cache")
    answer = made.answer(request("GET", "/page/a.js"))
    assert (answer.body, answer.content_type, answer.headers["cache-control"]) == (
        b"let a",
        "text/javascript",
        "no-cache",
    )
    again = request("GET", "/page/a.js", **{"if-none-match": answer.headers["etag"]})
    assert made.answer(again).status == 304
