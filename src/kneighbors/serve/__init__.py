# SPDX-License-Identifier: Apache-2.0
"""serve: models over HTTP. Parse, ask the pipeline, format; no decision about neighbours is made here.

==================  ====================================================================================
``app``             ``App``: the routing table, who may ask, how a failure is told
``messages``        ``Request``, ``Response``, ``RequestError``
``limits``          ``Limits``: what one client may cost
``connection``      one socket: strict parsing, deadlines, answers in order
``server``          one process: sockets, connections, their end; ``running`` for tests and notebooks
``run``             ``serve``: workers and signals
``service``         ``model_app``: the app that serves one model folder
``registry``        models by name
``slots``           a watched folder and the model last whole in it; ``served``: such a model
``batching``        requests that wait are answered together
``invocations``     the managed service's routes
``media``           Content-Type and Accept
``models_api``      its routes for many models
``open_inference``  the Open Inference Protocol, version 2
``decoding``        bodies to rows: ``decode_csv``, ``decode_json``, ``decode_npy``
``outputs``         units and order of each door; ``encode_json``, ``encode_recordio``
``metrics``         counters of all workers; ``openapi``: /openapi.json
``archives``        model.tar.gz, unpacked without trust
==================  ====================================================================================

How another package adds routes
-------------------------------
A route is a method, a path and a function of a `Request`. The function gives a `Response` at once, or a
coroutine that does; it raises `RequestError` to refuse. Work of more than some milliseconds belongs into
``asyncio.to_thread``, so that other connections go on.

>>> from kneighbors.serve import App, Request, RequestError, Response
>>> app = App()
>>> async def double(request: Request) -> Response:
...     if not request.body.isdigit():
...         raise RequestError(400, "The body must be a number.", field="body")
...     return Response.json({"double": 2 * int(request.body)})
>>> app.route("POST", "/double", double)
>>> app.files("/page", {"hello.txt": ("text/plain", b"hello")}, cache_control="no-cache")

``serve(lambda worker: app)`` then serves it until SIGTERM; ``running(app)`` serves it in a thread. Limits,
deadlines, the list of hosts, the token and the strictness of the parser hold for every route.
"""

from .app import App
from .limits import Limits
from .messages import Request, RequestError, Response
from .metrics import Counters
from .run import serve
from .server import running
from .service import model_app

__all__ = [
    "App",
    "Counters",
    "Limits",
    "Request",
    "RequestError",
    "Response",
    "model_app",
    "running",
    "serve",
]
