# SPDX-License-Identifier: Apache-2.0
"""kneighbors itself, as a user calls it: nothing is tuned.

``FlatIndex`` with the squared Euclidean metric for searches, ``KNeighborsClassifier`` as it comes otherwise,
with ``n_jobs`` set to the threads of the run. No environment variable is set.
"""

from __future__ import annotations

from typing import Any

from .base import Floats, Ids, Rival


class Kneighbors(Rival):
    """Our own library."""

    name = "kneighbors"
    module = "kneighbors"
    distribution = "kneighbors"
    questions = frozenset({"exact", "classify"})

    def fit(self, rows: Floats, k: int) -> None:
        from kneighbors.index.flat import FlatIndex

        self.index = FlatIndex("sqeuclidean").fit(rows)

    def search(self, queries: Floats, k: int) -> Any:
        _, ids = self.index.search(queries, k, n_threads=self.n_threads)
        return ids

    def fit_classifier(self, rows: Floats, labels: Ids, k: int) -> None:
        from kneighbors import KNeighborsClassifier

        self.classifier = KNeighborsClassifier(k, n_jobs=self.n_threads).fit(rows, labels)

    def predict(self, queries: Floats) -> Any:
        return self.classifier.predict(queries)
