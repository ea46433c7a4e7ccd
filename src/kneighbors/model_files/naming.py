# SPDX-License-Identifier: Apache-2.0
"""Names beside a model folder: where a save works, and where it sets the old model aside."""

from __future__ import annotations

import os
import re
import secrets

__all__ = ["aside_pattern", "new_aside", "new_saving", "saving_pattern", "target_of"]

INDEX = "model_algo-1"
LABELS = "model_algo-1.labels"
JSON = "model_algo-1.json"
JSON_ENDING = ".json"
# Where a folder cannot be swapped, the JSON is written under this name and renamed last.
UNFINISHED_JSON = ".model_algo-1.json.saving"


def target_of(path: str) -> tuple[str, str]:
    """The folder that holds the model folder, and the model folder's name in it, links resolved."""
    parent, name = os.path.split(os.path.realpath(path))
    return parent, name


def new_saving(name: str) -> str:
    """A fresh name for the folder that a save fills."""
    return f".{name}.saving-{secrets.token_hex(4)}"


def new_aside(name: str) -> str:
    """A fresh name for the old model, between two renames."""
    return f".{name}.replaced-{secrets.token_hex(4)}"


def saving_pattern(name: str) -> str:
    """What `new_saving` gives, as a regular expression."""
    return rf"\.{re.escape(name)}\.saving-[0-9a-f]{{8}}"


def aside_pattern(name: str) -> str:
    """What `new_aside` gives, as a regular expression."""
    return rf"\.{re.escape(name)}\.replaced-[0-9a-f]{{8}}"
