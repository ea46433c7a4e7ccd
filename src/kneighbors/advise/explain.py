# SPDX-License-Identifier: Apache-2.0
"""``explain``: why a model answers as it does, and what it would take to answer otherwise.

``shares`` splits a distance into columns, ``flips`` finds the smallest set of rows that decides an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import pipeline, vote
from ..errors import ParameterError, ParameterTypeError
from ..pipeline.answering import check_weights
from ..threads import resolve_threads
from .flips import Ballot, Flip, TooManySetsError, find_flip
from .shares import feature_shares

__all__ = ["ClassifierExplanation", "Explanation", "RegressorExplanation", "explain"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_MOST_CELLS = 1 << 26  # of shares: 512 MiB
_FIRST_REMOVALS = 8


@dataclass(frozen=True)
class Explanation:
    """What an answer rests on; one entry per query.

    Attributes
    ----------
    ids : ndarray of shape (n_queries, k), int64
        The neighbours that vote, nearest first: row numbers of the X given to fit.
    distances : ndarray of shape (n_queries, k), float64
    weights : ndarray of shape (n_queries, k), float64
        What each neighbour's vote counts.
    labels : ndarray of shape (n_queries, k)
        The neighbours' classes or targets.
    answers : ndarray of shape (n_queries,)
        What ``predict`` says.
    shares : ndarray of shape (n_queries, k, n_columns), or None
        Each column's share of each distance; they sum to it. Columns are those that distances are measured
        on: after scaling, and after a reduction.
    share_names : list of str
        Of these columns: features where there is no reduction or one that selects, else "component 1", ...
    shares_note : str
        Why there are no shares; empty where there are.
    """

    ids: Ids
    distances: Floats
    weights: Floats
    labels: NDArray[Any]
    answers: NDArray[Any]
    shares: Floats | None
    share_names: list[str]
    shares_note: str

    def __len__(self) -> int:
        return len(self.answers)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings, by the names of the attributes."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}


@dataclass(frozen=True)
class ClassifierExplanation(Explanation):
    """What a classifier's answers rest on.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    votes : ndarray of shape (n_queries, n_classes), float64
        Weights summed, times the priors where there are any; the largest wins, ties go to the first class.
    margin : ndarray of shape (n_queries,), float64
        By how much of all votes the answer leads the next class: 0 in a tie, 1 where all agree.
    flips : list of ndarray of int64, or None
        For each query a smallest set of training rows whose removal changes the answer, by their ids; None
        where there is none, or none was found within ``max_removals``.
    flip_answers : list
        What is answered without them; None where there is no flip.
    flip_notes : list of str
        Why there is no flip; empty where there is.
    """

    classes: NDArray[Any]
    votes: Floats
    margin: Floats
    flips: list[Ids | None]
    flip_answers: list[Any]
    flip_notes: list[str]


@dataclass(frozen=True)
class RegressorExplanation(Explanation):
    """What a regressor's answers rest on.

    Attributes
    ----------
    changes : ndarray of shape (n_queries, k), float64
        How the answer changes when a neighbour is removed and the next nearest row comes in. NaN where there
        is no next row.
    """

    changes: Floats


def explain(estimator: Any, X: Any = None, *, max_removals: int = 100) -> Any:
    """Why a fitted model answers as it does.

    Parameters
    ----------
    estimator : KNeighborsClassifier or KNeighborsRegressor
        Fitted, for one output, without ``sample_weight``.
    X : array-like of shape (n_queries, n_features), or None, default=None
        Queries, as for ``predict``; None is leave-one-out.
    max_removals : int, default=100
        The largest set of rows that is looked for to change a classifier's answer.

    Returns
    -------
    ClassifierExplanation or RegressorExplanation
        Ids, distances, weights and labels of the neighbours, each column's share of each distance; votes,
        margin and a smallest set of rows that decides the answer, or what each neighbour contributes to a
        mean.

    Raises
    ------
    NotFittedError
        Asked before fit.
    ParameterError
        A model of several outputs or weighted rows; more queries than can be explained at once; a
        ``max_removals`` below 1.

    Examples
    --------
    >>> from kneighbors import KNeighborsClassifier, explain
    >>> rows, labels = [[0, 0], [3, 0], [0, 4], [9, 9]], ["a", "b", "a", "b"]
    >>> model = KNeighborsClassifier(n_neighbors=3).fit(rows, labels)
    >>> why = explain(model, [[0, 0]])
    >>> why.ids, why.distances, why.votes, why.answers
    (array([[0, 1, 2]]), array([[0., 3., 4.]]), array([[2., 1.]]), array(['a'], dtype='<U1'))
    >>> why.shares[0, 2]
    array([0., 4.])
    >>> why.flips, why.flip_answers
    ([array([0])], ['b'])
    """
    if isinstance(max_removals, bool) or not isinstance(max_removals, (int, np.integer)):
        raise ParameterTypeError(f"max_removals must be an int. Got {max_removals!r}.")
    if max_removals < 1:
        raise ParameterError(f"max_removals == {max_removals}, must be 1 or more.")
    queries = estimator._queries(X)
    model = estimator._model
    _check_model(model)
    search = _Search(estimator, model, queries)
    search.check_size()
    codes = model.labels.values[:, 0]
    names = _share_names(model)
    distances, places = search.nearest(search.k)
    weights = vote.neighbour_weights(distances, estimator.weights)
    counted = np.ones(distances.shape) if weights is None else np.asarray(weights)
    shares, note = _shares(model, search, places, distances)
    common: dict[str, Any] = {
        "ids": model.ids(places),
        "distances": distances,
        "weights": counted,
        "shares": shares,
        "share_names": names if shares is not None else [],
        "shares_note": note,
    }
    if model.labels.classes is None:
        means = vote.mean_targets(codes[places][:, :, None], weights)[:, 0]
        changes = _changes(search, codes, means, estimator.weights)
        return RegressorExplanation(**common, labels=codes[places], answers=means, changes=changes)
    classes = model.labels.classes[0]
    priors = estimator._priors()
    prior = None if priors is None else priors[0]
    winners = vote.winners(codes[places], weights, len(classes), prior)
    votes = vote.class_votes(codes[places], weights, len(classes))
    votes = votes if prior is None else votes * prior
    names_of = classes.tolist()
    flips, notes = _flips(search, codes, len(classes), estimator.weights, prior, int(max_removals))
    return ClassifierExplanation(
        **common,
        labels=classes[codes[places]],
        answers=classes[winners],
        classes=classes,
        votes=votes,
        margin=_margin(votes),
        flips=[None if one is None else ids for one, ids in flips],
        flip_answers=[None if one is None else names_of[one.winner] for one, _ in flips],
        flip_notes=notes,
    )


def _check_model(model: Any) -> None:
    if model.labels is None:
        raise ParameterError("This model was fitted without labels; there is no answer to explain.")
    if model.labels.n_outputs > 1:
        raise ParameterError(
            f"The model predicts {model.labels.n_outputs} labels for each row; one can be explained. Fit a "
            "model for each."
        )
    if model.sample_weight is not None:
        raise ParameterError(
            "The model was fitted with sample_weight, where k counts weight and rows are split; only models "
            "of rows that count once can be explained."
        )


class _Search:
    """The queries of one call: their neighbours among the kept rows, to any depth."""

    def __init__(self, estimator: Any, model: Any, queries: Any) -> None:
        self.model, self.queries = model, queries
        self.k: int = estimator._k()
        self.n_threads = resolve_threads(estimator.n_jobs)
        self.available: int = model.n_kept - (queries is None)
        self.n_queries: int = model.n_kept if queries is None else queries.shape[0]
        check_weights(model.metric, estimator.weights)

    def check_size(self) -> None:
        width = 1 if self.model.metric.formula == "precomputed" else self.model.n_columns
        if self.n_queries * self.k * width > _MOST_CELLS:
            most = max(1, _MOST_CELLS // (self.k * width))
            raise ParameterError(
                f"{self.n_queries} queries of {self.k} neighbours with {width} columns were given; at most "
                f"{most} can be explained at once. Ask about some of them."
            )

    def nearest(self, width: int, some: Ids | None = None) -> tuple[Floats, Ids]:
        """Distances and places among the kept rows of the ``width`` nearest, for all queries or some."""
        queries = self.queries
        if some is not None and queries is not None:
            queries = queries[some]
        distances, ids = pipeline.neighbors(self.model, queries, width, n_threads=self.n_threads)
        if some is not None and queries is None:
            distances, ids = distances[some], ids[some]
        kept = self.model.row_ids
        return distances, ids if kept is None else np.searchsorted(kept, ids)


def _shares(model: Any, search: _Search, places: Ids, distances: Floats) -> tuple[Floats | None, str]:
    if model.metric.formula == "precomputed" or model.metric.function is not None:
        return feature_shares(model.metric, np.empty((0, 1)), np.empty((0, 1, 1)), np.empty((0, 1)))
    rows, queries = model.rows, search.queries
    if hasattr(rows, "toarray"):
        return None, "sparse rows are not split into columns"
    if queries is None:
        asked = rows
    else:
        asked = model.prepare(queries.toarray() if hasattr(queries, "toarray") else queries, search.n_threads)
    metric = model.metric.fitted(rows) if model.metric.formula == "seuclidean" else model.metric
    return feature_shares(metric, asked, rows[places], distances)


def _share_names(model: Any) -> list[str]:
    if model.metric.formula == "precomputed":
        return []
    features = model.feature_names or [f"column {place}" for place in range(model.n_features)]
    if model.reducer is None:
        return list(features)
    if model.reducer.description()["type"] == "select":
        return [features[place] for place in model.reducer.arrays()["columns"]]
    return [f"component {place + 1}" for place in range(model.n_columns)]


def _margin(votes: Floats) -> Floats:
    if votes.shape[1] == 1:
        return np.ones(len(votes))
    ranked = np.partition(votes, votes.shape[1] - 2, axis=1)
    return np.asarray((ranked[:, -1] - ranked[:, -2]) / votes.sum(axis=1))


def _flips(
    search: _Search, codes: Ids, n_classes: int, weights: Any, priors: Floats | None, most: int
) -> tuple[list[tuple[Flip | None, Ids]], list[str]]:
    """For each query a smallest set, its ids, and why there is none."""
    none: tuple[Flip | None, Ids] = (None, np.empty(0, dtype=np.int64))
    found = [none] * search.n_queries
    notes = [f"no set of up to {most} rows changes the answer"] * search.n_queries
    possible = search.available - search.k  # at least k rows must stay
    if possible <= most:
        notes = ["no set of rows changes the answer"] * search.n_queries
        if possible == 0:
            notes = [f"only {search.k} rows can answer, so none can be removed"] * search.n_queries
    limit = min(most, possible)
    open_queries = np.arange(search.n_queries) if n_classes > 1 else np.empty(0, dtype=np.int64)
    done, reach = 0, min(_FIRST_REMOVALS, limit)
    while len(open_queries) and done < limit:
        distances, places = search.nearest(search.k + reach, open_queries)
        still = []
        for row, query in enumerate(open_queries):
            ballot = Ballot(codes[places[row]], distances[row], search.k, n_classes, weights, priors)
            try:
                flip = find_flip(ballot, done + 1, reach)
            except TooManySetsError as error:
                notes[query] = str(error)
                continue
            if flip is None:
                still.append(query)
            else:
                found[query] = flip, search.model.ids(places[row][flip.places])
                notes[query] = ""
        open_queries = np.array(still, dtype=np.int64)
        done, reach = reach, min(2 * reach, limit)
    return found, notes


def _changes(search: _Search, targets: NDArray[Any], means: Floats, weights: Any) -> Floats:
    """The answer without each neighbour, less the answer."""
    k = search.k
    if search.available <= k:
        return np.full((search.n_queries, k), np.nan)
    distances, places = search.nearest(k + 1)
    changes = np.empty((search.n_queries, k))
    for left_out in range(k):
        stay = np.delete(np.arange(k + 1), left_out)
        counted = vote.neighbour_weights(np.ascontiguousarray(distances[:, stay]), weights)
        others = vote.mean_targets(targets[places[:, stay]][:, :, None], counted)[:, 0]
        changes[:, left_out] = others - means
    return changes


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
