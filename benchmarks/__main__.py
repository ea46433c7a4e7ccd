# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks [--quick] [--threads N]``: all questions, up to 15 minutes quick, 90 in full."""

from __future__ import annotations

import sys

from . import classify, exact, peaks


def main() -> None:
    """Peaks, then each question with the options given."""
    arguments = sys.argv[1:]
    if not {"-h", "--help"} & set(arguments):
        peaks.main()
    exact.main(arguments)
    classify.main(arguments)


if __name__ == "__main__":
    main()
