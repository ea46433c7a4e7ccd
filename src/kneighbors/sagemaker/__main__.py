# SPDX-License-Identifier: Apache-2.0
"""``python -m kneighbors.sagemaker train``: the container's command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the container's command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given != ["train"]:
        print("Usage: python -m kneighbors.sagemaker train", file=sys.stderr)
        return 2
    from .training import train

    return train()


if __name__ == "__main__":
    sys.exit(main())
