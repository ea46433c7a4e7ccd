# SPDX-License-Identifier: Apache-2.0
"""A process that saves models in children and kills them: imported once, forked for each save.

Run as a script. Each line of standard input is ``<target> <model> <MiB> <exchange or aside> <seconds>``:
the child is killed after so many seconds, or never when negative. Each answer is ``killed`` or ``done`` and
the seconds that the child lived.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from kneighbors.model_files import ModelContents, operations, write


def model(number: int, mebibytes: int) -> ModelContents:
    """Model 0 or 1 of a size; their content differs in every byte."""
    rng = np.random.default_rng(number)
    n_rows = 1000
    rows = rng.random((n_rows, mebibytes * (1 << 20) // (8 * n_rows)))
    return ModelContents(
        number + 1, "regressor", None, False, {"number": number}, {"rows": rows}, rng.random(n_rows)
    )


class NoExchange(operations.System):
    """A file system that cannot swap two folders in one step."""

    def exchange(self, one: str, other: str, folder: int) -> None:
        raise OSError(22, "Invalid argument")


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
                operations.system = operations.System() if way == "exchange" else NoExchange()
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
        told = {0: "done", -9: "killed"}.get(code, f"failed:{code}")
        print(told, time.monotonic() - start, flush=True)


if __name__ == "__main__":
    main()
