# SPDX-License-Identifier: Apache-2.0
"""Answer: one search, and whatever a caller wants of it: the neighbours, their labels, and their vote."""

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
from .searching import asked, check_k, search, weighted_search

__all__ = [
    "Answers",
    "answer",
    "check_votes",
    "check_weights",
    "class_probabilities",
    "classify",
    "counted_votes",
    "fitted_labels",
    "regress",
]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """What one search says about each query.

    Attributes
    ----------
    distances : ndarray of shape (n_queries, k), float64
        Nearest first, in the metric's unit.
    ids : ndarray of shape (n_queries, k), int64
        Row numbers of the rows given to fit.
    labels : list of ndarray of shape (n_queries, k), or None
        For each output the neighbours' classes or targets; None for a model without labels.
    predicted : ndarray of shape (n_queries,) or (n_queries, n_outputs), or None
        Class labels, or mean targets, shaped like the ``y`` of fit; None for a model without labels.
    probabilities : list of ndarray of shape (n_queries, n_classes), or None
        For each output the shares of the vote; None where they were not asked for.
    """

    distances: Floats
    ids: Ids
    labels: list[NDArray[Any]] | None = None
    predicted: NDArray[Any] | None = None
    probabilities: list[Floats] | None = None


def answer(
    model: Model,
    queries: Any | None,
    k: int,
    *,
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    probabilities: bool = False,
    n_threads: int = 1,
) -> Answers:
    """Everything that one search tells.

    Parameters
    ----------
    model : Model
    queries : matrix of shape (n_queries, n_features) or None
        None is leave-one-out: each kept row asks, and its own id is not among its neighbours.
    k : int
        Neighbours that vote. In a model of weighted rows k counts weight: the vote is that of copies,
        while the neighbours shown are rows, each once, at most all there are.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
    priors : list of ndarray of shape (n_classes,), or None, default=None
        One for each output, as `vote.check_priors` gives them.
    probabilities : bool, default=False
        Whether the shares of the vote are wanted too.
    n_threads : int, default=1

    Returns
    -------
    Answers

    Raises
    ------
    ParameterError
        More neighbours than rows that may answer, or probabilities of a model without classes.
    """
    labels = model.labels
    if probabilities and (labels is None or labels.classes is None):
        kind = "a regressor" if labels is not None else "a model without labels"
        raise ParameterError(f"Probabilities were asked of {kind}; only a classifier has them.")
    if labels is None:
        check_k(model, queries, k, model.n_kept)
        distances, places = search(model, *asked(model, queries, n_threads), k, n_threads)
        return Answers(distances, model.ids(places))
    ballot = _ballot(model, queries, k, weights, n_threads, shown=True)
    return Answers(
        ballot.neighbour_distances,
        model.ids(ballot.neighbours),
        [_labels_at(labels, output, ballot.neighbours) for output in range(labels.n_outputs)],
        _means(labels, ballot) if labels.classes is None else _winners(labels, ballot, priors),
        _shares(labels, ballot, priors) if probabilities else None,
    )


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
    return _winners(fitted_labels(model), _ballot(model, queries, k, weights, n_threads), priors)


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
    return _shares(fitted_labels(model), _ballot(model, queries, k, weights, n_threads), priors)


def regress(
    model: Model, queries: Any | None, k: int, weights: vote.Weights = "uniform", *, n_threads: int = 1
) -> Floats:
    """Mean targets of the queries, shaped like ``y``."""
    return _means(fitted_labels(model), _ballot(model, queries, k, weights, n_threads))


def check_weights(metric: Metric, weights: vote.Weights) -> None:
    """Inverse distances need distances: an inner product is none."""
    if isinstance(weights, str) and weights == "distance" and metric.formula == "inner_product":
        raise ParameterError(
            "weights='distance' has no meaning for metric='inner_product', whose values are negative "
            "products. Use weights='uniform', a function of the values, or metric='cosine'."
        )


# --- who votes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ballot:
    """Whose votes count how much, and the neighbours as they are shown.

    ``places`` among the kept rows and ``weights`` have the shape (n_queries, votes). The neighbours are
    the same rows, except where rows weigh more or less than 1.
    """

    places: Ids
    weights: Floats | None
    neighbours: Ids
    neighbour_distances: Floats


def _ballot(
    model: Model, queries: Any | None, k: int, weights: vote.Weights, n_threads: int, shown: bool = False
) -> _Ballot:
    check_weights(model.metric, weights)
    check_votes(model, queries, k)
    rows, own = asked(model, queries, n_threads)
    if model.sample_weight is None:
        distances, places = search(model, rows, own, k, n_threads)
        return _Ballot(places, vote.neighbour_weights(distances, weights), places, distances)
    n_shown = min(k, model.n_kept - (queries is None)) if shown else 0
    n_least = n_shown + int(shown and queries is None)  # the row itself is found too, and not shown
    distances, places, available = weighted_search(model, rows, own, k, n_threads, n_least)
    neighbours = _first(distances, places, n_shown, own)
    return _Ballot(*counted_votes(model, distances, places, available, k, weights), *neighbours)


def check_votes(model: Model, queries: Any | None, k: int) -> None:
    """Refuse a k above the rows that can vote, or above their weight."""
    own = 1.0 if model.sample_weight is None else min(1.0, float(model.sample_weight.max()))
    check_k(model, queries, k, model.limit, own=own)


def counted_votes(
    model: Model, distances: Floats, places: Ids, available: Floats, k: int, weights: vote.Weights
) -> tuple[Ids, Floats | None]:
    """Places and weights of the votes that make up k, of what ``weighted_search`` found."""
    shares, _ = vote.take_shares(available, k)
    # What is not taken must not be seen by the weights either: it stands at the distance of the farthest
    # taken. The table is as wide as the longest needs.
    farthest = np.max(distances, axis=1, where=shares > 0.0, initial=-np.inf, keepdims=True)
    distances = np.where(shares > 0.0, distances, farthest)
    n_queries, width = shares.shape
    used = max(1, int((shares > 0.0).any(axis=0).cumsum().argmax()) + 1) if n_queries else width
    distances, places, shares = distances[:, :used], places[:, :used], shares[:, :used]
    if model.counts_copies:
        # Whole weights are copies: written out, so that every later step sees what it would see of real
        # copies.
        copies = shares.astype(np.int64).ravel()
        distances = np.repeat(distances.ravel(), copies).reshape(-1, k)
        places = np.repeat(places.ravel(), copies).reshape(-1, k)
        return places, vote.neighbour_weights(distances, weights)
    return places, vote.neighbour_weights(distances, weights, shares)


def _first(distances: Floats, places: Ids, n_first: int, own: Ids | None) -> tuple[Ids, Floats]:
    """The first rows found, in leave-one-out without the one that asks."""
    if own is None:
        return places[:, :n_first], distances[:, :n_first]
    order = np.argsort(places == own[:, None], axis=1, kind="stable")[:, :n_first]
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(distances, order, axis=1)


# --- what the votes say ------------------------------------------------------------------------------------


def _winners(labels: Labels, ballot: _Ballot, priors: list[Floats] | None) -> NDArray[Any]:
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


def _shares(labels: Labels, ballot: _Ballot, priors: list[Floats] | None) -> list[Floats]:
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


def _means(labels: Labels, ballot: _Ballot) -> Floats:
    means = vote.mean_targets(labels.values[ballot.places], ballot.weights)
    return means if labels.outputs_2d else means[:, 0]


def _labels_at(labels: Labels, output: int, places: Ids) -> NDArray[Any]:
    values: NDArray[Any] = labels.values[:, output][places]
    return values if labels.classes is None else labels.classes[output][values]


def fitted_labels(model: Model) -> Labels:
    """The labels, or an error that says that there are none."""
    if model.labels is None:
        raise ParameterError("This model was fitted without labels; it answers neighbours only.")
    return model.labels
