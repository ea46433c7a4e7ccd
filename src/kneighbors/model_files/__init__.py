# SPDX-License-Identifier: Apache-2.0
"""The save step: a model folder of three files, written in one step and read without trust.

In: `ModelContents`, plain values and named arrays. Out: the same, from disk. ``docs/model-files.md``
describes the format for readers in other languages.

- ``contents.py``: what a folder holds, and what keeps it from being a model.
- ``strict_json.py``: JSON, read strictly and written for people.
- ``metadata.py``: ``model_algo-1.json`` and the fingerprints of its values.
- ``labels.py``: ``model_algo-1.labels``.
- ``layout.py``: prefix, header and sections of ``model_algo-1``; ``container.py`` reads them.
- ``encoding.py``: all three files laid out before a byte is written.
- ``files.py``: the files opened without leaving the folder.
- ``reading.py``, ``writing.py``: ``read`` and ``write``; ``replacing.py``: what makes a save one step.
- ``naming.py``: the names in a model folder and beside it; ``foreign.py``: what else a file may be.
- ``operations.py``: every call to the operating system.
"""

from __future__ import annotations

from .contents import ModelContents
from .reading import read
from .writing import write

__all__ = ["ModelContents", "read", "write"]
