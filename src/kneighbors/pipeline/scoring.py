# SPDX-License-Identifier: Apache-2.0
"""Leave-one-out scores for many k, from one search of the largest."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import vote
from ..errors import ParameterError, ParameterTypeError
from ..labels import Labels
from ..model import Model
from .answering import check_votes, check_weights, counted_votes, fitted_labels
from .searching import search, weighted_search

__all__ = ["ScorePath", "score_path"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_CELLS_AT_ONCE = 1 << 20  # neighbours of the rows that ask at once: 8 MiB of each array over them


@dataclass(frozen=True)
class ScorePath:
    """Leave-one-out scores over k.

    Attributes
    ----------
    ks : ndarray of shape (n_ks,), int64
        As they were given.
    scores : ndarray of shape (n_ks,), float64
        Accuracy of a classifier, R2 of a regressor; higher is better.
    best_k : int
        The k with the highest score; the smallest of such.
    """

    ks: Ids
    scores: Floats
    best_k: int


def score_path(
    model: Model,
    ks: Iterable[int],
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    *,
    n_threads: int = 1,
) -> ScorePath:
    """Score each k by leave-one-out: every kept row is answered by the others.

    Rows of weight w count w times, as their copies would. Memory is bounded: rows ask in batches.

    Raises
    ------
    ParameterError
        No k, one below 1, or one above the rows that may answer, which are one fewer than there are.
    """
    labels = fitted_labels(model)
    check_weights(model.metric, weights)
    given = _checked(ks)
    check_votes(model, None, int(given.max()))
    wanted = np.unique(given)
    totals = _Right(labels, model) if labels.classes is not None else _Errors(labels, model)
    for part, predictions in _predictions(model, labels, wanted, weights, priors, n_threads):
        for place, predicted in enumerate(predictions):
            totals.add(place, part, predicted, len(wanted))
    each = totals.scores()
    return ScorePath(given, each[np.searchsorted(wanted, given)], int(wanted[np.argmax(each)]))


def _checked(ks: Iterable[int]) -> Ids:
    if isinstance(ks, (str, bytes)) or not isinstance(ks, Iterable):
        raise ParameterTypeError(f"ks must be integers, such as range(1, 31). Got {ks!r}.")
    given: list[Any] = list(ks)
    for k in given:
        if isinstance(k, (bool, np.bool_)) or not isinstance(k, numbers.Integral):
            raise ParameterTypeError(f"ks must be integers, such as range(1, 31). Got {k!r} among them.")
        if not 1 <= int(k) < 2**63:
            raise ParameterError(f"Each of ks must be 1 or more. Got {k} among them.")
    if not given:
        raise ParameterError("ks is empty. Give the numbers of neighbours to score, such as range(1, 31).")
    return np.array(given, dtype=np.int64)


def _predictions(
    model: Model,
    labels: Labels,
    ks: Ids,
    weights: vote.Weights,
    priors: list[Floats] | None,
    n_threads: int,
) -> Iterator[tuple[slice, Iterator[NDArray[Any]]]]:
    """Some rows at a time, and for each k in turn what they are taken for: codes or means, of shape
    (n_rows, n_outputs).
    """
    largest, n_kept = int(ks[-1]), model.n_kept
    size = max(1, _CELLS_AT_ONCE // largest)
    fixed = not callable(weights)  # a neighbour's weight is the same whatever k is
    for start in range(0, n_kept, size):
        part = slice(start, min(n_kept, start + size))
        rows, own = model.rows[part], np.arange(part.start, part.stop, dtype=np.int64)
        if model.sample_weight is None:
            distances, places = search(model, rows, own, largest, n_threads)
            available = None
        else:
            distances, places, available = weighted_search(model, rows, own, largest, n_threads)
        if fixed and (available is None or model.counts_copies):
            counted = None
            if available is None:
                counted = vote.neighbour_weights(distances, weights)
            else:
                places, counted = counted_votes(model, distances, places, available, largest, weights)
            yield part, _grown(labels, places, counted, ks, priors)
        else:
            yield part, _anew(model, labels, distances, places, available, ks, weights, priors)


def _grown(
    labels: Labels, places: Ids, weights: Floats | None, ks: Ids, priors: list[Floats] | None
) -> Iterator[NDArray[Any]]:
    """Each vote is the one before with a neighbour more."""
    wanted = set(ks.tolist())
    if labels.classes is None:
        for k, means in enumerate(vote.mean_path(labels.values[places], weights), start=1):
            if k in wanted:
                yield means
        return
    paths = [
        vote.winner_path(
            labels.values[:, output][places],
            weights,
            len(classes),
            None if priors is None else priors[output],
        )
        for output, classes in enumerate(labels.classes)
    ]
    for k, winners in enumerate(zip(*paths, strict=True), start=1):
        if k in wanted:
            yield np.stack(winners, axis=1)


def _anew(
    model: Model,
    labels: Labels,
    distances: Floats,
    places: Ids,
    available: Floats | None,
    ks: Ids,
    weights: vote.Weights,
    priors: list[Floats] | None,
) -> Iterator[NDArray[Any]]:
    """Each vote for itself: a function's weights, or what is taken of the last row, may change with k."""
    for k in map(int, ks):
        if available is None:
            voting, counted = places[:, :k], vote.neighbour_weights(distances[:, :k], weights)
        else:
            voting, counted = counted_votes(model, distances, places, available, k, weights)
        if labels.classes is None:
            yield vote.mean_targets(labels.values[voting], counted)
        else:
            columns = [
                vote.winners(
                    labels.values[:, output][voting],
                    counted,
                    len(classes),
                    None if priors is None else priors[output],
                )
                for output, classes in enumerate(labels.classes)
            ]
            yield np.stack(columns, axis=1)


class _Right:
    """The weight of the rows that were right in every output, for each k."""

    def __init__(self, labels: Labels, model: Model) -> None:
        self._truth = labels.values
        self._weights = np.ones(model.n_kept) if model.sample_weight is None else model.sample_weight
        self._right: Floats = np.zeros(0)

    def add(self, place: int, part: slice, predicted: NDArray[Any], n_ks: int) -> None:
        if self._right.size == 0:
            self._right = np.zeros(n_ks)
        right = (self._truth[part] == predicted).all(axis=1)
        self._right[place] += self._weights[part][right].sum()

    def scores(self) -> Floats:
        share: Floats = self._right / self._weights.sum()
        return share


class _Errors:
    """Squared errors of each output, for each k, and what they are compared with in R2."""

    def __init__(self, labels: Labels, model: Model) -> None:
        self._truth = labels.values.astype(np.float64, copy=False)
        self._weights = np.ones(model.n_kept) if model.sample_weight is None else model.sample_weight
        self._squares: Floats = np.zeros((0, labels.n_outputs))

    def add(self, place: int, part: slice, predicted: NDArray[Any], n_ks: int) -> None:
        if len(self._squares) == 0:
            self._squares = np.zeros((n_ks, self._truth.shape[1]))
        self._squares[place] += self._weights[part] @ (self._truth[part] - predicted) ** 2

    def scores(self) -> Floats:
        means = np.average(self._truth, axis=0, weights=self._weights)
        spread = self._weights @ (self._truth - means) ** 2
        # Of targets that are all equal, scikit-learn's r2_score says 1 where they were met, else 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(spread > 0.0, 1.0 - self._squares / spread, np.float64(self._squares == 0.0))
        share: Floats = each.mean(axis=1)
        return share
