# SPDX-License-Identifier: Apache-2.0
"""The curse of dimension, measured: useless columns make all distances alike, and then the vote is blind."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from ..errors import DataError
from .curve import error_at
from .fitting import Recent, estimator
from .state import State

__all__ = ["LADDER", "curse"]

LADDER = (0, 1, 2, 4, 8, 16, 32, 64)
_RESCUES = (None, "pca", "select")
_BINS = 48
_PAIRS_OF = 300
"""Points whose distances make the histogram; more change its shape little."""

_ERRORS: Recent[float] = Recent(256)


def curse(state: State) -> dict[str, Any]:
    """What noise beside x and y does.

    Returns
    -------
    dict
        ``noise``: numbers of columns of noise; ``errors``: for each rescue ("none", "pca", "select") the
        leave-one-out error at each; ``now``: the error with the state's own noise and rescue; ``histograms``:
        of distances between points by their mean, ``plain`` without noise and ``noisy`` as the state has it,
        each ``{"edges": [low, high], "shares": 48 numbers}``; ``contrast``: farthest by nearest distance,
        the median over points, for both.

    Raises
    ------
    DataError
        Fewer than three points.
    """
    if len(state.points) < 3:
        raise DataError("The distances of two points or fewer have no spread; add some.")
    errors: dict[str, list[float | None]] = {}
    for rescue in _RESCUES:
        errors[rescue or "none"] = [_error(state, noise, rescue) for noise in LADDER]
    plain, noisy = _distances(state, 0), _distances(state, state.noise)
    return {
        "noise": list(LADDER),
        "errors": errors,
        "now": _error(state, state.noise, state.reduce),
        "histograms": {"plain": _histogram(plain), "noisy": _histogram(noisy)},
        "contrast": {"plain": _contrast(plain), "noisy": _contrast(noisy)},
    }


def _error(state: State, noise: int, rescue: str | None) -> float | None:
    """The error with so many columns of noise; None where the data cannot be reduced so."""
    asked = msgspec.structs.replace(state, noise=noise, reduce=rescue if noise else None)
    key = msgspec.json.encode(asked)
    known = _ERRORS.get(key)
    if known is None:
        try:
            known = _ERRORS.put(key, error_at(asked))
        except ValueError:  # more columns than Mahalanobis has rows for, a constant column to select by
            return None
    return known


def _distances(state: State, noise: int) -> Any:
    """Sorted distances from each of some points to the others, of shape (m, m - 1)."""
    few = msgspec.structs.replace(
        state, points=state.points[:: -(-len(state.points) // _PAIRS_OF)], noise=noise, reduce=None
    )
    try:
        return estimator(few).kneighbors(None, len(few.points) - 1)[0]
    except ValueError:
        return None


def _histogram(distances: Any) -> dict[str, Any] | None:
    if distances is None or not distances.mean() > 0.0:
        return None
    edges = (0.0, 2.4)
    shares = np.histogram(distances / distances.mean(), bins=_BINS, range=edges)[0] / distances.size
    return {"edges": edges, "shares": [round(float(share), 5) for share in shares]}


def _contrast(distances: Any) -> float | None:
    if distances is None:
        return None
    nearest, farthest = distances[:, 0], distances[:, -1]
    apart = nearest > 0.0
    return float(np.median(farthest[apart] / nearest[apart])) if apart.any() else None
