# SPDX-License-Identifier: Apache-2.0
"""kneighbors itself, as a user calls it: nothing is tuned.

The index that ``algorithm="auto"`` chooses in searches, ``KNeighborsClassifier`` as it comes otherwise,
with ``n_jobs`` set to the threads of the run. No environment variable is set.
"""

from __future__ import annotations

from typing import Any

from .base import Floats, Ids, Rival, Variant


class Kneighbors(Rival):
    """Our own library."""

    name = "kneighbors"
    module = "kneighbors"
    distribution = "kneighbors"
    questions = frozenset({"exact", "classify"})
    metrics = frozenset({"sqeuclidean", "inner_product", "cosine"})

    @classmethod
    def on_avx2(cls) -> Variant | None:
        return Variant("AVX2", {"KNEIGHBORS_INSTRUCTION_SET": "avx2"})

    def fit(self, rows: Floats, k: int) -> None:
        from kneighbors.index import choose, make_index
        from kneighbors.metrics import resolve

        metric = resolve(self.metric)
        self.index = (choose(metric, rows)[0] or make_index("brute", metric)).fit(rows)

    def search(self, queries: Floats, k: int) -> Any:
        _, ids = self.index.search(queries, k, n_threads=self.n_threads)
        return ids

    def fit_classifier(self, rows: Floats, labels: Ids, k: int) -> None:
        from kneighbors import KNeighborsClassifier

        self.classifier = KNeighborsClassifier(k, n_jobs=self.n_threads).fit(rows, labels)

    def predict(self, queries: Floats) -> Any:
        return self.classifier.predict(queries)
