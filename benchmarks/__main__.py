# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks [--quick] [--threads N]``: all questions, up to 15 minutes quick, 90 in full."""

from __future__ import annotations

import argparse

from . import classify, exact, peaks
from .machine import n_cores


def main() -> None:
    """Peaks, then each question."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="run every benchmark")
    parser.add_argument("--quick", action="store_true", help="the short version, up to 15 minutes")
    parser.add_argument(
        "--threads", type=int, default=min(2, n_cores()), help="cores per library (%(default)s)"
    )
    given = parser.parse_args()
    arguments = ["--threads", str(given.threads)] + (["--quick"] if given.quick else [])
    peaks.main()
    exact.main(arguments)
    classify.main(arguments)


if __name__ == "__main__":
    main()
