# SPDX-License-Identifier: Apache-2.0
"""Scalable Vector Search's ``Flat`` index in float32: its exact search.

Best settings: ``num_threads`` as given. It holds a copy of the rows.
"""

from __future__ import annotations

from typing import Any

from .base import Floats, Rival

_METRICS = {"sqeuclidean": "L2", "inner_product": "MIP", "cosine": "Cosine"}


class Svs(Rival):
    """Scalable Vector Search."""

    name = "svs"
    module = "svs"
    distribution = "scalable-vs"
    metrics = frozenset(_METRICS)

    def fit(self, rows: Floats, k: int) -> None:
        import svs  # type: ignore[import-not-found, unused-ignore]

        distance = getattr(svs.DistanceType, _METRICS[self.metric])
        self.index = svs.Flat(rows, distance, num_threads=self.n_threads)

    def search(self, queries: Floats, k: int) -> Any:
        ids, _ = self.index.search(queries, k)
        return ids
