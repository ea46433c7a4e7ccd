# SPDX-License-Identifier: Apache-2.0
"""``python -m kneighbors.sagemaker train`` and ``serve``: the container's commands."""

from __future__ import annotations

import sys

from ..errors import KneighborsError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the container's command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["train"]:
        from .training import train

        return train()
    if given == ["serve"]:
        from .serving import serve

        try:
            return serve()
        except (KneighborsError, OSError) as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1
    print("Usage: python -m kneighbors.sagemaker train|serve", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
