# SPDX-License-Identifier: Apache-2.0
"""faiss ``IndexFlatL2`` (``IndexFlatIP``, with unit rows for cosine), and a vote in NumPy for classification.

Best settings, each tried per case and the best taken as "tuned":

- ``OPENBLAS_CORETYPE``: the bundled OpenBLAS is from 2021 and gives CPUs it does not know AVX2 at most.
- ``distance_compute_blas_threshold``: below it (queries x columns; 128,000 as installed) the rows are
  streamed once per query and by one thread for a single query; 1 sends every batch to BLAS.
- ``distance_compute_blas_database_bs``: rows per BLAS call, 1,024 as installed; larger blocks sometimes pay.
- ``IndexFlatL2Panorama`` with 8 levels in place of the flat index, from 64 columns on: it leaves a row when
  the levels read so far prove it too far.
- threads by ``omp_set_num_threads``. The vote is one ``bincount`` over all queries, small beside the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .base import Floats, Ids, Rival, Settings, Variant, blas_variants, majority

_INSTALLED = {"distance_compute_blas_threshold": 128_000, "distance_compute_blas_database_bs": 1024}


def unit(values: Floats) -> Floats:
    """Rows divided by their norms."""
    return np.ascontiguousarray(values / np.linalg.norm(values, axis=1, keepdims=True))


class Faiss(Rival):
    """faiss on the CPU."""

    name = "faiss"
    module = "faiss"
    distribution = "faiss-cpu"
    questions = frozenset({"exact", "classify"})
    metrics = frozenset({"sqeuclidean", "inner_product", "cosine"})
    panorama = None

    @classmethod
    def on_avx2(cls) -> Variant | None:
        return Variant("AVX2", {"FAISS_OPT_LEVEL": "AVX2", "OPENBLAS_CORETYPE": "Haswell"})

    @classmethod
    def variants(cls, cpu_flags: frozenset[str]) -> Sequence[Variant]:
        return blas_variants(cpu_flags)

    @classmethod
    def settings(cls, question: str, batch: int, n_threads: int) -> Sequence[Settings]:
        always_blas = {"distance_compute_blas_threshold": 1}
        panorama = {"panorama_levels": 8}
        if question != "exact":
            return ({}, always_blas, always_blas | {"distance_compute_blas_database_bs": 4096})
        if batch == 1:
            return ({}, always_blas, panorama)
        return ({}, always_blas, always_blas | {"distance_compute_blas_database_bs": 4096}, panorama)

    def configure(self, settings: Settings) -> None:
        import faiss

        faiss.omp_set_num_threads(self.n_threads)
        wanted = _INSTALLED | dict(settings)
        self.levels = wanted.pop("panorama_levels", None)
        for name, value in wanted.items():
            setattr(faiss.cvar, name, value)

    def fit(self, rows: Floats, k: int) -> None:
        import faiss

        n_columns = rows.shape[1]
        self.rows = rows if self.metric != "cosine" else unit(rows)
        flat = faiss.IndexFlatL2 if self.metric == "sqeuclidean" else faiss.IndexFlatIP
        self.index = flat(n_columns)
        self.index.add(self.rows)
        self.panorama = None

    def search(self, queries: Floats, k: int) -> Any:
        if self.metric == "cosine":
            queries = unit(queries)
        index = self.index if self.levels is None else self._panorama(queries.shape[1])
        _, ids = index.search(queries, k)
        return ids

    def _panorama(self, n_columns: int) -> Any:
        import faiss

        if self.panorama is None:
            if n_columns < 64 or self.metric != "sqeuclidean":
                raise ValueError("Panorama is tried for L2 and from 64 columns on")
            self.panorama = faiss.IndexFlatL2Panorama(n_columns, self.levels)
            self.panorama.add(self.rows)
        return self.panorama

    def fit_classifier(self, rows: Floats, labels: Ids, k: int) -> None:
        self.fit(rows, k)
        self.k = k
        self.classes, self.codes = np.unique(labels, return_inverse=True)

    def predict(self, queries: Floats) -> Any:
        return self.classes[majority(self.codes[self.search(queries, self.k)], len(self.classes))]
