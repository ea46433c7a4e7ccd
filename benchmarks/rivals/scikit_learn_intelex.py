# SPDX-License-Identifier: Apache-2.0
"""Intel's extension for scikit-learn (oneDAL), by brute force.

Best settings: its own classes are imported directly rather than patched in, ``algorithm="brute"`` (its tree
is slower from 16 columns on), float32 rows, no distances returned where only ids are asked for, and
``n_jobs`` either way: as given, or left to the process, whose affinity already allows just the threads of the
run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Floats, Ids, Rival, Settings


class ScikitLearnIntelex(Rival):
    """scikit-learn-intelex."""

    name = "scikit-learn-intelex"
    module = "sklearnex"
    distribution = "scikit-learn-intelex"
    questions = frozenset({"exact", "classify"})

    @classmethod
    def settings(cls, question: str, batch: int, n_threads: int) -> Sequence[Settings]:
        return ({"n_jobs": True}, {"n_jobs": False})

    def configure(self, settings: Settings) -> None:
        self.n_jobs = self.n_threads if settings["n_jobs"] else None

    def fit(self, rows: Floats, k: int) -> None:
        from sklearnex.neighbors import NearestNeighbors  # type: ignore[import-not-found, unused-ignore]

        self.estimator = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows)

    def search(self, queries: Floats, k: int) -> Any:
        self.estimator.n_jobs = self.n_jobs
        return self.estimator.kneighbors(queries, k, return_distance=False)

    def fit_classifier(self, rows: Floats, labels: Ids, k: int) -> None:
        from sklearnex.neighbors import KNeighborsClassifier

        self.classifier = KNeighborsClassifier(k, algorithm="brute", n_jobs=self.n_jobs).fit(rows, labels)

    def predict(self, queries: Floats) -> Any:
        return self.classifier.predict(queries)
