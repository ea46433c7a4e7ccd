# SPDX-License-Identifier: Apache-2.0
"""A process that saves models in children and kills them: imported once, forked for each save.

Run as a script. Each line of standard input is ``<target> <model> <MiB> <way> <seconds>``. The way is
``exchange`` or ``aside``; ``exchange@7`` ends the child in place of its eighth call to the system. It is
killed after so many seconds, or never when they are negative. Each answer is ``killed`` or ``done`` and the
seconds that the child lived.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from kneighbors.model_files import ModelContents, operations, write
from tests.model_files.faults import Faulty


def model(number: int, mebibytes: int) -> ModelContents:
    """Model 0 or 1 of a size; their content differs in every byte."""
    rng = np.random.default_rng(number)
    n_rows = 1000
    rows = rng.random((n_rows, mebibytes * (1 << 20) // (8 * n_rows)))
    return ModelContents(
        number + 1, "regressor", None, False, {"number": number}, {"rows": rows}, rng.random(n_rows)
    )


class Dying(Faulty):
    """Ends the process in place of a call, as a kill between two calls does."""

    def fail(self) -> None:
        os._exit(9)

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)


def main() -> None:
    models: dict[tuple[str, str], ModelContents] = {}
    for line in sys.stdin:
        target, number, size, way, delay = line.split()
        if (number, size) not in models:
            models[number, size] = model(int(number), int(size))
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                way, _, at = way.partition("@")
                operations.system = Dying(int(at) if at else None, can_exchange=way == "exchange")
                write(target, models[number, size])
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
        if float(delay) >= 0.0:
            time.sleep(float(delay))
            os.kill(child, signal.SIGKILL)  # not waited for yet, so its number is still its own
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        told = {0: "done", -9: "killed", 9: "killed"}.get(code, f"failed:{code}")
        print(told, time.monotonic() - start, flush=True)


if __name__ == "__main__":
    main()
