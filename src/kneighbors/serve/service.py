# SPDX-License-Identifier: Apache-2.0
"""The app that serves a model folder, or the models below a root."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .app import App
from .batching import Batcher
from .invocations import Invocations
from .limits import Limits
from .messages import Request, Response
from .metrics import Counters
from .models_api import ModelsApi
from .open_inference import OpenInference
from .openapi import description
from .registry import NAME, Registry
from .slots import Slot

__all__ = ["model_app"]


def model_app(
    path: str,
    *,
    name: str | None = None,
    many: bool = False,
    limits: Limits | None = None,
    hosts: Iterable[str] | None = ("localhost", "127.0.0.1", "[::1]"),
    token: str | None = None,
    n_jobs: int | None = None,
    counters: Counters | None = None,
) -> App:
    """Routes for the model in a folder; it is loaded, and watched from then on, when the app is served.

    Parameters
    ----------
    path : str
        The folder. Its JSON may be edited, and the folder replaced, while it is served.
    name : str or None, default=None
        What the model is called in /v2/models; None: as the folder is.
    many : bool, default=False
        ``path`` is a root: the models in the folders below it are loaded and unloaded by /models.
    limits : Limits or None
    hosts : iterable of str or None
    token : str or None
        As for `App`.
    n_jobs : int or None, default=None
        Threads of a search; None: every core that the process may use.
    counters : Counters or None, default=None
        Where several workers count together.

    Returns
    -------
    App

    Examples
    --------
    >>> import tempfile, time, urllib.request, kneighbors
    >>> from kneighbors.serve import model_app, running
    >>> folder = tempfile.mkdtemp() + "/model"
    >>> kneighbors.KNeighborsClassifier(1).fit([[0.0], [1.0]], [7, 8]).save(folder)
    >>> with running(model_app(folder)) as url:
    ...     question = urllib.request.Request(
    ...         url + "/invocations", b'{"instances": [{"features": [0.9]}]}',
    ...         {"content-type": "application/json"})
    ...     while True:
    ...         try:
    ...             print(urllib.request.urlopen(question).read().decode())
    ...             break
    ...         except urllib.error.HTTPError:  # 503 until the model is verified
    ...             time.sleep(0.01)
    {"predictions":[{"predicted_label":8.0}]}
    """
    app = App(limits, hosts=hosts, token=token)
    counters = counters or Counters()
    registry = Registry(path if many else None, n_jobs, counters.add)
    if not many:
        registry.slots[name or _name_of(path)] = Slot(path, n_jobs, counters.add)
    batcher = Batcher(app.limits, counters.observe_batch)
    invocations = Invocations(registry, batcher, app.limits)
    app.observe = counters.observe
    app.route("GET", "/ping", invocations.ping, is_open=True)
    app.route("GET", "/execution-parameters", invocations.execution_parameters)
    app.route("GET", "/metrics", counters.response)
    if not many:
        app.route("POST", "/invocations", invocations.invoke)
    else:
        _add_models(app, ModelsApi(registry, invocations))
    _add_open_inference(app, OpenInference(registry, batcher, app.limits))
    described = Response.json(description(app.paths(), needs_token=token is not None))

    def openapi(request: Request) -> Response:
        return described

    app.route("GET", "/openapi.json", openapi)
    app.on_start.append(registry.start)
    app.on_stop.append(registry.stop)
    app.on_stop.append(batcher.close)
    return app


def _add_models(app: App, models: ModelsApi) -> None:
    app.route("GET", "/models", models.models)
    app.route("POST", "/models", models.load)
    app.route("GET", "/models/{name}", models.model)
    app.route("DELETE", "/models/{name}", models.unload)
    app.route("POST", "/models/{name}/invoke", models.invoke)


def _add_open_inference(app: App, protocol: OpenInference) -> None:
    app.route("GET", "/v2", protocol.server)
    app.route("GET", "/v2/health/live", protocol.live, is_open=True)
    app.route("GET", "/v2/health/ready", protocol.ready, is_open=True)
    for place in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        app.route("GET", place, protocol.model)
        app.route("GET", f"{place}/ready", protocol.model_ready)
        app.route("POST", f"{place}/infer", protocol.infer)


def _name_of(path: str) -> str:
    name = os.path.basename(os.path.abspath(path))
    return name if NAME.fullmatch(name) else "model"
