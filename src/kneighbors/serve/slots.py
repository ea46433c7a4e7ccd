# SPDX-License-Identifier: Apache-2.0
"""A folder that is watched, and the model that was last whole in it.

The folder may be edited or replaced while it is served. Whatever changes is loaded and verified beside the
old model, and then takes its place in one assignment; what cannot be loaded is told in the log, once, and the
old model stays. A request keeps the model that it began with.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..errors import KneighborsError
from .messages import RequestError
from .served import ServedModel, load_served

__all__ = ["LOOK_SECONDS", "Slot"]

log = logging.getLogger("kneighbors.serve")

LOOK_SECONDS = 0.5
"""How often a folder is looked at; a change is taken once it has rested for one look."""


class Slot:
    """One model folder and what is served of it.

    Parameters
    ----------
    path : str
    n_jobs : int or None, default=None
    count : callable or None, default=None
        Called with "model_loads" or "model_load_failures".
    """

    def __init__(
        self, path: str, n_jobs: int | None = None, count: Callable[[str], None] | None = None
    ) -> None:
        self.path = path
        self.n_jobs = n_jobs
        self.current: ServedModel | None = None
        self._count = count or (lambda name: None)
        self._seen: object = None
        self._failure: Exception | None = None
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="kneighbors-load")
        self._watching: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    def model(self) -> ServedModel:
        """The model to ask now; 503 while there is none."""
        if self.current is None:
            raise RequestError(503, "The model is being loaded.", headers={"retry-after": "1"})
        return self.current

    async def start(self) -> None:
        """Load, then watch; returns at once."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def loaded(self) -> ServedModel:
        """The model, once it is there.

        Raises
        ------
        RequestError
            507 where the memory did not suffice, 400 where there is no whole model.
        """
        await self._tried.wait()
        if self.current is not None:
            return self.current
        if isinstance(self._failure, MemoryError):
            raise RequestError(507, "The memory does not suffice for this model.")
        raise RequestError(400, "The folder of this name holds no whole model; the server's log says why.")

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._loader.shutdown(wait=False)

    async def load(self) -> bool:
        """Load what is there now; whether it is served."""
        self._seen = _signature(self.path)
        loop = asyncio.get_running_loop()
        try:
            served = await loop.run_in_executor(self._loader, load_served, self.path, self.n_jobs)
        except (KneighborsError, OSError, MemoryError) as error:
            self._failure = error
            self._count("model_load_failures")
            kept = "nothing is served yet" if self.current is None else f"model {self.current.version} stays"
            log.error("%s; %s.", _line(f"{error}".rstrip(".") or type(error).__name__), kept)
            return False
        finally:
            self._tried.set()
        self._count("model_loads")
        if self.current is None:
            log.info("Model %s is served.", served.version)
        elif self.current.version != served.version:
            log.info("Model %s takes the place of %s.", served.version, self.current.version)
        self.current = served
        return True

    async def _watch(self) -> None:
        await self.load()
        waiting: object = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            signature = _signature(self.path)
            if signature == self._seen:
                waiting = None
            elif signature == waiting:  # unchanged for one look: whoever writes has paused
                waiting = None
                await self.load()
            else:
                waiting = signature


def _signature(path: str) -> object:
    """What changes when the folder or a file in it does; nothing is opened."""
    try:
        about = os.stat(path)
        found: list[object] = [about.st_dev, about.st_ino]
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("model_algo-"):
                    file = entry.stat(follow_symlinks=False)
                    found += [entry.name, file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns]
    except OSError as error:
        return error.errno
    return tuple(found)


def _line(text: str) -> str:
    """One line of a log, control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
