# SPDX-License-Identifier: Apache-2.0
"""The models of a server by their names: one that is always there, or those asked for below a root."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from .messages import RequestError
from .slots import Slot

__all__ = ["NAME", "Registry"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
"""What a model may be called: nothing that a path could be made of."""

_MOST_MODELS = 1000


class Registry:
    """Names and slots.

    Parameters
    ----------
    root : str or None, default=None
        The folder below which models may be loaded by name; None: none may.
    n_jobs : int or None, default=None
    count : callable or None, default=None
        As for `Slot`.
    """

    def __init__(
        self,
        root: str | None = None,
        n_jobs: int | None = None,
        count: Callable[[str], None] | None = None,
    ) -> None:
        self._count = count
        self.root = None if root is None else os.path.realpath(root)
        self.n_jobs = n_jobs
        self.slots: dict[str, Slot] = {}

    def get(self, name: str) -> Slot:
        """The slot of this name, or 404."""
        slot = self.slots.get(name)
        if slot is None:
            raise RequestError(404, "No model of this name is loaded.", field="model_name")
        return slot

    def only(self) -> Slot:
        """The slot of a server that has one model."""
        return next(iter(self.slots.values()))

    async def load(self, name: str, url: str | None) -> None:
        """Load the model of this name from below the root.

        ``url`` is compared with the place that the name gives, and never opened.
        """
        if self.root is None:
            raise RequestError(404, "This server loads no models on request.", field="path")
        if not NAME.fullmatch(name):
            raise RequestError(
                400, "A model's name has letters, digits, '.', '_' and '-'.", field="model_name"
            )
        places = [os.path.join(self.root, name, "model"), os.path.join(self.root, name)]
        if url is not None and url.rstrip("/") not in places:
            raise RequestError(
                400, "The url is not that of a model of this name below the server's root.", field="url"
            )
        if name in self.slots:
            raise RequestError(409, "A model of this name is loaded already.", field="model_name")
        if len(self.slots) >= _MOST_MODELS:
            raise RequestError(507, f"{_MOST_MODELS} models are loaded; unload one first.")
        path = places[0] if url is None and os.path.isdir(places[0]) else url or places[1]
        if os.path.realpath(path) != path.rstrip("/") or not os.path.isdir(path):
            raise RequestError(404, "There is no model of this name below the server's root.", field="url")
        slot = Slot(path.rstrip("/"), self.n_jobs, self._count)
        self.slots[name] = slot
        try:
            await slot.start()
            await slot.loaded()
        except BaseException:
            self.slots.pop(name, None)
            await slot.stop()
            raise

    async def unload(self, name: str) -> None:
        """Forget the model; requests that have begun are answered from it."""
        slot = self.get(name)
        if self.root is None:
            raise RequestError(405, "This server's model stays.", field="method", headers={"allow": "GET"})
        del self.slots[name]
        await slot.stop()

    async def start(self) -> None:
        for slot in list(self.slots.values()):
            await slot.start()

    async def stop(self) -> None:
        for slot in list(self.slots.values()):
            await slot.stop()
