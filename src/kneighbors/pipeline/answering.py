# SPDX-License-Identifier: Apache-2.0
"""Answer: queries take the way the rows took, the index finds neighbours, the neighbours vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import vote
from ..errors import ParameterError
from ..labels import Labels
from ..metrics import Metric
from ..model import Model

__all__ = [
    "check_weights",
    "class_probabilities",
    "classify",
    "neighbors",
    "neighbors_within",
    "regress",
]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_ROUNDING = 2.0**-40  # sums of weights such as 0.1 miss their exact value by a little


# --- search ------------------------------------------------------------------------------------------------


def neighbors(model: Model, queries: Any | None, k: int, *, n_threads: int = 1) -> tuple[Floats, Ids]:
    """The k nearest kept rows of each query, weights aside: distances and ids of shape (n_queries, k).

    ``queries`` None is leave-one-out: each kept row asks, and its own id does not answer.
    """
    _check_k(model, queries, k, model.n_kept)
    distances, places = _search(model, queries, k, n_threads)
    return distances, model.ids(places)


def neighbors_within(
    model: Model, queries: Any | None, radius: float, *, n_threads: int = 1
) -> tuple[NDArray[np.int64], Floats, Ids]:
    """All kept rows within ``radius`` of each query: offsets (n_queries + 1), distances and ids, nearest
    first.
    """
    asked, exclude = _asked(model, queries, n_threads)
    offsets, distances, places = model.index.search_radius(
        asked, radius, n_threads=n_threads, exclude=exclude
    )
    return offsets, distances, model.ids(places)


def _check_k(model: Model, queries: Any | None, k: int, limit: float, own: float = 1.0) -> None:
    """Refuse a k that cannot be reached: the query does, fit never does. ``own`` is what leave-one-out
    leaves out.
    """
    leave_one_out = queries is None
    if k * (1.0 - _ROUNDING) > limit - own * leave_one_out:
        n_queries = model.n_kept if queries is None else queries.shape[0]
        sign = "<" if leave_one_out else "<="
        raise ParameterError(
            f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {k}, n_samples_fit = "
            f"{limit:.15g}, n_samples = {n_queries}. Ask for fewer neighbours, or fit more rows."
        )


def _search(model: Model, queries: Any | None, k: int, n_threads: int) -> tuple[Floats, Ids]:
    asked, exclude = _asked(model, queries, n_threads)
    return model.index.search(asked, k, n_threads=n_threads, exclude=exclude)


def _asked(model: Model, queries: Any | None, n_threads: int = 1) -> tuple[Any, Ids | None]:
    """The rows that ask, scaled and reduced, and the place each must not get as an answer."""
    if queries is None:
        return model.rows, np.arange(model.n_kept, dtype=np.int64)
    if model.metric.formula == "precomputed":
        return (queries if model.row_ids is None else queries[:, model.row_ids]), None
    if hasattr(queries, "toarray") and not hasattr(model.rows, "toarray"):
        queries = queries.toarray()  # sparse rows take dense and sparse queries, dense rows dense ones
    return model.prepare(queries, n_threads), None


# --- vote --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ballot:
    """Whose votes count how much: places among the kept rows and weights, of shape (n_queries, k)."""

    places: Ids
    weights: Floats | None


def classify(
    model: Model,
    queries: Any | None,
    k: int,
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    *,
    n_threads: int = 1,
) -> NDArray[Any]:
    """Class labels of the queries, shaped like ``y``."""
    labels, ballot = _fitted_labels(model), _ballot(model, queries, k, weights, n_threads)
    assert labels.classes is not None
    codes = [
        vote.winners(
            labels.values[:, output][ballot.places],
            ballot.weights,
            len(classes),
            None if priors is None else priors[output],
        )
        for output, classes in enumerate(labels.classes)
    ]
    return labels.decode(codes)


def class_probabilities(
    model: Model,
    queries: Any | None,
    k: int,
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    *,
    n_threads: int = 1,
) -> list[Floats]:
    """For each output, the shares of the vote, of shape (n_queries, n_classes)."""
    labels, ballot = _fitted_labels(model), _ballot(model, queries, k, weights, n_threads)
    assert labels.classes is not None
    return [
        vote.probabilities(
            labels.values[:, output][ballot.places],
            ballot.weights,
            len(classes),
            None if priors is None else priors[output],
        )
        for output, classes in enumerate(labels.classes)
    ]


def regress(
    model: Model, queries: Any | None, k: int, weights: vote.Weights = "uniform", *, n_threads: int = 1
) -> Floats:
    """Mean targets of the queries, shaped like ``y``."""
    labels, ballot = _fitted_labels(model), _ballot(model, queries, k, weights, n_threads)
    means = vote.mean_targets(labels.values[ballot.places], ballot.weights)
    return means if labels.outputs_2d else means[:, 0]


def check_weights(metric: Metric, weights: vote.Weights) -> None:
    """Inverse distances need distances: an inner product is none."""
    if isinstance(weights, str) and weights == "distance" and metric.formula == "inner_product":
        raise ParameterError(
            "weights='distance' has no meaning for metric='inner_product', whose values are negative "
            "products. Use weights='uniform', a function of the values, or metric='cosine'."
        )


def _fitted_labels(model: Model) -> Labels:
    if model.labels is None:
        raise ParameterError("This model was fitted without labels; it answers neighbours only.")
    return model.labels


def _ballot(model: Model, queries: Any | None, k: int, weights: vote.Weights, n_threads: int) -> _Ballot:
    check_weights(model.metric, weights)
    if model.sample_weight is None:
        _check_k(model, queries, k, model.limit)
        distances, places = _search(model, queries, k, n_threads)
        return _Ballot(places, vote.neighbour_weights(distances, weights))
    _check_k(model, queries, k, model.limit, own=min(1.0, float(model.sample_weight.max())))
    distances, places, shares = _weighted_search(model, queries, k, n_threads)
    if (model.sample_weight == np.floor(model.sample_weight)).all():
        # Whole weights are copies: written out, so that every later step sees what it would see of real
        # copies.
        copies = shares.astype(np.int64).ravel()
        distances = np.repeat(distances.ravel(), copies).reshape(-1, k)
        places = np.repeat(places.ravel(), copies).reshape(-1, k)
        return _Ballot(places, vote.neighbour_weights(distances, weights))
    return _Ballot(places, vote.neighbour_weights(distances, weights, shares))


def _weighted_search(model: Model, queries: Any | None, k: int, n_threads: int) -> tuple[Floats, Ids, Floats]:
    """Distances, places and shares of the rows that make up a weight of k; the width is what the longest
    needs.

    In leave-one-out a row asks as one of its copies: it may answer itself with its weight less 1.
    """
    assert model.sample_weight is not None
    asked = model.rows if queries is None else _asked(model, queries, n_threads)[0]
    n_queries = asked.shape[0]
    typical = float(np.mean(np.minimum(model.sample_weight, k)))
    width = min(model.n_kept, int(np.ceil(k / typical)) + 2)
    while True:
        distances, places = model.index.search(asked, width, n_threads=n_threads)
        own = None if queries is not None else places == np.arange(n_queries)[:, None]
        shares, reached = vote.take_shares(model.sample_weight[places], k, own=own)
        if reached.all() or width == model.n_kept:
            break
        width = min(model.n_kept, 2 * width)
    # What is not taken must not be seen by the weights either: it stands at the distance of the farthest
    # taken.
    farthest = np.max(distances, axis=1, where=shares > 0.0, initial=-np.inf, keepdims=True)
    distances = np.where(shares > 0.0, distances, farthest)
    used = max(1, int((shares > 0.0).any(axis=0).cumsum().argmax()) + 1) if n_queries else width
    return distances[:, :used], places[:, :used], shares[:, :used]
