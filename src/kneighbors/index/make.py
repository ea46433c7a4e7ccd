# SPDX-License-Identifier: Apache-2.0
"""Which index answers for a choice of algorithm and metric."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from ..errors import ParameterError, ParameterTypeError
from ..metrics import Metric
from .base import Index
from .blocks import BlockIndex
from .choosing import tree_metric
from .flat import FlatIndex
from .hnsw import HNSWIndex
from .kd_tree import KDTreeIndex
from .measured import MetricIndex
from .precomputed import PrecomputedIndex

__all__ = ["load_index", "make_index"]

_KINDS: dict[str, Any] = {
    "flat": FlatIndex,
    "measured": MetricIndex,
    "blocks": BlockIndex,
    "hnsw": HNSWIndex,
    "kd_tree": KDTreeIndex,
    "precomputed": PrecomputedIndex,
}
_ALGORITHMS = ("auto", "ball_tree", "brute", "hnsw", "kd_tree")


def make_index(algorithm: Any, metric: Metric, *, leaf_size: int = 30, sparse: bool = False) -> Index:
    """An unfitted index for this choice; every choice but ``"hnsw"`` is exact.

    Parameters
    ----------
    algorithm : {"auto", "brute", "kd_tree", "ball_tree", "hnsw"} or index object
        The trees accept the metrics that scikit-learn's trees accept, and refuse the others as it does. What
        has no tree here is answered by a scan. An index object is a pattern: a copy of its kind is used.
    metric : Metric
        From ``kneighbors.metrics.resolve``.
    leaf_size : int, default=30
        Rows in a leaf of a tree; never changes an answer.
    sparse : bool, default=False
        Whether ``fit`` will be given a sparse matrix; trees then give way to blocks with a warning.

    Returns
    -------
    Index
        ``KDTreeIndex`` for ``"kd_tree"`` where it has the metric; for dense rows ``FlatIndex`` where the
        metric is a dot product, ``MetricIndex`` where it has tiles of its own; else ``BlockIndex`` or
        ``PrecomputedIndex``.

    Raises
    ------
    ParameterError
        An unknown algorithm, or a tree with a metric it cannot use.

    Examples
    --------
    >>> from kneighbors.metrics import resolve
    >>> type(make_index("auto", resolve("minkowski"))).__name__
    'FlatIndex'
    >>> type(make_index("auto", resolve("manhattan"))).__name__
    'MetricIndex'
    >>> type(make_index("auto", resolve("correlation"))).__name__
    'BlockIndex'
    """
    if not isinstance(algorithm, str):
        return _fresh(algorithm, metric)
    if algorithm not in _ALGORITHMS:
        raise ParameterError(f"algorithm={algorithm!r} is not known; one of {', '.join(_ALGORITHMS)} works.")
    if algorithm in ("kd_tree", "ball_tree"):
        _refuse_tree(algorithm, metric)
        if sparse:
            warnings.warn("cannot use tree with sparse input: using brute force", stacklevel=2)
    if metric.formula == "minkowski" and metric.arguments["p"] < 1:
        warnings.warn(
            "Mind that for 0 < p < 1, Minkowski metrics are not distance metrics. Continuing the execution "
            "with `algorithm='brute'`.",
            stacklevel=2,
        )
    if metric.formula == "precomputed":
        return PrecomputedIndex()
    if algorithm == "kd_tree" and not sparse:
        name = tree_metric(metric)
        if name is not None:
            return KDTreeIndex(name)
    if algorithm == "hnsw":
        return _graph(metric, sparse)
    if metric.native is not None and not sparse:
        return FlatIndex(metric.formula)
    if (metric.tile is not None or metric.whitens) and not sparse:
        return MetricIndex(metric)
    return BlockIndex(metric)


def load_index(settings: dict[str, Any], sections: dict[str, Any]) -> Index:
    """The index that ``save`` described; arrays may be memory-mapped and read-only."""
    kind = settings.get("kind")
    if kind not in _KINDS:
        raise ParameterError(f"index kind {kind!r} is not known; one of {', '.join(_KINDS)} is expected.")
    index: Index = _KINDS[kind].load(settings, sections)
    return index


def _graph(metric: Metric, sparse: bool) -> HNSWIndex:
    """A graph is approximate: nothing else stands in for it unasked, and it for nothing else."""
    if sparse or metric.native is None:
        what = "sparse rows" if sparse else f"metric={metric.name!r}"
        raise ParameterError(
            f"algorithm='hnsw' cannot serve {what}; it takes dense rows and the metrics euclidean, "
            "sqeuclidean, cosine and inner_product. algorithm='brute' takes them all."
        )
    return HNSWIndex(metric.formula)


def _fresh(pattern: Any, metric: Metric) -> Index:
    if not isinstance(pattern, Index):
        raise ParameterTypeError(
            f"algorithm is a {type(pattern).__name__}; {', '.join(_ALGORITHMS)} or an index object works."
        )
    if pattern.metric not in (metric.name, metric.formula):
        raise ParameterError(
            f"algorithm={type(pattern).__name__} measures {pattern.metric!r}, but metric is {metric.name!r}: "
            "give both the same metric."
        )
    return copy.copy(pattern)


def _refuse_tree(algorithm: str, metric: Metric) -> None:
    """scikit-learn's refusals, in its words."""
    from sklearn.neighbors import VALID_METRICS

    if metric.function is not None and metric.effective != "pyfunc":
        if algorithm == "kd_tree":
            raise ParameterError(
                f"kd_tree does not support callable metric '{metric.effective}'; use algorithm='ball_tree' "
                "or 'brute'."
            )
    elif isinstance(metric.effective, str) and metric.effective not in VALID_METRICS[algorithm]:
        raise ParameterError(
            f"Metric '{metric.effective}' not valid. Use "
            f"sorted(sklearn.neighbors.VALID_METRICS['{algorithm}']) to get valid options. "
            "Metric can also be a callable function."
        )
    if metric.formula != "minkowski":
        return
    if metric.arguments["p"] < 1:
        raise ParameterError(
            f'algorithm="{algorithm}" does not support 0 < p < 1 for the Minkowski metric. To resolve this '
            'problem either set p >= 1 or algorithm="brute".'
        )
    if algorithm == "kd_tree" and metric.arguments.get("w") is not None:
        raise ParameterError(
            "algorithm='kd_tree' is not valid for metric='minkowski' with a weight parameter 'w': try "
            "algorithm='ball_tree' or algorithm='brute' instead."
        )
