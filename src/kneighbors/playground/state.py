# SPDX-License-Identifier: Apache-2.0
"""What is on screen, as one checked value.

Everything the page sends passes through here: unknown fields, wrong types, numbers that are not finite and
sizes beyond the limits are refused before anything is computed.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ..errors import DataError, ParameterError
from ..parameters import ALGORITHMS, REDUCTIONS, SCALINGS

__all__ = [
    "MAX_CELLS",
    "MAX_CLASSES",
    "MAX_NOISE",
    "MAX_POINTS",
    "METRICS",
    "Place",
    "State",
    "View",
    "check_view",
    "decode",
]

MAX_POINTS = 2000
MAX_CLASSES = 10
MAX_NOISE = 64
MAX_CELLS = 130_000
"""Cells of one grid: 400 x 325, more than a screen needs."""

METRICS = ("euclidean", "manhattan", "chebyshev", "minkowski", "cosine", "mahalanobis")

_FARTHEST = 1e12
Coordinate = Annotated[float, Meta(ge=-_FARTHEST, le=_FARTHEST)]
View = tuple[Coordinate, Coordinate, Coordinate, Coordinate]
Place = tuple[Coordinate, Coordinate]


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Points and settings; the names and defaults are the estimators'.

    Attributes
    ----------
    points : list of (x, y, label)
        The label is a class, 0 to 9, or the target of a regression.
    task : {"classification", "regression"}
    n_neighbors, weights, metric, p, scale, algorithm, reduce, random_state
        As the estimators take them; ``reduce`` brings all columns down to two.
    noise : int
        Columns of seeded noise beside x and y.
    """

    points: Annotated[list[tuple[Coordinate, Coordinate, Coordinate]], Meta(max_length=MAX_POINTS)] = []
    task: Literal["classification", "regression"] = "classification"
    n_neighbors: Annotated[int, Meta(ge=1, le=MAX_POINTS)] = 5
    weights: Literal["uniform", "distance"] = "uniform"
    metric: str = "euclidean"
    p: Annotated[float, Meta(ge=1, le=32)] = 2.0
    scale: str | None = None
    algorithm: str = "auto"
    reduce: str | None = None
    noise: Annotated[int, Meta(ge=0, le=MAX_NOISE)] = 0
    random_state: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0

    def __post_init__(self) -> None:
        _one_of("metric", self.metric, METRICS)
        _one_of("algorithm", self.algorithm, ALGORITHMS)
        if self.scale is not None:
            _one_of("scale", self.scale, SCALINGS)
        if self.reduce is not None:
            _one_of("reduce", self.reduce, REDUCTIONS)
        if self.task == "classification":
            for row, (_, _, label) in enumerate(self.points):
                if label != int(label) or not 0 <= label < MAX_CLASSES:
                    raise DataError(
                        f"points[{row}] has the label {label:g}; a class is a whole number from 0 to "
                        f"{MAX_CLASSES - 1}. Choose the regression task for other values.",
                        row=row,
                    )

    @property
    def xy(self) -> NDArray[np.float64]:
        """The places of the points, of shape (n, 2)."""
        return np.array([point[:2] for point in self.points], dtype=np.float64).reshape(-1, 2)

    @property
    def labels(self) -> NDArray[Any]:
        """Classes as int64, or targets as float64, of shape (n,)."""
        values = np.array([point[2] for point in self.points], dtype=np.float64)
        return values.astype(np.int64) if self.task == "classification" else values

    @property
    def columns(self) -> NDArray[np.float64]:
        """x, y and the noise beside them, of shape (n, 2 + noise).

        Noise has half the spread of x and y, on average, and its first rows do not depend on how many
        follow.
        """
        xy = self.xy
        if not self.noise or not len(xy):
            return xy
        generator = np.random.default_rng(self.random_state)
        return np.column_stack([xy, generator.normal(0.0, self.noise_spread, (len(xy), self.noise))])

    @property
    def noise_spread(self) -> float:
        """The standard deviation of a column of noise."""
        return round(0.5 * float(self.xy.std(axis=0).mean()), 6) or 0.5

    def queries(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places of shape (m, 2) as queries: in the middle of every column of noise, which is 0."""
        places = np.ascontiguousarray(places, dtype=np.float64)
        if not self.noise:
            return places
        return np.column_stack([places, np.zeros((len(places), self.noise))])


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ParameterError(f"{name}={value!r} was given; expected one of {', '.join(known)}.")


_Kind = TypeVar("_Kind")


def decode(body: bytes, kind: type[_Kind]) -> _Kind:
    """A checked value from JSON.

    Raises
    ------
    DataError
        No JSON, or values out of their limits; the message names the field.
    ParameterError
        A setting that is not known.

    Examples
    --------
    >>> decode(b'{"points": [[0, 1, 2]], "n_neighbors": 1}', State).labels
    array([2])
    >>> decode(b'{"n_neighbors": 0}', State)
    Traceback (most recent call last):
    kneighbors.errors.DataError: Expected `int` >= 1 - at `$.n_neighbors`
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, (DataError, ParameterError)):  # raised by a struct's own check
            raise error.__cause__ from None
        found = re.search(r"points\[(\d+)\]", str(error))
        raise DataError(str(error), row=int(found[1]) if found else None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"The request is no JSON that can be read: {error}") from None


def check_view(view: View) -> View:
    """The window (x0, x1, y0, y1) of the plane, if it has a width and a height."""
    x0, x1, y0, y1 = view
    smallest = 1e-9 * max(1.0, *(abs(value) for value in view))
    if not (x1 - x0 > smallest and y1 - y0 > smallest):
        raise DataError(f"view={list(view)} was given; expected x0 < x1 and y0 < y1.")
    return view
