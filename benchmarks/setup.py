# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks.setup``: make ``.venv-rivals`` with the libraries that we compare with.

They get an environment of their own, so that what they pin never decides what kneighbors is tested with.
"""

from __future__ import annotations

import subprocess
import venv

from .process import RIVALS_PYTHON
from .rivals import OURS, RIVALS

__all__: list[str] = []


def main() -> None:
    """Create the environment where it is missing and install what is missing from it; safe to repeat."""
    if not RIVALS_PYTHON.exists():
        venv.create(RIVALS_PYTHON.parent.parent, with_pip=True)
    wanted = [rival.distribution for rival in RIVALS.values() if rival.name != OURS] + ["threadpoolctl"]
    failed = []
    for distribution in wanted:  # one by one: a library without a wheel for this machine stops no other
        command = [str(RIVALS_PYTHON), "-m", "pip", "install", "--quiet", distribution]
        if subprocess.run(command).returncode:
            failed.append(distribution)
    present = [name for name in wanted if name not in failed]
    print(f"{RIVALS_PYTHON.parent.parent}: {', '.join(present)}")
    if failed:
        print(f"could not be installed, and will be named as absent: {', '.join(failed)}")


if __name__ == "__main__":
    main()
