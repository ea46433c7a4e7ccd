# SPDX-License-Identifier: Apache-2.0
"""The app that serves one model folder."""

from __future__ import annotations

from collections.abc import Iterable

from .app import App
from .batching import Batcher
from .invocations import Invocations
from .limits import Limits
from .slots import Slot

__all__ = ["model_app"]


def model_app(
    path: str,
    *,
    limits: Limits | None = None,
    hosts: Iterable[str] | None = ("localhost", "127.0.0.1", "[::1]"),
    token: str | None = None,
    n_jobs: int | None = None,
) -> App:
    """Routes for the model in a folder; it is loaded, and watched from then on, when the app is served.

    Parameters
    ----------
    path : str
        The folder. Its JSON may be edited, and the folder replaced, while it is served.
    limits : Limits or None
    hosts : iterable of str or None
    token : str or None
        As for `App`.
    n_jobs : int or None, default=None
        Threads of a search; None: every core that the process may use.

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
    slot, batcher = Slot(path, n_jobs), Batcher(app.limits)
    invocations = Invocations(slot, batcher, app.limits)
    app.route("GET", "/ping", invocations.ping, is_open=True)
    app.route("POST", "/invocations", invocations.invoke)
    app.route("GET", "/execution-parameters", invocations.execution_parameters)
    app.on_start.append(slot.start)
    app.on_stop.append(slot.stop)

    async def close() -> None:
        batcher.close()

    app.on_stop.append(close)
    return app
