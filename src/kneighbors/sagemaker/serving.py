# SPDX-License-Identifier: Apache-2.0
"""The container's ``serve``: the model that training left, on the documented port, for whoever reaches it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

from .failures import JobError
from .folders import Folders

__all__ = ["serve"]

PORT = 8080


def serve(environment: Mapping[str, str] | None = None) -> int:
    """Serve until SIGTERM; what ``serve`` in the container does.

    Parameters
    ----------
    environment : mapping or None, default=None
        None is the process's own. ``SAGEMAKER_BASE_DIR`` (/opt/ml) says where the folder ``model`` is, or
        with ``SAGEMAKER_MULTI_MODEL=true`` the folder ``models``; ``SAGEMAKER_BIND_TO_PORT`` is the port
        (8080), ``SAGEMAKER_MODEL_SERVER_WORKERS`` the processes (1), ``SAGEMAKER_MAX_PAYLOAD_IN_MB`` the
        largest body where that is more than 32. ``KNEIGHBORS_BIND_HOST`` (0.0.0.0) is the address, for trials
        outside a container.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    JobError
        A variable is out of its range.
    """
    from ..serve import Counters, Limits, model_app
    from ..serve import serve as run

    environment = os.environ if environment is None else environment
    many = environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true"
    workers = 1 if many else _number(environment, "SAGEMAKER_MODEL_SERVER_WORKERS", 1, 1, 64)
    port = _number(environment, "SAGEMAKER_BIND_TO_PORT", PORT, 0, 65_535)
    megabytes = _number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 6, 0, 100)
    base = Folders.of(environment)
    folder = base.base / "models" if many else base.model
    logging.basicConfig(format="[%(asctime)s %(levelname)s] %(message)s", level=logging.INFO)
    counters = Counters(workers)
    limits = Limits(body_bytes=max(Limits.body_bytes, (megabytes + 1) << 20))
    return run(
        lambda worker: model_app(
            str(folder), many=many, limits=limits, hosts=None, counters=counters.become(worker)
        ),
        host=environment.get("KNEIGHBORS_BIND_HOST") or "0.0.0.0",
        port=port,
        workers=workers,
        ready=lambda url: print(f"Serving {Path(folder)} at {url}", flush=True),
    )


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise JobError(f"{name}={text!r} was given; expected a whole number, {least} to {most}.")
    return int(text)
