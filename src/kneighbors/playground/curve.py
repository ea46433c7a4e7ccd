# SPDX-License-Identifier: Apache-2.0
"""The leave-one-out error over every k: each point is asked for by all the others."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .fitting import Recent, estimator
from .state import State

__all__ = ["curve", "error_at"]

_EVERY = 128
"""Up to here every k is shown; beyond, each is a few percent more than the one before."""

_CURVES: Recent[dict[str, Any]] = Recent(12)


def curve(state: State) -> dict[str, Any]:
    """Errors of leave-one-out, by the estimator's ``score_path``: one search for all of them.

    Returns
    -------
    dict
        ``ks``; ``errors``: the share of points that the others misjudge, or, in a regression, the share of
        the variance that is left unexplained; ``best``: the k of the smallest error, the first of equals.

    Raises
    ------
    DataError
        Fewer than two points.
    """
    most = _most_neighbors(state)
    key = msgspec.json.encode(msgspec.structs.replace(state, n_neighbors=1))
    known = _CURVES.get(key)
    if known is None:
        path = estimator(state).score_path(_ks(most).tolist())
        errors = [1.0 - float(score) for score in path.scores]
        known = _CURVES.put(key, {"ks": path.ks.tolist(), "errors": errors, "best": int(path.best_k)})
    return known


def error_at(state: State) -> float:
    """The leave-one-out error of the state's own k, or of the largest there is."""
    k = min(state.n_neighbors, _most_neighbors(state))
    return 1.0 - float(estimator(state).score_path([k]).scores[0])


def _most_neighbors(state: State) -> int:
    if len(state.points) < 2:
        raise DataError("Leave-one-out needs two points or more; add some.")
    return len(state.points) - 1


def _ks(most: int) -> NDArray[np.int64]:
    every = np.arange(1, min(most, _EVERY) + 1)
    if most <= _EVERY:
        return every
    beyond = np.unique(np.round(np.geomspace(_EVERY, most, 60)).astype(np.int64))
    return np.union1d(every, beyond)
