# SPDX-License-Identifier: Apache-2.0
"""faiss ``IndexFlatL2``, and a vote in NumPy for classification.

Best settings, each tried per case and the best taken as "tuned":

- ``OPENBLAS_CORETYPE``: the bundled OpenBLAS is from 2021 and gives CPUs it does not know AVX2 at most.
- ``distance_compute_blas_threshold``: below it (queries x columns; 128,000 as installed) the rows are
  streamed once per query and by one thread for a single query; 1 sends every batch to BLAS.
- ``distance_compute_blas_database_bs``: rows per BLAS call, 1,024 as installed; larger blocks sometimes pay.
- threads by ``omp_set_num_threads``. The vote is one ``bincount`` over all queries, small beside the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .base import Floats, Ids, Rival, Settings, Variant, blas_variants, majority

_INSTALLED = {"distance_compute_blas_threshold": 128_000, "distance_compute_blas_database_bs": 1024}


class Faiss(Rival):
    """faiss on the CPU."""

    name = "faiss"
    module = "faiss"
    distribution = "faiss-cpu"
    questions = frozenset({"exact", "classify"})

    @classmethod
    def variants(cls, cpu_flags: frozenset[str]) -> Sequence[Variant]:
        return blas_variants(cpu_flags)

    @classmethod
    def settings(cls, question: str, batch: int, n_threads: int) -> Sequence[Settings]:
        always_blas = {"distance_compute_blas_threshold": 1}
        if batch == 1:
            return ({}, always_blas)
        return ({}, always_blas, always_blas | {"distance_compute_blas_database_bs": 4096})

    def configure(self, settings: Settings) -> None:
        import faiss

        faiss.omp_set_num_threads(self.n_threads)
        for name, value in (_INSTALLED | dict(settings)).items():
            setattr(faiss.cvar, name, value)

    def fit(self, rows: Floats, k: int) -> None:
        import faiss

        self.index = faiss.IndexFlatL2(rows.shape[1])
        self.index.add(rows)

    def search(self, queries: Floats, k: int) -> Any:
        _, ids = self.index.search(queries, k)
        return ids

    def fit_classifier(self, rows: Floats, labels: Ids, k: int) -> None:
        self.fit(rows, k)
        self.k = k
        self.classes, self.codes = np.unique(labels, return_inverse=True)

    def predict(self, queries: Floats) -> Any:
        return self.classes[majority(self.codes[self.search(queries, self.k)], len(self.classes))]
