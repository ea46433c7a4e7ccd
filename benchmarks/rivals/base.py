# SPDX-License-Identifier: Apache-2.0
"""What every library's file offers to the worker that runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Ids", "Rival", "Variant", "majority"]

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Variant:
    """One way to start a library's process.

    Attributes
    ----------
    name : str
        "installed" for a process without any help, else what helps it.
    environment : mapping of str to str
        Variables set before the process starts.
    """

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)


class Rival:
    """One library. Called in its own process, except for the class attributes and the class methods.

    A rival holds one fitted thing at a time: an index after ``fit``, a classifier after ``fit_classifier``.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    distribution: ClassVar[str]
    questions: ClassVar[frozenset[str]] = frozenset({"exact"})
    metrics: ClassVar[frozenset[str]] = frozenset({"sqeuclidean"})

    def __init__(self, n_threads: int, metric: str = "sqeuclidean") -> None:
        self.n_threads, self.metric = n_threads, metric

    @classmethod
    def variants(cls, cpu_flags: frozenset[str]) -> Sequence[Variant]:
        """Ways to start the process; the first is as installed."""
        return (Variant("installed"),)

    @classmethod
    def on_avx2(cls) -> Variant | None:
        """How to hold the library to AVX2; None where nothing does, and it stays out."""
        return None

    @classmethod
    def settings(cls, question: str, batch: int, n_threads: int) -> Sequence[Settings]:
        """Settings worth trying inside the process; the first is as installed."""
        return ({},)

    def configure(self, settings: Settings) -> None:
        """Apply one of ``settings``."""

    def fit(self, rows: Floats, k: int) -> None:
        """Make an exact index of the rows for ``self.metric``; ``k`` is the largest that will be asked."""
        raise NotImplementedError

    def search(self, queries: Floats, k: int) -> Any:
        """Ids of shape (n_queries, k), nearest first; what else the library computes is its affair."""
        raise NotImplementedError

    def fit_classifier(self, rows: Floats, labels: Ids, k: int) -> None:
        """Make an L2 classifier with uniform weights."""
        raise NotImplementedError

    def predict(self, queries: Floats) -> Any:
        """Labels of the queries."""
        raise NotImplementedError


def blas_variants(cpu_flags: frozenset[str]) -> Sequence[Variant]:
    """As installed, and with the OpenBLAS kernels that this CPU can run named to it.

    OpenBLAS picks kernels by CPU model; one it does not know gets slower ones. ``SkylakeX`` is
    AVX-512 and right for every CPU that has it.
    """
    if "avx512f" in cpu_flags:
        core = "SkylakeX"
    elif "avx2" in cpu_flags:
        core = "Haswell"
    else:
        return (Variant("installed"),)
    return (Variant("installed"), Variant(f"OPENBLAS_CORETYPE={core}", {"OPENBLAS_CORETYPE": core}))


def majority(labels: Ids, n_classes: int) -> Ids:
    """The most frequent class of each row of ``labels``; the smallest of those tied."""
    offsets = labels + n_classes * np.arange(len(labels))[:, None]
    counts = np.bincount(offsets.ravel(), minlength=n_classes * len(labels))
    return np.asarray(counts.reshape(-1, n_classes).argmax(1))
