# SPDX-License-Identifier: Apache-2.0
"""The index step: rows in; the k nearest rows of a query, as (distances, ids), out.

========================  ============================================================================
``FlatIndex``             dense rows; Euclidean, squared, inner product, cosine (the native scan)
``HNSWIndex``             dense rows; a graph, approximate, at a recall that is measured
``KDTreeIndex``           dense rows of few columns; Euclidean, squared, Manhattan, Chebyshev
``MetricIndex``           dense rows; most other metrics, each in tiles of its own (the metric scan)
``BlockIndex``            every other metric, functions, and sparse rows (float64 blocks, bounded memory)
``PrecomputedIndex``      distances that were measured elsewhere, as a matrix or a sparse neighbour graph
``PlacesIndex``           another index after removals, its rows numbered without gaps
========================  ============================================================================

All offer the verbs of ``base.Index`` and one order of answers: (float64 value, row id). All are exact but
``HNSWIndex``.
"""

from __future__ import annotations

from .base import Index
from .blocks import BlockIndex
from .choosing import TREE_COLUMNS, choose, tree_metric
from .flat import FlatIndex
from .hnsw import HNSWIndex
from .kd_tree import KDTreeIndex
from .locks import ChangeLock
from .make import load_index, make_index
from .measured import MetricIndex
from .places import PlacesIndex
from .precomputed import PrecomputedIndex

__all__ = [
    "TREE_COLUMNS",
    "BlockIndex",
    "ChangeLock",
    "FlatIndex",
    "HNSWIndex",
    "Index",
    "KDTreeIndex",
    "MetricIndex",
    "PlacesIndex",
    "PrecomputedIndex",
    "choose",
    "load_index",
    "make_index",
    "tree_metric",
]
