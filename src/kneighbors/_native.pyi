# SPDX-License-Identifier: Apache-2.0
"""The native core: exact scans over panels, projections, and the thread pool behind them.

Arrays are C-contiguous; ids are row numbers; every distance is float64 in the documented summation order.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatRows = NDArray[np.float32] | NDArray[np.float64]

class FlatScan:
    """Exact search over all rows: a float32 screen with a proven bound, then an exact float64 re-rank.

    The rows are kept by reference, never copied or written; panels (the screening copy) are built once.
    Order of answers: (float64 distance, row id).
    """

    def __init__(
        self,
        rows: FloatRows,
        metric: Literal["sqeuclidean", "inner_product", "cosine"],
        n_threads: int = 1,
        codec: Literal["int8", "float32"] | None = None,
        added: FloatRows | None = None,
        is_mapped: bool = False,
    ) -> None:
        """``codec``: what the panels hold. None takes int8, or float32 where codes cannot tell rows apart.

        ``added`` are further rows, whose ids go on from those of ``rows``. ``is_mapped`` says that ``rows``
        is a read-only mapping of a file: pages are let go once they are packed.
        """
    def grown(self, added: FloatRows, n_threads: int = 1) -> FlatScan:
        """A scan of the same first rows and of ``added``, which starts with what was added before.

        Packs only what is new, unless sampled survivors have doubled. This scan goes on to answer as it did.
        """
    @property
    def n_rows(self) -> int: ...
    @property
    def n_columns(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def codec(self) -> str:
        """What the panels hold: "int8" or "float32"."""
    @property
    def rotated(self) -> bool:
        """Whether the panels hold rotated rows."""
    @property
    def n_renewals(self) -> int:
        """How often growing has packed everything anew, in a new frame."""
    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves; what scans grown from one another share counts for each."""
    def search(
        self,
        queries: FloatRows,
        k: int,
        n_threads: int = 1,
        exclude: NDArray[np.int64] | None = None,
        allowed: NDArray[np.uint64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances and ids of the ``k`` nearest rows, each of shape (n_queries, k), nearest first.

        ``exclude`` names one row id per query that must not answer (-1: none). ``allowed`` holds one bit per
        row, lowest first, in one word per 64 rows: those that may answer. ``k`` must not exceed their number.
        Distances: squared Euclidean, -(q . x), or 1 - cos.
        """
    def search_radius(
        self,
        queries: FloatRows,
        radius: float,
        n_threads: int = 1,
        exclude: NDArray[np.int64] | None = None,
        allowed: NDArray[np.uint64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Offsets (n_queries + 1), distances and ids of all rows with distance <= radius, nearest first.

        ``radius`` is in the metric's own unit: squared for "sqeuclidean".
        """
    def scan_statistics(self) -> dict[str, float]:
        """Of the last search: candidates pushed and rows re-ranked, per query."""

def flat_memory_bytes(n_rows: int, n_columns: int, codec: Literal["int8", "float32"] | None = None) -> int:
    """Bytes that a FlatScan of this shape will hold beyond the rows themselves.

    None: the codec that rows of this width usually take. Rows that codes cannot tell apart take "float32".
    """

def pairwise_rows(
    queries: FloatRows,
    rows: FloatRows,
    metric: Literal["sqeuclidean", "inner_product", "cosine"],
    n_threads: int = 1,
) -> NDArray[np.float64]:
    """All float64 distances (n_queries, n_rows) in the documented summation order."""

class MetricScan:
    """Exact search over all rows by a metric that is no dot product: screened in tiles, measured in float64.

    The rows are kept by reference, never copied or written. Order of answers: (float64 distance, row id), NaN
    last. ``docs/algorithms/metric-scan.md`` defines every distance.
    """

    def __init__(
        self,
        rows: FloatRows,
        metric: str,
        power: float = 0.0,
        weights: NDArray[np.float64] | None = None,
        n_threads: int = 1,
        screen: Literal["int8", "float32"] | None = None,
        added: FloatRows | None = None,
    ) -> None:
        """``power`` and ``weights`` are minkowski's. ``screen``: None lets it be chosen.

        ``metric`` is "manhattan", "chebyshev", "minkowski", "hamming", "canberra", "braycurtis", "haversine"
        (angles up to 2**20), "nan_euclidean", "jaccard", "dice", "rogerstanimoto", "russellrao" or
        "sokalsneath".
        """
    @property
    def n_rows(self) -> int: ...
    @property
    def n_columns(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def screen(self) -> str:
        """What the panels hold: "float32", "int8" (byte codes) or "bits"."""
    @property
    def memory_bytes(self) -> int:
        """Bytes held beyond the rows themselves."""
    def search(
        self,
        queries: FloatRows,
        k: int,
        n_threads: int = 1,
        exclude: NDArray[np.int64] | None = None,
        allowed: NDArray[np.uint64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances and ids of the ``k`` nearest rows, each of shape (n_queries, k), nearest first.

        ``exclude`` names one row id per query that must not answer (-1: none); bit ``id % 64`` of word
        ``id // 64`` of ``allowed`` says whether a row may answer. ``k`` must not exceed the rows that may.
        """
    def search_radius(
        self,
        queries: FloatRows,
        radius: float,
        n_threads: int = 1,
        exclude: NDArray[np.int64] | None = None,
        allowed: NDArray[np.uint64] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Offsets (n_queries + 1), distances and ids of all rows with distance <= radius, nearest first."""
    def scan_statistics(self) -> dict[str, float]:
        """Of the last search: candidates gathered and rows measured exactly, per query."""

def metric_memory_bytes(n_rows: int, n_columns: int, metric: str) -> int:
    """Bytes that a MetricScan will hold beyond the rows themselves, as far as their shape tells."""

def measure_rows(
    queries: FloatRows,
    rows: FloatRows,
    metric: str,
    power: float = 0.0,
    weights: NDArray[np.float64] | None = None,
    n_threads: int = 1,
) -> NDArray[np.float64]:
    """All float64 distances (n_queries, n_rows) of a metric that a MetricScan takes."""

class SignProjection:
    """Random signs, ``x R / sqrt(target_dim)``: docs/algorithms/projections.md says each rounding."""

    def __init__(self, seed: int, input_dim: int, target_dim: int) -> None: ...
    @property
    def input_dim(self) -> int: ...
    @property
    def target_dim(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    def transform(self, rows: FloatRows, n_threads: int = 1) -> FloatRows:
        """Projected rows (n, target_dim) of the same dtype; OverflowError where one leaves its range."""

class HadamardProjection:
    """Random signs, a Walsh-Hadamard transform, sampled positions: fast Johnson-Lindenstrauss."""

    def __init__(self, seed: int, input_dim: int, target_dim: int) -> None: ...
    @property
    def input_dim(self) -> int: ...
    @property
    def target_dim(self) -> int: ...
    @property
    def padded_dim(self) -> int:
        """The power of two that the transform works on."""
    @property
    def sampled(self) -> NDArray[np.int64]:
        """Positions kept, ascending, of shape (target_dim,)."""
    @property
    def memory_bytes(self) -> int: ...
    def transform(self, rows: FloatRows, n_threads: int = 1) -> FloatRows:
        """Projected rows (n, target_dim) of the same dtype; OverflowError where one leaves its range."""

class LinearProjection:
    """``(x - mean) components^T`` in float64, in the documented summation order, rounded to the rows' dtype.

    ``mean`` has shape (input_dim,), ``components`` (target_dim, input_dim), both float64; they are copied.
    """

    def __init__(self, mean: NDArray[np.float64], components: NDArray[np.float64]) -> None: ...
    @property
    def input_dim(self) -> int: ...
    @property
    def target_dim(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    def transform(self, rows: FloatRows, n_threads: int = 1) -> FloatRows:
        """Projected rows (n, target_dim) of the same dtype; OverflowError where one leaves its range."""

class BoxTree:
    """A k-d tree of eight-way boxes over a copy of the rows. Values are squared for "sqeuclidean".

    ``metric`` is "sqeuclidean", "manhattan" or "chebyshev". ``allowed`` holds one byte per row: 0 where it
    must not answer. ``exclude`` holds one row number per query, -1 for none.
    """

    def __init__(self, rows: FloatRows, n_threads: int = 1) -> None: ...
    def search(
        self,
        rows: FloatRows,
        queries: FloatRows,
        k: int,
        metric: str,
        n_threads: int = 1,
        exclude: NDArray[np.int64] | None = None,
        allowed: NDArray[np.uint8] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The k nearest rows of each query, nearest first; ``rows`` are those the tree was built from."""
    def search_radius(
        self,
        queries: FloatRows,
        limit: float,
        metric: str,
        n_threads: int = 1,
        exclude: NDArray[np.int64] | None = None,
        allowed: NDArray[np.uint8] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Every row at most ``limit`` away, nearest first: offsets, values, row numbers."""
    def trace(
        self, query: FloatRows, k: int, metric: str, allowed: NDArray[np.uint8] | None = None
    ) -> list[int]:
        """The nodes, and the leaves as ``~leaf``, that one query opens, in order."""
    def boxes(
        self, most_depth: int, most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Boxes level by level: (node or ~leaf, depth, rows below), lowest and highest corners."""
    @property
    def n_columns(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def n_nodes(self) -> int: ...
    @property
    def n_leaves(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

class Graph:
    """A navigable graph over rows that the caller keeps, in one part or two (``added``), and shows again.

    ``metric`` is "sqeuclidean", "inner_product" or "cosine"; values are as the scan's. Places number the
    rows.
    """

    def __init__(
        self,
        metric: Literal["sqeuclidean", "inner_product", "cosine"],
        n_columns: int,
        degree: int = 32,
        build_width: int = 80,
        slack: float = 1.2,
    ) -> None: ...
    def add(
        self,
        rows: FloatRows,
        places: NDArray[np.int64],
        n_threads: int = 1,
        added: FloatRows | None = None,
    ) -> None:
        """The rows at these places join; the graph is the same for any number of threads."""
    def remove(self, places: NDArray[np.int64], n_threads: int = 1) -> None:
        """Rows that are walked over no more; ValueError where one is not there, and nothing is removed."""
    def search(
        self,
        rows: FloatRows,
        queries: FloatRows,
        k: int,
        width: int,
        n_threads: int = 1,
        exclude: NDArray[np.int64] | None = None,
        allowed: NDArray[np.uint64] | None = None,
        added: FloatRows | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], dict[str, int]]:
        """Values and places of shape (n_queries, k), and what the walks "expanded", "estimated", measured
        ("exact"). ``allowed`` holds a bit per place, ``exclude`` a place per query (-1: none).
        """
    def trace(self, query: FloatRows, width: int) -> list[int]:
        """The places that one walk goes from, in order."""
    def state(self) -> dict[str, Any]:
        """Everything but the rows, by name: the arguments of ``restore``."""
    def restore(
        self,
        codes: NDArray[np.uint8],
        links: NDArray[np.int32],
        places: NDArray[np.int64],
        starts: NDArray[np.int32],
        dead: NDArray[np.uint8],
        layers: NDArray[np.int32],
        layer_sizes: NDArray[np.int64],
        center: NDArray[np.float64],
        exponent: int,
        largest_norm: float,
    ) -> None:
        """Take what ``state`` gave; ValueError where it contradicts itself."""
    def n_unreachable(self) -> int:
        """Rows that no walk can reach."""
    @property
    def n_nodes(self) -> int: ...
    @property
    def n_columns(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def degree(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

def random_words(seed: int, stream: int, row: int, first: int, count: int) -> NDArray[np.uint32]:
    """Words ``first`` to ``first + count - 1`` of a row of the counter-based generator (Philox-4x32-10)."""

def instruction_set() -> str:
    """Name of the instruction set in use: "avx512", "avx2", "x86-64-v2", "neon" or "scalar"."""

def instruction_sets() -> list[str]:
    """Names of the instruction sets that this CPU can run, best first."""

def set_instruction_set(name: str) -> None: ...
def get_num_threads() -> int:
    """The most threads a call may use: a limit other tools may set."""

def set_num_threads(n_threads: int) -> None: ...
