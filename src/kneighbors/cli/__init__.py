# SPDX-License-Identifier: Apache-2.0
"""The command line: parse, call the pipeline, format. No decision about neighbours is made here.

==================  ====================================================================================
``program``         ``main``: the commands and their one-line summaries, loaded when used
``fit`` etc.        one command per file: ``fit``, ``predict``, ``evaluate``, ``inspect``, ``info``,
                    ``completion``; each offers ``command``
``command``         what all commands share: sections and examples in ``--help``, ``--json``, ``--debug``
``whole``           a whole file at once, and progress over counted work, for ``scorecard`` and ``check``
``options``         options made from ``parameters.py``, and those that say how a file is read
``rows``            from these options to an open source
``failures``        exit codes, and errors in the words of the shell
``answers``         what is predicted for a batch; ``writers`` puts it into CSV, JSON lines, Parquet, .npy
``scores``          accuracy, F1, R2 and their kin, summed batch by batch
``output``          tables for people, JSON for pipes, progress while a file is read
==================  ====================================================================================

Nothing heavier than click is imported before a command runs, so ``--help`` and completion answer at once.
Data goes to standard output, everything else to standard error.
"""

from .program import main

__all__ = ["main"]
