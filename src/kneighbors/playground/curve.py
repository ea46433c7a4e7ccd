# SPDX-License-Identifier: Apache-2.0
"""The leave-one-out error over every k: each point is asked for by all the others."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from .. import vote
from ..errors import DataError
from .fitting import Recent, estimator
from .state import State

__all__ = ["curve", "error_at"]

_EVERY = 128
"""Up to here every k is shown; beyond, each is a few percent more than the one before."""

_CURVES: Recent[dict[str, Any]] = Recent(12)


def curve(state: State) -> dict[str, Any]:
    """Errors of leave-one-out, from one search.

    Returns
    -------
    dict
        ``ks``; ``errors``: the share of points that the others misjudge, or, in a regression, the share of
        the variance that is left unexplained; ``best``: the k of the smallest error, the largest such k,
        since it is the smoothest.

    Raises
    ------
    DataError
        Fewer than two points.
    """
    n_points = len(state.points)
    if n_points < 2:
        raise DataError("Leave-one-out needs two points or more; add some.")
    key = msgspec.json.encode(msgspec.structs.replace(state, n_neighbors=1))
    known = _CURVES.get(key)
    if known is not None:
        return known
    ks = _ks(n_points - 1)
    distances, ids = estimator(state).kneighbors(None, int(ks[-1]))
    errors = [_error(state, distances[:, :k], ids[:, :k]) for k in ks.tolist()]
    smallest = min(errors)
    best = int(ks[max(place for place, error in enumerate(errors) if error == smallest)])
    return _CURVES.put(key, {"ks": ks.tolist(), "errors": errors, "best": best})


def error_at(state: State) -> float:
    """The leave-one-out error of the state's own k, or of the largest there is."""
    k = min(state.n_neighbors, len(state.points) - 1)
    if k < 1:
        raise DataError("Leave-one-out needs two points or more; add some.")
    distances, ids = estimator(state).kneighbors(None, k)
    return _error(state, distances, ids)


def _ks(most: int) -> NDArray[np.int64]:
    every = np.arange(1, min(most, _EVERY) + 1)
    if most <= _EVERY:
        return every
    beyond = np.unique(np.round(np.geomspace(_EVERY, most, 60)).astype(np.int64))
    return np.union1d(every, beyond)


def _error(state: State, distances: NDArray[np.float64], ids: NDArray[np.int64]) -> float:
    labels = state.labels
    weights = vote.neighbour_weights(np.ascontiguousarray(distances), state.weights)
    if state.task == "classification":
        classes = np.unique(labels)
        codes = np.searchsorted(classes, labels)
        return float(np.mean(vote.winners(codes[ids], weights, len(classes)) != codes))
    means = vote.mean_targets(labels[ids][:, :, None], weights)[:, 0]
    spread = float(np.sum((labels - labels.mean()) ** 2))
    return float(np.sum((labels - means) ** 2)) / (spread or 1.0)
