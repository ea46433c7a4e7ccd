# SPDX-License-Identifier: Apache-2.0
"""What a result must say about where it was measured."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["cpu_flags", "describe", "n_cores", "slug"]

# Of the many flags, those that decide which kernels run.
TELLING_FLAGS = (
    *("sse4_2", "avx", "avx2", "fma", "avx_vnni"),
    *("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16"),
    *("asimd", "asimddp", "i8mm", "sve", "sve2"),
)


@cache
def _cpuinfo() -> dict[str, str]:
    """The first processor's entries; empty where there is no ``/proc/cpuinfo``."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def cpu_flags() -> frozenset[str]:
    """What the processor can do, in the kernel's words."""
    info = _cpuinfo()
    return frozenset((info.get("flags") or info.get("Features") or "").split())


def n_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_name() -> str:
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def slug() -> str:
    """A folder name for results of this kind of machine: processor, model number and cores, no host name.

    Virtual machines hide the processor's name, so the model number and the widest instruction set are part of
    it.
    """
    info, flags = _cpuinfo(), cpu_flags()
    widest = next(
        (flag for flag in ("amx_int8", "avx512_vnni", "avx512f", "avx2", "sve", "asimd") if flag in flags), ""
    )
    name = re.sub(r"\((r|tm)\)|\bcpu\b|processor|@.*", " ", _cpu_name(), flags=re.IGNORECASE)
    parts = [name, info.get("cpu family", ""), info.get("model", ""), widest, f"{n_cores()} cores"]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")


def describe() -> dict[str, Any]:
    """Processor, cores, memory and system, as plain data."""
    info = _cpuinfo()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "cpu": _cpu_name(),
        "family_model_stepping": [info.get(key) for key in ("cpu family", "model", "stepping")],
        "flags": [flag for flag in TELLING_FLAGS if flag in cpu_flags()],
        "cache": info.get("cache size"),
        "cores": n_cores(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "virtual": "hypervisor" in cpu_flags(),
    }
