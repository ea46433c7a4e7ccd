# SPDX-License-Identifier: Apache-2.0
"""ScaNN's brute force in float32: ``score_brute_force()`` without quantisation, its only exact scorer.

Best settings, each tried: one query goes through ``search``; a batch through ``search_batched`` (one thread)
or ``search_batched_parallel`` with the queries of one task at 256 (installed), 64, or an even share per
thread. ``set_num_threads`` takes the threads of the run. It has no classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Floats, Rival, Settings


class Scann(Rival):
    """ScaNN."""

    name = "scann"
    module = "scann"
    distribution = "scann"
    metrics = frozenset({"sqeuclidean", "inner_product"})

    @classmethod
    def settings(cls, question: str, batch: int, n_threads: int) -> Sequence[Settings]:
        if batch == 1:
            return ({"call": "search"}, {"call": "search_batched_parallel", "batch_size": 1})
        share = max(1, -(-batch // n_threads))
        sizes = dict.fromkeys(size for size in (256, 64, share) if size <= max(share, 64))
        return (
            {"call": "search_batched_parallel", "batch_size": 256},
            *({"call": "search_batched_parallel", "batch_size": size} for size in sizes if size != 256),
            {"call": "search_batched"},
        )

    def configure(self, settings: Settings) -> None:
        self.call = dict(settings)

    def fit(self, rows: Floats, k: int) -> None:
        import scann  # type: ignore[import-not-found, unused-ignore]

        measure = "squared_l2" if self.metric == "sqeuclidean" else "dot_product"
        builder = scann.scann_ops_pybind.builder(rows, k, measure)
        self.searcher = builder.set_n_training_threads(self.n_threads).score_brute_force().build()
        self.searcher.set_num_threads(self.n_threads)

    def search(self, queries: Floats, k: int) -> Any:
        call = self.call["call"]
        if call == "search":
            ids, _ = self.searcher.search(queries[0], k)
            return ids[None, :]
        if call == "search_batched":
            ids, _ = self.searcher.search_batched(queries, k)
        else:
            ids, _ = self.searcher.search_batched_parallel(queries, k, batch_size=self.call["batch_size"])
        return ids
