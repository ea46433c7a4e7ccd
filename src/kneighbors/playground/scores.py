# SPDX-License-Identifier: Apache-2.0
"""The scorecard of the data in play: every index kind, measured within a few seconds."""

from __future__ import annotations

from typing import Any

from ..advise.scorecard import scorecard
from ..errors import DataError
from .state import State

__all__ = ["BUDGET", "LEAST_POINTS", "scores"]

BUDGET = 2.0
"""Seconds."""
LEAST_POINTS = 10


def scores(state: State) -> dict[str, Any]:
    """What ``kneighbors.scorecard`` measures on these points, with the scale and the reduction in use.

    Raises
    ------
    DataError
        Too few points to hold some out.
    """
    if len(state.points) < LEAST_POINTS:
        raise DataError(
            f"{len(state.points)} points are too few to hold some out; the scorecard needs {LEAST_POINTS}."
        )
    held = max(1, len(state.points) * 3 // 4)
    card = scorecard(
        state.columns,
        state.labels,
        task="classifier" if state.task == "classification" else "regressor",
        n_neighbors=min(state.n_neighbors, held),
        weights=state.weights,
        metric=state.metric,
        p=state.p,
        scalings=[] if state.scale is None else [state.scale],
        reductions=[state.reduce] if state.reduce is not None and state.noise else [],
        reduce_dim=2 if state.reduce is not None and state.noise else None,
        budget=BUDGET,
        random_state=state.random_state,
    )
    return card.to_dict()
