# SPDX-License-Identifier: Apache-2.0
"""Data to start from. Each preset is a seeded recipe for points, with the settings that show its point best.

Coordinates are rounded to five significant digits of their span, so that a state fits into an address and
comes back from it as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from .state import View

__all__ = ["ASPECT", "PRESETS", "Preset", "load", "view_of"]

ASPECT = 1.2
"""Width of the plane by its height."""

Floats = NDArray[np.float64]


class Preset(NamedTuple):
    """A recipe and its words.

    Attributes
    ----------
    title, note : str
        What it is called, and what to look for.
    make : callable
        From a generator to places (n, 2) and labels (n,).
    settings : dict
        Fields of the state that differ from its defaults.
    axes : tuple of str
        What x and y are.
    """

    title: str
    note: str
    make: Callable[[np.random.Generator], tuple[Floats, Any]]
    settings: Mapping[str, Any] = MappingProxyType({})
    axes: tuple[str, str] = ("x", "y")


def _blobs(generator: np.random.Generator) -> tuple[Floats, Any]:
    centres = np.array([[-1.6, -0.9], [1.5, -1.1], [0.1, 1.5]])
    labels = np.arange(150) % 3
    return centres[labels] + 0.72 * generator.standard_normal((150, 2)), labels


def _moons(generator: np.random.Generator) -> tuple[Floats, Any]:
    labels = np.arange(160) % 2
    angle = generator.uniform(0.0, np.pi, 160)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1.0 - np.cos(angle), 0.45 - np.sin(angle)])
    return np.where(labels[:, None] == 0, upper, lower) + 0.19 * generator.standard_normal((160, 2)), labels


def _xor(generator: np.random.Generator) -> tuple[Floats, Any]:
    places = generator.uniform(-1.0, 1.0, (180, 2))
    labels = (places[:, 0] * places[:, 1] > 0).astype(int)
    return places + 0.07 * generator.standard_normal((180, 2)), labels


def _spiral(generator: np.random.Generator) -> tuple[Floats, Any]:
    labels = np.arange(210) % 3
    turn = generator.uniform(0.12, 1.0, 210)
    angle = 4.4 * turn + labels * (2 * np.pi / 3)
    places = np.column_stack([turn * np.cos(angle), turn * np.sin(angle)])
    return places + 0.035 * generator.standard_normal((210, 2)), labels


def _sparse(generator: np.random.Generator) -> tuple[Floats, Any]:
    places = generator.uniform(-1.0, 1.0, (14, 2))
    return places, (places[:, 0] + 0.6 * places[:, 1] > 0).astype(int)


def _imbalanced(generator: np.random.Generator) -> tuple[Floats, Any]:
    many = generator.standard_normal((150, 2)) * [1.1, 0.9]
    few = np.array([1.35, 0.9]) + 0.33 * generator.standard_normal((12, 2))
    return np.vstack([many, few]), np.repeat([0, 1], [150, 12])


def _unscaled(generator: np.random.Generator) -> tuple[Floats, Any]:
    income = generator.uniform(0.0, 100_000.0, 140)
    ratio = generator.uniform(0.0, 1.0, 140)
    labels = (ratio > 0.5 + 0.18 * np.sin(income / 12_000.0)).astype(int)
    return np.column_stack([income, ratio]), labels


def _conflict(generator: np.random.Generator) -> tuple[Floats, Any]:
    across, up = np.meshgrid(np.linspace(-1.0, 1.0, 6), np.linspace(-0.8, 0.8, 5))
    places = np.column_stack([across.ravel(), up.ravel()])
    labels = (places[:, 0] > 0).astype(int)
    twice = generator.choice(len(places), 14, replace=False)
    return np.vstack([places, places[twice]]), np.concatenate([labels, 1 - labels[twice]])


def _surface(generator: np.random.Generator) -> tuple[Floats, Any]:
    places = generator.uniform(-1.0, 1.0, (170, 2)) * [1.2, 1.0]
    height = np.sin(2.6 * places[:, 0]) * np.cos(2.2 * places[:, 1]) + 0.45 * places[:, 0]
    return places, np.round(height + 0.08 * generator.standard_normal(170), 3)


def _bundled(name: str) -> Any:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")()


def _digits(generator: np.random.Generator) -> tuple[Floats, Any]:
    from sklearn.decomposition import PCA

    digits = _bundled("digits")
    projected = PCA(2, svd_solver="full").fit_transform(digits.data)
    chosen = generator.permutation(len(projected))[:420]
    return projected[chosen], digits.target[chosen]


def _iris(generator: np.random.Generator) -> tuple[Floats, Any]:
    iris = _bundled("iris")
    return iris.data[:, [2, 3]], iris.target


def _wine(generator: np.random.Generator) -> tuple[Floats, Any]:
    wine = _bundled("wine")
    return wine.data[:, [12, 10]], wine.target


def _tumours(generator: np.random.Generator) -> tuple[Floats, Any]:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    cancer = _bundled("breast_cancer")
    projected = PCA(2, svd_solver="full").fit_transform(StandardScaler().fit_transform(cancer.data))
    chosen = generator.permutation(len(projected))[:300]
    return projected[chosen], 1 - cancer.target[chosen]


def _diabetes(generator: np.random.Generator) -> tuple[Floats, Any]:
    diabetes = _bundled("diabetes")
    return 100.0 * diabetes.data[:, [2, 8]], diabetes.target


PRESETS: dict[str, Preset] = {
    "moons": Preset("Moons", "Two bent clouds that no straight line parts.", _moons, {"n_neighbors": 7}),
    "blobs": Preset("Blobs", "Three round clouds: almost any k will do.", _blobs),
    "xor": Preset("XOR", "Opposite corners agree. Each column alone tells nothing.", _xor),
    "spiral": Preset("Spiral", "Three arms. Local structure is all there is.", _spiral, {"n_neighbors": 3}),
    "sparse": Preset(
        "Sparse", "Fourteen points: with k = 1 the cells of each are bare.", _sparse, {"n_neighbors": 1}
    ),
    "imbalanced": Preset(
        "Unequal", "150 against 12. Raise k and the few are voted away.", _imbalanced, {"n_neighbors": 3}
    ),
    "unscaled": Preset(
        "Unscaled",
        "One column runs to 100,000, the other to 1: only the first is heard, until you scale.",
        _unscaled,
        {"n_neighbors": 7},
        ("income", "ratio"),
    ),
    "conflict": Preset(
        "Twins",
        "Equal points, different labels: ties, drawn hatched.",
        _conflict,
        {"n_neighbors": 2},
    ),
    "surface": Preset(
        "Surface",
        "A value instead of a class: the mean of the neighbours.",
        _surface,
        {"task": "regression", "n_neighbors": 6},
    ),
    "digits": Preset(
        "Digits",
        "420 handwritten digits on their two main directions.",
        _digits,
        {"n_neighbors": 9},
        ("first direction", "second direction"),
    ),
    "iris": Preset(
        "Iris",
        "150 flowers by their petals.",
        _iris,
        {"n_neighbors": 5},
        ("petal length, cm", "petal width, cm"),
    ),
    "wine": Preset(
        "Wine", "178 wines, by two columns of unlike scale.", _wine, {"n_neighbors": 5}, ("proline", "hue")
    ),
    "tumours": Preset(
        "Tumours",
        "300 tumours, 30 measurements on their two main directions.",
        _tumours,
        {"n_neighbors": 9},
        ("first direction", "second direction"),
    ),
    "diabetes": Preset(
        "Diabetes",
        "442 patients: the disease a year on, from two measurements.",
        _diabetes,
        {"task": "regression", "n_neighbors": 25},
        ("body mass index, scaled", "serum s5, scaled"),
    ),
}


def load(name: str, random_state: int = 0) -> dict[str, Any]:
    """The points of a preset, the window that holds them, and the settings that suit it.

    Examples
    --------
    >>> sorted(load("sparse"))
    ['axes', 'note', 'points', 'settings', 'title', 'view']
    """
    if name not in PRESETS:
        raise ParameterError(f"preset={name!r} was given; expected one of {', '.join(PRESETS)}.")
    preset = PRESETS[name]
    places, labels = preset.make(np.random.default_rng(random_state))
    places = rounded(places)
    view = view_of(places)
    return {
        "title": preset.title,
        "note": preset.note,
        "points": [[float(x), float(y), float(label)] for (x, y), label in zip(places, labels, strict=True)],
        "view": view,
        "settings": dict(preset.settings),
        "axes": preset.axes,
    }


def rounded(places: Floats) -> Floats:
    """Each column to five significant digits of its span."""
    columns = []
    for column in places.T:
        span = float(np.ptp(column)) or max(1.0, float(np.abs(column).max(initial=0.0)))
        columns.append(np.round(column, 4 - int(np.floor(np.log10(span)))))
    return np.column_stack(columns) + 0.0  # no -0.0


def view_of(places: Floats) -> View:
    """A window with room around the points, in the plane's shape.

    One unit is as long across as up where the columns are of like scale, so that a circle looks like one.
    """
    low, high = places.min(axis=0), places.max(axis=0)
    spans = high - low
    spans[spans <= 1e-9 * np.maximum(1.0, np.abs(high))] = 1.0
    middle, spans = 0.5 * (low + high), 1.16 * spans
    if max(spans[0] / spans[1], spans[1] / spans[0]) < 6.0:
        up = max(spans[1], spans[0] / ASPECT)
        spans = np.array([up * ASPECT, up])
    edges = rounded(np.stack([middle - 0.5 * spans, middle + 0.5 * spans]))
    return float(edges[0, 0]), float(edges[1, 0]), float(edges[0, 1]), float(edges[1, 1])
