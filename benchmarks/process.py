# SPDX-License-Identifier: Apache-2.0
"""Starts worker processes, one per library and environment, and talks to them over pipes."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from .rivals import Rival, Variant

__all__ = ["RIVALS_PYTHON", "ROOT", "WorkerFailure", "WorkerProcess", "python_for"]

ROOT = Path(__file__).resolve().parent.parent
RIVALS_PYTHON = ROOT / ".venv-rivals" / "bin" / "python"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerFailure(Exception):
    """A library could not do what it was asked; the message is its own."""


@cache
def python_for(module: str) -> str | None:
    """The Python that has the module: this one, else that of ``.venv-rivals``, else None."""
    for python in (sys.executable, str(RIVALS_PYTHON)):
        if not os.path.exists(python):
            continue
        question = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        # -P: the folder benchmarks/ runs from must not be taken for an installed module
        if subprocess.run([python, "-P", "-c", question], cwd=ROOT, capture_output=True).returncode == 0:
            return python
    return None


class WorkerProcess:
    """One library in its own process.

    Parameters
    ----------
    rival : type of Rival
    variant : Variant
        Environment variables added to those of this process.
    n_threads : int
        Cores and threads the library may use.
    metric : {"sqeuclidean", "inner_product", "cosine"}
        Of its searches.
    """

    def __init__(
        self, rival: type[Rival], variant: Variant, n_threads: int, metric: str = "sqeuclidean"
    ) -> None:
        python = python_for(rival.module)
        if python is None:
            raise WorkerFailure(
                f"{rival.distribution} is not installed (python -m benchmarks.setup installs it)"
            )
        self.rival, self.variant = rival, variant
        self.settings: dict[str, Any] | None = None
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
        environment |= dict.fromkeys(THREAD_VARIABLES, str(n_threads)) | dict(variant.environment)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            self.about = self.call("start", timeout=120, rival=rival.name, n_threads=n_threads, metric=metric)
        except WorkerFailure:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Of the worker."""
        return self._process.pid

    def call(self, do: str, timeout: float = 600, **arguments: Any) -> dict[str, Any]:
        """One request; raises WorkerFailure where the library fails, dies or takes too long."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerFailure(f"the process has died: {self._last_words()}") from None
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        if not ready:
            self.close()
            raise WorkerFailure(f"no answer to {do!r} within {timeout:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise WorkerFailure(f"the process died while asked to {do!r}: {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerFailure(reply["error"])
        return reply

    def configure(self, settings: dict[str, Any]) -> None:
        """Apply settings, unless they are those in force."""
        if self.settings != settings:
            self.call("configure", settings=settings)
            self.settings = settings

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._errors.seek(0)
        return (self._errors.read().strip().splitlines() or ["nothing on standard error"])[-1]

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._errors.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
