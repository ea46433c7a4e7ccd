# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's ``NearestNeighbors`` and ``KNeighborsClassifier`` by brute force.

As installed is ``algorithm="auto"``, which takes brute force by itself above 15 columns. Best settings, each
tried:

- ``OPENBLAS_CORETYPE`` for scipy's OpenBLAS, which does the inner products.
- ``algorithm="brute"``, ``pairwise_dist_chunk_size`` 256 (installed) and 1,024, ``assume_finite``,
  and no distances returned where only ids are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Floats, Ids, Rival, Settings, Variant, blas_variants


class ScikitLearn(Rival):
    """scikit-learn."""

    name = "scikit-learn"
    module = "sklearn"
    distribution = "scikit-learn"
    questions = frozenset({"exact", "classify"})
    metrics = frozenset({"sqeuclidean", "cosine"})

    @classmethod
    def on_avx2(cls) -> Variant | None:
        return Variant("AVX2", {"OPENBLAS_CORETYPE": "Haswell"})

    @classmethod
    def variants(cls, cpu_flags: frozenset[str]) -> Sequence[Variant]:
        return blas_variants(cpu_flags)

    @classmethod
    def settings(cls, question: str, batch: int, n_threads: int) -> Sequence[Settings]:
        return (
            {},
            {"assume_finite": True, "pairwise_dist_chunk_size": 256},
            {"assume_finite": True, "pairwise_dist_chunk_size": 1024},
        )

    def configure(self, settings: Settings) -> None:
        import sklearn

        sklearn.set_config(**({"assume_finite": False, "pairwise_dist_chunk_size": 256} | dict(settings)))

    def fit(self, rows: Floats, k: int) -> None:
        from sklearn.neighbors import NearestNeighbors

        algorithm = "brute" if rows.shape[1] > 15 or self.metric != "sqeuclidean" else "auto"
        metric = "euclidean" if self.metric == "sqeuclidean" else self.metric
        self.estimator = NearestNeighbors(
            n_neighbors=k, algorithm=algorithm, metric=metric, n_jobs=self.n_threads
        ).fit(rows)

    def search(self, queries: Floats, k: int) -> Any:
        return self.estimator.kneighbors(queries, k, return_distance=False)

    def fit_classifier(self, rows: Floats, labels: Ids, k: int) -> None:
        from sklearn.neighbors import KNeighborsClassifier

        self.classifier = KNeighborsClassifier(k, algorithm="brute", n_jobs=self.n_threads).fit(rows, labels)

    def predict(self, queries: Floats) -> Any:
        return self.classifier.predict(queries)
