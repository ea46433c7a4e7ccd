# SPDX-License-Identifier: Apache-2.0
"""The page on the server of ``kneighbors.serve``: its files, known at the start, and its requests."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

from ..serve import App, Limits, Request, RequestError, Response
from . import api

__all__ = ["page_files", "playground_app"]

_WORKERS = 3
_WAITING = 64
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_files() -> dict[str, tuple[str, bytes]]:
    """Every file of the page: its path below ``static/`` to media type and content."""
    found: dict[str, tuple[str, bytes]] = {}

    def walk(folder: Any, prefix: str) -> None:
        for entry in sorted(folder.iterdir(), key=lambda one: one.name):
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
                continue
            ending = entry.name[entry.name.rfind(".") :]
            if ending in _TYPES:
                found[prefix + entry.name] = (f"{_TYPES[ending]}; charset=utf-8", entry.read_bytes())

    walk(resources.files(__package__) / "static", "")
    return found


def playground_app() -> App:
    """The page at ``/``, its files below ``/static/``, and ``POST /api/<name>`` for each request of ``api``.

    Examples
    --------
    >>> app = playground_app()
    >>> "/api/{name}" in app.paths(), "/static/main.js" in app.paths()
    (True, True)
    """
    app = App(Limits(body_bytes=api.MAX_BODY))
    files = page_files()
    headers = {
        "cache_control": "no-cache",
        "content_security_policy": _POLICY,
        "referrer_policy": "no-referrer",
    }
    app.files("", {"": files.pop("index.html")}, **headers)
    app.files("/static", files, **headers)
    engine = ThreadPoolExecutor(_WORKERS, thread_name_prefix="playground")
    waiting = 0

    async def ask(request: Request) -> Response:
        nonlocal waiting
        # A page of another origin can send text without asking; it cannot send JSON.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RequestError(415, "The body must be application/json.", field="content-type")
        name = request.parameters["name"]
        if name not in api.REQUESTS:
            raise RequestError(404, f"One of {', '.join(api.REQUESTS)} can be asked.", field="path")
        if waiting >= _WAITING:
            raise RequestError(503, "The engine has enough to do; ask again.", headers={"retry-after": "1"})
        waiting += 1
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(engine, _answered, name, request.body)
        finally:
            waiting -= 1
        return Response(answer.content, content_type=answer.media_type, headers={"cache-control": "no-store"})

    async def stop() -> None:
        engine.shutdown(wait=False, cancel_futures=True)

    app.route("POST", "/api/{name}", ask)
    app.on_stop.append(stop)
    return app


def _answered(name: str, body: bytes) -> api.Answer:
    from ..errors import KneighborsError

    try:
        return api.answer(name, body)
    except KneighborsError as error:
        told = api.failure(error)
        raise RequestError(400, told["error"], field=told["field"], row=told["row"]) from None
