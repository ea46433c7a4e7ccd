# SPDX-License-Identifier: Apache-2.0
"""The data that is measured: built offline, seeded, cached as ``.npy`` under ``benchmarks/.cache``.

===============  =================  ==========================================================================
name             rows x columns     what
===============  =================  ==========================================================================
``pixels60k``    60,000 x 784       28 x 28 grey patches of scikit-learn's two sample photographs
``text50k``      about 50,000 x 384 TF-IDF and TruncatedSVD of docstring paragraphs (``text.py``)
``rgb3d``        263,280 x 3        pixels of one photograph: few values, so many tied distances
``clustered1m``  1,000,000 x 128    a Gaussian mixture whose columns have decaying scales
``normal16``     100,000 x 16       independent standard normal numbers
``normal2``      100,000 x 2        the same, narrower; ``normal3`` and ``normal8`` too
``normal64``     100,000 x 64       the same, wider
``table500k``    500,000 x 54       10 numeric and 44 yes/no columns of a landscape, 7 classes
===============  =================  ==========================================================================

Every set holds ``rows`` and 10,000 ``queries`` (fewer where the text runs out), float32, and no query is one
of the rows by construction (values may still coincide, in ``rgb3d`` often). ``pixels60k`` and ``table500k``
have labels. ``python -m benchmarks.data`` builds them all; a change of a formula raises ``VERSION``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUILDERS", "CACHE", "Dataset", "clustered", "normal", "patches", "pixel_colours", "table"]

CACHE = Path(__file__).parent / ".cache"
VERSION = 1

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Rows to search and queries to ask.

    Attributes
    ----------
    rows : ndarray of shape (n, d), float32
    queries : ndarray of shape (q, d), float32
    note : str
        What a reader of a result must know about the data.
    labels, query_labels : ndarray of shape (n,) and (q,), int64, or None
        Classes, where the set has them.
    """

    rows: Floats
    queries: Floats
    note: str
    labels: Labels | None = None
    query_labels: Labels | None = None


def patches(n_rows: int = 60_000, n_queries: int = 10_000, side: int = 28, seed: int = 0) -> Dataset:
    """Square grey patches of scikit-learn's two sample photographs, at distinct random positions.

    Grey is 0.299 red + 0.587 green + 0.114 blue, not rounded, in 0 to 255. Positions of rows and queries are
    distinct, but patches overlap. The label says photograph and which fifth of its height the patch lies in:
    10 classes, since photographs have no classes of their own.
    """
    from sklearn.datasets import load_sample_images

    images = load_sample_images().images
    weights = np.array([0.299, 0.587, 0.114])
    grey = [(image @ weights).astype(np.float32) for image in images]
    windows = [np.lib.stride_tricks.sliding_window_view(image, (side, side)) for image in grey]
    counts = [window.shape[0] * window.shape[1] for window in windows]
    wanted = n_rows + n_queries
    chosen = np.random.default_rng(seed).permutation(sum(counts))[:wanted]
    values = np.empty((wanted, side * side), np.float32)
    labels = np.empty(wanted, np.int64)
    first = 0
    for number, (window, count) in enumerate(zip(windows, counts, strict=True)):
        here = np.flatnonzero((chosen >= first) & (chosen < first + count))
        top, left = np.divmod(chosen[here] - first, window.shape[1])
        values[here] = window[top, left].reshape(len(here), -1)
        labels[here] = number * 5 + top * 5 // window.shape[0]
        first += count
    return Dataset(
        values[:n_rows],
        values[n_rows:],
        f"{n_rows:,} grey patches of {side} x {side} pixels from 2 photographs, labelled by place",
        labels[:n_rows],
        labels[n_rows:],
    )


def pixel_colours(n_queries: int = 10_000, seed: int = 0) -> Dataset:
    """All pixels of ``china.jpg`` as red, green, blue in 0 to 255; a random ``n_queries`` of them ask."""
    from sklearn.datasets import load_sample_image

    colours = load_sample_image("china.jpg").reshape(-1, 3).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(colours))
    n_distinct = len(np.unique(colours, axis=0))
    return Dataset(
        colours[order[n_queries:]],
        colours[order[:n_queries]],
        f"{len(colours):,} pixels of {n_distinct:,} distinct colours: most distances are tied",
    )


def clustered(
    n_rows: int = 1_000_000,
    n_columns: int = 128,
    n_queries: int = 10_000,
    n_clusters: int = 1_000,
    seed: int = 0,
) -> Dataset:
    """A Gaussian mixture whose columns have decaying scales, as after a rotation to principal axes.

    With s_j = 1 / sqrt(1 + j) for column j = 0 .. d - 1, and independent standard normal g and h:
    centre c of cluster z is c_zj = 2 s_j g_zj, and a row of cluster z is x_j = c_zj + s_j h_j, with z
    uniform.
    """
    random = np.random.default_rng(seed)
    scales = (1.0 / np.sqrt(1.0 + np.arange(n_columns))).astype(np.float32)
    centres = 2.0 * scales * random.standard_normal((n_clusters, n_columns), dtype=np.float32)

    def draw(count: int) -> Floats:
        values = random.standard_normal((count, n_columns), dtype=np.float32)
        for start in range(0, count, 65_536):  # in blocks: no second matrix of full size
            block = values[start : start + 65_536]
            block *= scales
            block += centres[random.integers(0, n_clusters, len(block))]
        return values

    rows, queries = draw(n_rows), draw(n_queries)
    return Dataset(rows, queries, f"{n_clusters:,} Gaussian clusters, column scales 1 / sqrt(1 + j)")


def normal(n_rows: int, n_columns: int, n_queries: int = 10_000, seed: int = 0) -> Dataset:
    """Independent standard normal numbers: no structure to exploit."""
    random = np.random.default_rng(seed)
    return Dataset(
        random.standard_normal((n_rows, n_columns), dtype=np.float32),
        random.standard_normal((n_queries, n_columns), dtype=np.float32),
        "independent standard normal numbers",
    )


def table(n_rows: int = 500_000, n_queries: int = 10_000, seed: int = 0) -> Dataset:
    """A made-up landscape in the manner of a forest-cover table: mixed scales, 7 classes.

    Each row is a place (u, v) uniform in the unit square. 16 smooth fields, sums of eight random plane waves,
    give 10 whole-number columns with ranges from 66 (slope) to 7,173 (distances), 40 soils (one-hot; the
    nearest of 40 sites in u, v and height) and 4 areas (one-hot; the nearest of 4 sites in u, v). The class
    is the largest of 7 further fields, two of them favoured by height, after Gumbel noise.
    """
    random = np.random.default_rng(seed)
    n_places = n_rows + n_queries
    place = random.random((n_places, 2))

    def field(waves: int = 8) -> NDArray[np.float64]:
        frequencies = random.normal(0.0, 9.0, (2, waves))
        heights = np.cos(place @ frequencies + random.uniform(0, 2 * np.pi, waves)) @ random.normal(
            size=waves
        )
        low, high = heights.min(), heights.max()
        return np.asarray((heights - low) / (high - low))

    ranges = [(1859, 3858), (0, 360), (0, 66), (0, 1397), (-173, 601), (0, 7117)]
    ranges += [(0, 254), (0, 254), (0, 254), (0, 7173)]
    numeric = [field() for _ in ranges]
    values = np.zeros((n_places, 54), np.float32)
    for column, (share, (low, high)) in enumerate(zip(numeric, ranges, strict=True)):
        jitter = random.normal(0.0, 0.01, n_places)  # so that neighbours in place are not equal rows
        values[:, column] = np.rint(low + np.clip(share + jitter, 0, 1) * (high - low))

    everyone = np.arange(n_places)
    areas = ((place[:, None, :] - random.random((4, 2))) ** 2).sum(2).argmin(1)
    values[everyone, 10 + areas] = 1
    sites, point = random.random((40, 3)), np.column_stack([place, numeric[0]])
    nearest = np.concatenate(
        [((part[:, None, :] - sites) ** 2).sum(2).argmin(1) for part in np.array_split(point, 64)]
    )
    values[everyone, 14 + nearest] = 1

    scores = np.stack([field() for _ in range(7)], axis=1)
    scores[:, 0] += 0.5 * numeric[0]
    scores[:, 1] += 0.5 * (1 - numeric[0])
    scores += 0.02 * random.gumbel(size=scores.shape)
    labels = scores.argmax(1).astype(np.int64)
    return Dataset(
        values[:n_rows],
        values[n_rows:],
        "10 numeric columns of ranges 66 to 7,173 and 44 yes/no columns, unscaled; 7 classes",
        labels[:n_rows],
        labels[n_rows:],
    )


def _text() -> Dataset:
    from .text import embeddings

    rows, queries, note = embeddings(50_000, 10_000)
    return Dataset(rows, queries, note)


BUILDERS: dict[str, Callable[[], Dataset]] = {
    "pixels60k": patches,
    "text50k": _text,
    "rgb3d": pixel_colours,
    "clustered1m": clustered,
    "normal2": lambda: normal(100_000, 2, seed=2),
    "normal3": lambda: normal(100_000, 3, seed=3),
    "normal8": lambda: normal(100_000, 8, seed=8),
    "normal16": lambda: normal(100_000, 16, seed=16),
    "normal64": lambda: normal(100_000, 64, seed=64),
    "table500k": table,
}
_ARRAYS = ("rows", "queries", "labels", "query_labels")


def path_of(name: str, part: str, cache: Path = CACHE) -> Path:
    """Where an array of a set lies, built or not."""
    return cache / f"{name}-v{VERSION}-{part}.npy"


def load(name: str, cache: Path = CACHE, build: Callable[[], Dataset] | None = None) -> Dataset:
    """The named set, memory-mapped from the cache; built first where it is not there.

    The note is written last, so an interrupted build is never taken for a finished one.
    """
    note_path = cache / f"{name}-v{VERSION}.json"
    if not note_path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        dataset = (build or BUILDERS[name])()
        for part in _ARRAYS:
            if (array := getattr(dataset, part)) is not None:
                temporary = cache / f"{name}-{part}-{os.getpid()}.tmp.npy"
                np.save(temporary, np.ascontiguousarray(array))
                temporary.replace(path_of(name, part, cache))
        temporary = cache / f"{name}-{os.getpid()}.tmp.json"
        temporary.write_text(json.dumps({"note": dataset.note}))
        temporary.replace(note_path)
    parts: dict[str, Any] = {
        part: np.load(path_of(name, part, cache), mmap_mode="r")
        if path_of(name, part, cache).exists()
        else None
        for part in _ARRAYS
    }
    return Dataset(note=json.loads(note_path.read_text())["note"], **parts)


def main() -> None:
    """Build what is asked for, or everything, and say what it is."""
    parser = argparse.ArgumentParser(description="build the benchmark data")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"among {', '.join(BUILDERS)}; all if none")
    names = parser.parse_args().names or list(BUILDERS)
    if unknown := [name for name in names if name not in BUILDERS]:
        parser.error(f"no such set: {', '.join(unknown)}; there are {', '.join(BUILDERS)}")
    for name in names:
        started = time.perf_counter()
        dataset = load(name)
        shape = f"{dataset.rows.shape[0]:,} x {dataset.rows.shape[1]}, {len(dataset.queries):,} queries"
        print(f"{name}: {shape}; {dataset.note} ({time.perf_counter() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
