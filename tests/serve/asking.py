# SPDX-License-Identifier: Apache-2.0
"""What the server's tests share: small models, a running server, and plain HTTP to ask it."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from kneighbors.serve import model_app, running


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One keep-alive connection."""

    def __init__(self, url: str, timeout: float = 20.0) -> None:
        place = urlsplit(url)
        self.host, self.port = place.hostname, place.port
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, named)
        answer = self.connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def post(self, path: str, body: bytes | str, content_type: str = "application/json", **headers: str):
        return self.ask("POST", path, body, content_type=content_type, **headers)

    def wait(self, path: str = "/ping", seconds: float = 20.0) -> None:
        """Until the model is verified."""
        give_up = time.monotonic() + seconds
        while self.ask("GET", path).status != 200:
            assert time.monotonic() < give_up, "the model was not ready"
            time.sleep(0.01)


@contextmanager
def serving(folder, **settings):
    """A client of a server of this folder, in a thread of this process."""
    with running(model_app(str(folder), **settings)) as url:
        client = Client(url)
        client.url = url
        if not settings.get("many"):
            client.wait()
        yield client
        client.connection.close()


def rows_and_classes(n_rows=60, n_features=4, dtype="float32", seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((n_rows, n_features)).astype(dtype)
    return rows, generator.integers(0, 3, n_rows)


def as_instances(rows) -> str:
    return json.dumps({"instances": [{"features": [float(v) for v in row]} for row in rows]})
