# SPDX-License-Identifier: Apache-2.0
"""``python -m kneighbors.cli``."""

from .program import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
