# SPDX-License-Identifier: Apache-2.0
"""One place: its neighbours, its vote, and the one point that would change the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import vote
from .ball import outline
from .fitting import estimator
from .state import Place, State, View

__all__ = ["ask", "flips"]

_LOOKED_AT = 64
"""Neighbours that are tried as the one that matters, nearest first."""


def ask(state: State, place: Place, view: View | None = None) -> dict[str, Any]:
    """Everything about one place.

    Returns
    -------
    dict
        ``neighbors``: id, distance, weight (shares that sum to 1) and label of each, nearest first;
        ``answer``: the class or the value; ``votes``: the share of each class; ``tied``; ``flip``: see
        ``flips``; ``ball``: outlines of what is as near as the farthest neighbour, if a view was given.
    """
    fitted = estimator(state)
    query = state.queries(np.array([place]))
    k = state.n_neighbors
    distances, ids = fitted.kneighbors(query, k)
    weights = vote.neighbour_weights(distances, state.weights)
    shares = np.full(k, 1.0 / k) if weights is None else weights[0] / weights[0].sum()
    answer: dict[str, Any] = {
        "place": list(place),
        "neighbors": [
            {"id": int(row), "distance": float(distance), "weight": float(share), "label": label}
            for row, distance, share, label in zip(
                ids[0], distances[0], shares, state.labels[ids[0]].tolist(), strict=True
            )
        ],
        "flip": flips(state, place),
        "answer": fitted.predict(query)[0].item(),
    }
    if state.task == "classification":
        votes = fitted.predict_proba(query)[0]
        largest = np.sort(votes)[::-1]
        answer["votes"] = [
            {"label": int(label), "share": float(share)}
            for label, share in zip(fitted.classes_, votes, strict=True)
        ]
        answer["tied"] = bool(len(votes) > 1 and largest[0] - largest[1] <= 1e-12)
    if view is not None:
        answer["ball"] = outline(state, place, float(distances[0, -1]), view)
    return answer


def flips(state: State, place: Place) -> dict[str, Any] | None:
    """The nearest single point without which the answer would be another, or whose other label would do it.

    Taking a point away lets the next one in, so this asks what a new fit without it would answer. Among the
    64 nearest of the k neighbours, removals are tried first, then other labels. In a regression it is the
    point whose removal moves the value most.

    Returns
    -------
    dict or None
        ``id``; ``by``: "removal" or "label"; ``becomes``: the new answer; ``label``: the other label, where
        it is one. None: no single point decides this place.
    """
    fitted = estimator(state)
    query = state.queries(np.array([place]))
    n_points, k = len(state.points), state.n_neighbors
    deepest = min(k + 1, n_points)
    distances, ids = fitted.kneighbors(query, deepest)
    looked = min(k, _LOOKED_AT)
    labels = state.labels
    if n_points > k:
        others = _without_each(deepest, looked)
        near, who = distances[0][others], ids[0][others]
        weights = vote.neighbour_weights(near, state.weights)
        if state.task == "regression":
            return _largest_change(fitted.predict(query)[0], ids[0], labels[who], weights)
        classes = fitted.classes_
        codes = np.searchsorted(classes, labels)
        now = int(np.searchsorted(classes, fitted.predict(query)[0]))
        after = vote.winners(codes[who], weights, len(classes))
        changed = np.flatnonzero(after != now)
        if len(changed):
            first = int(changed[0])
            return {"id": int(ids[0, first]), "by": "removal", "becomes": int(classes[after[first]])}
    elif state.task == "regression":
        return None
    classes = fitted.classes_
    codes = np.searchsorted(classes, labels)[ids[0, :k]]
    now = int(np.searchsorted(classes, fitted.predict(query)[0]))
    weights = vote.neighbour_weights(distances[:, :k], state.weights)
    for position in range(looked):
        for other in range(len(classes)):
            if other == codes[position]:
                continue
            changed_codes = codes.copy()
            changed_codes[position] = other
            winner = int(vote.winners(changed_codes[None], weights, len(classes))[0])
            if winner != now:
                return {
                    "id": int(ids[0, position]),
                    "by": "label",
                    "label": int(classes[other]),
                    "becomes": int(classes[winner]),
                }
    return None


def _without_each(count: int, looked: int) -> NDArray[np.int64]:
    """Row i is 0, 1, ... count - 1 without i."""
    base = np.arange(count - 1)
    return np.stack([base + (base >= left_out) for left_out in range(looked)])


def _largest_change(
    now: float, ids: NDArray[np.int64], targets: NDArray[Any], weights: NDArray[np.float64] | None
) -> dict[str, Any] | None:
    values = vote.mean_targets(targets[:, :, None], weights)[:, 0]
    first = int(np.argmax(np.abs(values - now)))
    if values[first] == now:
        return None
    return {"id": int(ids[first]), "by": "removal", "becomes": float(values[first])}
