# SPDX-License-Identifier: Apache-2.0
"""The routing table: method and path to a handler. It knows no model and no socket."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import DataError, KneighborsError
from .limits import Limits
from .messages import Request, RequestError, Response

__all__ = ["App", "Handler"]

Handler = Callable[[Request], Response | Awaitable[Response]]
"""A handler gives its answer at once, or something to await. It may raise `RequestError`."""

log = logging.getLogger("kneighbors.serve")

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


@dataclass
class _Route:
    segments: tuple[str, ...]
    handlers: dict[str, Handler] = field(default_factory=dict)
    is_open: bool = False


class App:
    """Routes and the rules that hold for each of them.

    Parameters
    ----------
    limits : Limits
    hosts : iterable of str or None, default=("localhost", "127.0.0.1", "[::1]")
        Names that a ``Host`` header may hold, with any port: against DNS rebinding. None: any.
    token : str or None
        Asked of every route that is not open, as ``Authorization: Bearer <token>``.

    Examples
    --------
    >>> from kneighbors.serve import App, Request, Response
    >>> app = App()
    >>> app.route("GET", "/greet/{name}", lambda request: Response.json(request.parameters))
    >>> app.answer(Request("GET", "/greet/you", headers={"host": "localhost"})).body
    b'{"name": "you"}'
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        hosts: Iterable[str] | None = _LOCAL,
        token: str | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self.on_start: list[Callable[[], Awaitable[None]]] = []
        self.on_stop: list[Callable[[], Awaitable[None]]] = []
        self.observe: Callable[[Request | None, int, float], None] = lambda request, status, seconds: None
        self._token = None if token is None else hashlib.sha256(token.encode()).digest()
        self._exact: dict[str, _Route] = {}
        self._patterns: list[_Route] = []

    def route(self, method: str, path: str, handler: Handler, *, is_open: bool = False) -> None:
        """Add a route.

        Parameters
        ----------
        method : str
        path : str
            Begins with ``/``; a segment ``{name}`` takes any one segment that is not empty.
        handler : callable
            Takes a `Request`; gives a `Response`, or an awaitable of one.
        is_open : bool, default=False
            Answered without a token: health only.
        """
        segments = tuple(path.split("/")[1:])
        if "{" not in path:
            route = self._exact.setdefault(path, _Route(segments))
        else:
            route = next((one for one in self._patterns if one.segments == segments), _Route(segments))
            if not route.handlers:
                self._patterns.append(route)
        route.handlers[method] = handler
        route.is_open |= is_open
        if method == "GET":
            route.handlers.setdefault("HEAD", handler)

    def files(self, prefix: str, contents: Mapping[str, tuple[str, bytes]], **headers: str) -> None:
        """Add one route per file that is known now; no path of a request is ever opened.

        Parameters
        ----------
        prefix : str
            "" or a path such as "/page".
        contents : mapping
            Name to (content type, content).
        headers : str
            Added to each answer, with ``_`` for ``-``.
        """
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, (content_type, content) in contents.items():
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            self.route("GET", f"{prefix}/{name}", _file(content, content_type, {**fields, "etag": tag}))

    def paths(self) -> dict[str, list[str]]:
        """Every path and its methods, as they were added."""
        found = {path: sorted(route.handlers) for path, route in self._exact.items()}
        return found | {"/" + "/".join(one.segments): sorted(one.handlers) for one in self._patterns}

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """What the request's handler gives; `RequestError` where there is none, or it may not be asked."""
        self._check_host(request)
        route = self._find(request)
        if self._token is not None and not route.is_open:
            self._check_token(request)
        handler = route.handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(route.handlers))
            raise RequestError(405, f"This path takes {allowed}.", field="method", headers={"allow": allowed})
        return handler(request)

    def refusal(self, error: BaseException) -> Response:
        """The answer to a request that failed: the user's mistakes are told, ours are logged."""
        if isinstance(error, RequestError):
            return error.response()
        if isinstance(error, DataError):
            field = None if error.column is None else f"column {error.column}"
            return RequestError(400, str(error), field=field, row=error.row).response()
        if isinstance(error, KneighborsError):
            return RequestError(400, str(error)).response()
        if isinstance(error, MemoryError):
            return RequestError(
                503, "The memory does not suffice for this request.", headers={"retry-after": "1"}
            ).response()
        log.error("A request failed: %s", type(error).__name__, exc_info=error)
        return RequestError(500, "The server failed on this request; its log says why.").response()

    def _find(self, request: Request) -> _Route:
        route = self._exact.get(request.path)
        if route is not None:
            return route
        segments = request.path.split("/")[1:]
        for route in self._patterns:
            if len(route.segments) != len(segments):
                continue
            parameters = {}
            for pattern, segment in zip(route.segments, segments, strict=True):
                if pattern[:1] == "{" and segment:
                    parameters[pattern[1:-1]] = segment
                elif pattern != segment:
                    break
            else:
                request.parameters = parameters
                return route
        raise RequestError(404, "There is nothing at this path.", field="path")

    def _check_host(self, request: Request) -> None:
        if self.hosts is None:
            return
        host = request.headers.get("host", "").lower()
        if host not in self.hosts and _without_port(host) not in self.hosts:
            raise RequestError(
                421,
                "This server does not answer for the host that was named. Start it with --allow-host to add "
                "one.",
                field="host",
            )

    def _check_token(self, request: Request) -> None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
        assert self._token is not None
        if not hmac.compare_digest(digest, self._token) or kind.lower() != "bearer":
            raise RequestError(
                401,
                "A token is needed: Authorization: Bearer <token>.",
                field="authorization",
                headers={"www-authenticate": "Bearer"},
            )


def _file(content: bytes, content_type: str, headers: dict[str, str]) -> Handler:
    def handler(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(b"", 304, content_type, headers)
        return Response(content, 200, content_type, headers)

    return handler


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and not name.endswith(":") else host
