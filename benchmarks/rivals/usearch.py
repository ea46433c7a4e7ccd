# SPDX-License-Identifier: Apache-2.0
"""usearch's exact ``search`` over a matrix, without an index.

It runs in a process of its own, never beside faiss, whose OpenMP it does not bear. Best settings:
``threads`` as given; rows and queries in float32. Its inner product distance is 1 - q . x, in the order of
ours.
"""

from __future__ import annotations

from typing import Any

from .base import Floats, Rival

_METRICS = {"sqeuclidean": "l2sq", "inner_product": "ip", "cosine": "cos"}


class Usearch(Rival):
    """usearch."""

    name = "usearch"
    module = "usearch"
    distribution = "usearch"
    metrics = frozenset(_METRICS)

    def fit(self, rows: Floats, k: int) -> None:
        self.rows = rows

    def search(self, queries: Floats, k: int) -> Any:
        from usearch.index import search  # type: ignore[import-not-found, unused-ignore]

        found = search(self.rows, queries, k, _METRICS[self.metric], exact=True, threads=self.n_threads).keys
        return found.reshape(len(queries), -1)
