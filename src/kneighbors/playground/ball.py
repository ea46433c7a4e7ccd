# SPDX-License-Identifier: Apache-2.0
"""The outline of everything that is at most so far from a place: a circle, a diamond, a wedge, an ellipse.

Its points are found by asking the engine for distances along rays from the place, and halving. Every metric
offered has balls that are star-shaped around their centre, so one crossing per ray is all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import pipeline
from ..estimators import NearestNeighbors
from .fitting import estimator
from .state import Place, State, View

__all__ = ["outline"]

_RAYS = 144
_HALVINGS = 26
_HOMOGENEOUS = ("euclidean", "manhattan", "chebyshev", "minkowski", "mahalanobis")


def outline(state: State, place: Place, radius: float, view: View) -> list[list[float]]:
    """The outline of the ball of this radius around the place, in data units, cut off outside the view.

    Parameters
    ----------
    state : State
    place : (x, y)
    radius : float
        In the metric's unit, after scaling; for instance the distance of the k-th neighbour.
    view : (x0, x1, y0, y1)

    Returns
    -------
    list of [x, y]
        144 corners of one polygon; none where the ball is a point, or where columns of noise or a reduction
        leave no picture in the plane.
    """
    if not radius > 0.0 or state.noise:
        return []
    x0, x1, y0, y1 = view
    # Directions are spread evenly as seen on screen, where the view is stretched to its frame.
    angles = np.arange(_RAYS) * (2.0 * np.pi / _RAYS)
    rays = np.column_stack([np.cos(angles) * (x1 - x0), np.sin(angles) * (y1 - y0)])
    farthest = 3.0
    measure = _distances_from(state, place)
    centre = np.array(place)
    if state.metric in _HOMOGENEOUS and state.scale != "unit":
        with np.errstate(divide="ignore"):
            reach = np.minimum(radius / measure(centre + rays), farthest)
    else:
        low, high = np.zeros(_RAYS), np.full(_RAYS, farthest)
        inside = measure(centre + farthest * rays) <= radius
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            within = measure(centre + middle[:, None] * rays) <= radius
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        reach = np.where(inside, farthest, low)
    corners: list[list[float]] = (centre + reach[:, None] * rays).tolist()
    return corners


def _distances_from(state: State, place: Place) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A function from places (m, 2) to their distances from ``place``, measured as the fitted model does."""
    fitted = estimator(state)
    model: pipeline.Model = fitted._model
    params: dict[str, Any] = {"metric": state.metric}
    if state.metric == "minkowski":
        params["p"] = state.p
    if state.metric == "mahalanobis":
        params["metric_params"] = {"V": _covariance(state, model)}
    centre = NearestNeighbors(n_neighbors=1, **params).fit(model.prepare(np.array([place], dtype=np.float64)))

    def measure(places: NDArray[np.float64]) -> NDArray[np.float64]:
        distances: NDArray[np.float64] = centre.kneighbors(model.prepare(np.ascontiguousarray(places)))[0][
            :, 0
        ]
        return distances

    return measure


def _covariance(state: State, model: pipeline.Model) -> NDArray[np.float64]:
    """The covariance of the rows as the model measures them."""
    covariance: NDArray[np.float64] = np.cov(np.asarray(model.rows, dtype=np.float64).T)
    return covariance
