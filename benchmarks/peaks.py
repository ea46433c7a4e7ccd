# SPDX-License-Identifier: Apache-2.0
"""What can this machine do at most? Float32 and byte multiply-adds, and reading memory, on 1 and 2 threads.

``peaks.cpp`` is compiled for this very processor and measures; every benchmark runs it first, so that a speed
can be quoted as a share of what was possible in the same hour. Without a C++ compiler shares are left out.

``python -m benchmarks.peaks`` prints the peaks and writes them to the results.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .data import CACHE
from .machine import slug

__all__ = ["Peaks", "build", "measure", "share_of_peak"]

SOURCE = Path(__file__).with_suffix(".cpp")
Peaks = dict[str, Any]


def build(cache: Path = CACHE) -> Path | None:
    """The compiled program; None where there is no compiler or it cannot compile for this machine."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    program = cache / f"peaks-{slug()}"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    if compiler is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    temporary = cache / f"peaks-{os.getpid()}"
    command = [compiler, "-O3", "-march=native", "-std=c++17", "-pthread", str(SOURCE), "-o", str(temporary)]
    if subprocess.run(command, capture_output=True).returncode:
        return None
    temporary.replace(program)
    return program


def measure(n_threads: int, seconds: float = 0.5) -> Peaks | None:
    """Peaks with so many threads, each figure tried for ``seconds``; None where they cannot be measured.

    ``float32_gmac`` and ``int8_gmac`` are thousand million multiply-adds per second, ``read_128mib_gb`` and
    ``read_2gib_gb`` thousand million bytes per second from an array of that size.
    """
    program = build()
    if program is None:
        return None
    answer = subprocess.run(
        [program, str(n_threads), str(seconds)], capture_output=True, text=True, timeout=300
    )
    return json.loads(answer.stdout) if answer.returncode == 0 else None


def share_of_peak(
    rate: float, batch: int, n_rows: int, n_columns: int, peaks: Peaks | None
) -> dict[str, float]:
    """How much of the machine a search uses, as shares of float32 multiply-adds and of reading.

    A query needs one multiply-add per number of every row; a call must read every row once as float32. An
    engine that screens with fewer bits can pass 1.

    >>> peaks = {"float32_gmac": 200.0, "read_128mib_gb": 50.0, "read_2gib_gb": 40.0}
    >>> share_of_peak(1000.0, 100, 10**6, 100, peaks)
    {'float32': 0.5, 'read': 0.1}
    """
    if peaks is None:
        return {}
    bytes_read = 4 * n_rows * n_columns
    read = peaks["read_2gib_gb"] if bytes_read > 256 << 20 else peaks["read_128mib_gb"]
    return {
        "float32": rate * n_rows * n_columns / (peaks["float32_gmac"] * 1e9),
        "read": rate / batch * bytes_read / (read * 1e9),
    }


def main() -> None:
    """Measure with 1 and 2 threads, print and write."""
    from rich.console import Console
    from rich.table import Table

    from .machine import n_cores
    from .report import write

    found = {
        threads: peaks for threads in (1, 2) if threads <= n_cores() and (peaks := measure(threads, 1.0))
    }
    if not found:
        raise SystemExit("no C++ compiler that can build benchmarks/peaks.cpp for this machine: set CXX")
    table = Table(title="peaks of this machine", caption="G = thousand million; multiply-adds in registers")
    for column in ("threads", "float32 G/s", "int8 G/s", "read 128 MiB, GB/s", "read 2 GiB, GB/s"):
        table.add_column(column, justify="right")
    for threads, peaks in found.items():
        names = ("float32_gmac", "int8_gmac", "read_128mib_gb", "read_2gib_gb")
        table.add_row(str(threads), *(f"{peaks[name]:,.0f}" for name in names))
    Console().print(table)
    path = write("peaks", {"peaks": found})
    print(f"written to {path}")


if __name__ == "__main__":
    main()
