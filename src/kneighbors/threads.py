# SPDX-License-Identifier: Apache-2.0
"""How many threads a call may use: ``n_jobs`` and the limits of the machine.

``None`` and ``-1`` both mean every core this process may use, ``-2`` all but one, and a positive number
itself. The cores a process may use are the smallest of: the affinity mask, the CPU quota of its control
group, ``OMP_NUM_THREADS``, and the limit that threadpoolctl holds for the native core. That last limit
binds an explicit ``n_jobs`` too, so that ``threadpool_limits(1)`` always means one thread. The number never
changes an answer.
"""

from __future__ import annotations

import math
import numbers
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import ParameterError, ParameterTypeError

__all__ = ["allowed_cores", "core_limits", "register_controller", "resolve_threads"]


def resolve_threads(n_jobs: Any = None) -> int:
    """Threads for one native call.

    Parameters
    ----------
    n_jobs : int or None, default=None
        None or -1: every allowed core; -2: all but one, and so on down; a positive number: itself.

    Returns
    -------
    int
        At least 1 and never above the limit that threadpoolctl holds for the core.

    Raises
    ------
    ParameterTypeError
        ``n_jobs`` is not an integer.
    ParameterError
        ``n_jobs`` is 0.

    Examples
    --------
    >>> resolve_threads(1)
    1
    """
    register_controller()
    if n_jobs is None:
        return allowed_cores()
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, numbers.Integral):
        raise ParameterTypeError(
            f"n_jobs must be an int or None. Got {n_jobs!r}. Give a number of threads, or None for all "
            "allowed cores."
        )
    asked = int(n_jobs)
    if asked == 0:
        raise ParameterError("n_jobs == 0 has no meaning. Give at least 1, or None for all allowed cores.")
    if asked > 0:
        return max(1, min(asked, _native_limit()))
    return max(1, allowed_cores() + 1 + asked)


def allowed_cores() -> int:
    """Cores that this process may use: affinity, control group, OMP_NUM_THREADS and threadpoolctl."""
    return max(1, min(limit for limit in core_limits().values() if limit is not None))


def core_limits() -> dict[str, int | None]:
    """What each limit allows, by its name; None where it sets none. The smallest counts."""
    limits = {
        "affinity mask": _affinity(),
        "control group": _quota(),
        "OMP_NUM_THREADS": _openmp_limit(),
        "threadpoolctl": _native_limit(),
    }
    return {name: limit if limit < _UNLIMITED else None for name, limit in limits.items()}


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _openmp_limit() -> int:
    """The first level of OMP_NUM_THREADS ("4" or "4,2"); anything unreadable sets no limit."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, int(first)) if first.isdecimal() else _UNLIMITED


def _native_limit() -> int:
    from . import _native

    return int(_native.get_num_threads())


_UNLIMITED = 1 << 30


@lru_cache(maxsize=1)
def _quota() -> int:
    """Cores that the control group's quota pays for, rounded up; read once, quotas outlive processes."""
    return quota_of(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))


def quota_of(membership: Path, root: Path) -> int:
    """The tightest CPU quota on the way from this process's control group to the root.

    Parameters
    ----------
    membership : Path
        The file that lists the groups of this process, such as ``/proc/self/cgroup``.
    root : Path
        Where the control groups are mounted.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return _UNLIMITED
    quota = math.inf
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":  # version 2: one tree for all controllers
            base, read = root, _quota_version_2
        elif "cpu" in controllers.split(","):
            base, read = root / "cpu", _quota_version_1
        else:
            continue
        # Inside a container the path may be that of the host and not exist here: the mount's root still
        # counts.
        folder = base / group.lstrip("/")
        for place in (folder, *folder.parents):
            quota = min(quota, read(place))
            if place == base:
                break
    return _UNLIMITED if math.isinf(quota) else max(1, math.ceil(quota))


def _quota_version_2(folder: Path) -> float:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


def _quota_version_1(folder: Path) -> float:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return math.inf if quota <= 0 else quota / period
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


@lru_cache(maxsize=1)
def register_controller() -> type[Any]:
    """Tell threadpoolctl about the native core's pool, once; ``threadpool_limits`` then limits it too."""
    import threadpoolctl

    class KneighborsController(threadpoolctl.LibController):  # type: ignore[misc]
        """The native core's thread limit, behind two C symbols."""

        user_api = "kneighbors"
        internal_api = "kneighbors"
        filename_prefixes = ("_native",)
        check_symbols = ("kneighbors_get_num_threads", "kneighbors_set_num_threads")

        def get_num_threads(self) -> int:
            return int(self.dynlib.kneighbors_get_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.kneighbors_set_num_threads(int(num_threads))

        def get_version(self) -> str:
            from . import __version__

            return __version__

    threadpoolctl.register(KneighborsController)
    return KneighborsController
