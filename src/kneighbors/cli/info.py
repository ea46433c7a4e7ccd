# SPDX-License-Identifier: Apache-2.0
"""``kneighbors info``: version, instruction set, threads and memory, and why."""

from __future__ import annotations

import os
import platform
from typing import Any

from .command import subcommand
from .failures import INSTRUCTION_SET

__all__ = ["command"]


@subcommand("info", "kneighbors info --json")
def command(as_json: bool) -> None:
    """Show version, instruction set, threads and memory.

    The best instruction set that the CPU can run is used; the environment variable KNEIGHBORS_INSTRUCTION_SET
    chooses another. Threads are the smallest of the limits listed. Neither ever changes an answer.
    """
    from . import output

    facts = _facts()
    if as_json:
        output.print_json(facts)
        return
    forced = facts["instruction_set_forced_by"]
    limits = facts["thread_limits"]
    total, available = (
        "unknown" if size is None else output.as_bytes(size)
        for size in (facts["memory_bytes"], facts["memory_available_bytes"])
    )
    output.print_pairs(
        [
            ("kneighbors", facts["version"]),
            ("python", facts["python"]),
            ("platform", facts["platform"]),
            ("instruction set", facts["instruction_set"] + (f" (set by {forced})" if forced else "")),
            ("this CPU can run", ", ".join(facts["instruction_sets"])),
            ("threads", f"{facts['threads']}, the smallest of:"),
            *((f"  {name}", "no limit" if limit is None else limit) for name, limit in limits.items()),
            ("memory", f"{total}, {available} available"),
        ]
    )


def _facts() -> dict[str, Any]:
    import kneighbors

    from .. import _native
    from ..threads import core_limits, resolve_threads

    total, available = _memory()
    return {
        "version": kneighbors.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "instruction_set": _native.instruction_set(),
        "instruction_set_forced_by": INSTRUCTION_SET if os.environ.get(INSTRUCTION_SET) else None,
        "instruction_sets": _native.instruction_sets(),
        "threads": resolve_threads(None),
        "thread_limits": core_limits(),
        "memory_bytes": total,
        "memory_available_bytes": available,
    }


def _memory() -> tuple[int | None, int | None]:
    """Bytes of memory in all and free; None where the system does not tell. Limits of a container count."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError):
        return None, None
    available = _number_in("/proc/meminfo", "MemAvailable:")
    free = free if available is None else available * 1024
    limit = _number_in("/sys/fs/cgroup/memory.max")
    used = _number_in("/sys/fs/cgroup/memory.current")
    if limit is not None and used is not None and limit < total:
        return limit, min(free, limit - used)
    return total, free


def _number_in(path: str, name: str = "") -> int | None:
    """The number after a name in a file of the system, or the file's only number."""
    try:
        with open(path, encoding="ascii") as file:
            line = next((line for line in file if line.startswith(name)), "")
        return int(line.removeprefix(name).split()[0])
    except (OSError, ValueError, IndexError):
        return None
