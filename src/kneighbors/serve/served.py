# SPDX-License-Identifier: Apache-2.0
"""A loaded, verified model as the server asks it: its settings, its version, and how a batch is answered."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import pipeline
from ..errors import ModelFileError
from ..estimators import KNeighborsClassifier, load
from ..threads import resolve_threads

__all__ = ["ServedModel", "load_served"]

_JSON_NAME = re.compile(r"model_algo-[0-9]+\.json", re.ASCII)
_ATTEMPTS = 5


@dataclass(frozen=True)
class ServedModel:
    """One model that never changes; an edit on disk gives another.

    Attributes
    ----------
    model : pipeline.Model
    version : str
        16 hexadecimal digits, of the model's JSON, which holds the digests of the other two files.
    k : int
    weights : str
    priors : list of ndarray or None
    n_threads : int
    """

    model: pipeline.Model
    version: str
    k: int
    weights: Any
    priors: list[NDArray[np.float64]] | None
    n_threads: int

    @property
    def n_features(self) -> int:
        return self.model.n_features

    @property
    def text_dtype(self) -> type[np.float32] | type[np.float64]:
        """What numbers written as text become: the rows' type, so that a row meets itself at distance 0."""
        return np.float32 if self.model.dtype == np.float32 else np.float64

    @property
    def task(self) -> str | None:
        labels = self.model.labels
        return None if labels is None else "regressor" if labels.classes is None else "classifier"

    def ask(self, rows: Any, k: int, *, probabilities: bool = False) -> pipeline.Answers:
        """One search over these rows, and all it tells."""
        return pipeline.answer(
            self.model,
            rows,
            k,
            weights=self.weights,
            priors=self.priors,
            probabilities=probabilities,
            n_threads=self.n_threads,
        )


def load_served(path: str, n_jobs: int | None = None) -> ServedModel:
    """The model of a folder, every byte verified and asked once, so that the first request finds it ready.

    Raises
    ------
    ModelFileError
        The folder holds no whole model, or a save was faster than five attempts to read it.
    """
    for _ in range(_ATTEMPTS):
        before = _version(path)
        estimator = load(path)
        if _version(path) == before:
            break
    else:
        raise ModelFileError("changes all the time; load it again when it rests", file=path)
    model: pipeline.Model = estimator._model
    priors = estimator._priors() if isinstance(estimator, KNeighborsClassifier) else None
    served = ServedModel(
        model, before, int(estimator.n_neighbors), getattr(estimator, "weights", "uniform"), priors,
        resolve_threads(n_jobs),
    )  # fmt: skip
    if model.metric.formula != "precomputed":
        served.ask(np.zeros((1, model.n_features), dtype=served.text_dtype), served.k)
    return served


def _version(path: str) -> str:
    """A fingerprint of the folder's JSON, or of its absence, which `load` will explain."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return "none"
    try:
        name = next((name for name in sorted(os.listdir(folder)) if _JSON_NAME.fullmatch(name)), None)
        if name is None:
            return "none"
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(name, flags, dir_fd=folder), "rb") as file:
            return hashlib.sha256(file.read(1 << 20)).hexdigest()[:16]
    except OSError:
        return "none"
    finally:
        os.close(folder)
