# SPDX-License-Identifier: Apache-2.0
"""Where a training container finds its inputs and leaves its outputs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BASE", "Folders"]

BASE = "/opt/ml"


@dataclass(frozen=True)
class Folders:
    """The documented folders below one base, which ``SAGEMAKER_BASE_DIR`` moves.

    Examples
    --------
    >>> Folders.of({"SAGEMAKER_BASE_DIR": "/tmp/job"}).failure
    PosixPath('/tmp/job/output/failure')
    """

    base: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None) -> Folders:
        """By the environment."""
        return cls(
            Path((os.environ if environment is None else environment).get("SAGEMAKER_BASE_DIR") or BASE)
        )

    @property
    def config(self) -> Path:
        return self.base / "input" / "config"

    @property
    def data(self) -> Path:
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"
