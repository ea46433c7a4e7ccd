# SPDX-License-Identifier: Apache-2.0
"""The vote: from neighbours to a label, probabilities or a value.

In: per query the distances of its k neighbours and their class codes or targets, of shape (n_queries, k),
nearest first. Out: one code, one row of probabilities or one value per query. The rules, each the same
everywhere:

- Votes are summed in float64, nearest neighbour first, one after the other, so an answer never depends on
  the batch.
- A tie goes to the smallest label, that is, to the first in ``classes_`` order, with weights too.
- ``weights="distance"`` gives a neighbour 1/distance. Where a query has neighbours at distance zero, those
  count 1 and the others nothing. The weights are taken relative to the nearest, d_min/d, which is the same
  vote but cannot overflow; an infinite or missing distance counts 0, and where every distance is so, all
  count 1.
- ``sample_weight`` given to fit makes k count weight: neighbours are taken until their weights reach k, and
  the last is split (``take_shares``).
- Class priors multiply the votes.

`tests/reference/vote.py` is the slow and obvious judge of this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, ParameterError, ParameterTypeError

__all__ = [
    "check_priors",
    "class_votes",
    "mean_targets",
    "neighbour_weights",
    "probabilities",
    "take_shares",
    "winners",
]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Weights = str | Callable[[Floats], Any] | None

# Votes held at once while only the winner is wanted: 32 MiB of float64.
_CELLS_AT_ONCE = 1 << 22
# Sums of weights such as 0.1 + 0.2 miss their exact value by a few units in the last place.
_ROUNDING = 2.0**-40


def neighbour_weights(distances: Floats, weights: Weights, shares: Floats | None = None) -> Floats | None:
    """What each neighbour's vote counts.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, k), float64
    weights : {"uniform", "distance"}, callable or None
        A callable takes the distances and returns as many weights. Where it returns infinity for a query, as
        1/distance does at a hit, those neighbours count 1 and the query's others nothing.
    shares : ndarray of shape (n_queries, k) or None
        What ``take_shares`` left of each neighbour; multiplies its weight.

    Returns
    -------
    ndarray of shape (n_queries, k) or None
        None where every neighbour counts the same.

    Raises
    ------
    DataError
        A callable returned another shape, NaN, or minus infinity.

    Examples
    --------
    >>> neighbour_weights(np.array([[1.0, 2.0], [0.0, 2.0]]), "distance")
    array([[1. , 0.5],
           [1. , 0. ]])
    """
    if weights is None or (isinstance(weights, str) and weights == "uniform"):
        return shares
    counted = _called(distances, weights) if callable(weights) else _inverse(distances)
    if shares is not None:
        counted = counted * shares
    return counted


def _inverse(distances: Floats) -> Floats:
    nearest: Floats = np.fmin.reduce(distances, axis=1)[
        :, None
    ]  # fmin: a missing distance (NaN) is nobody's nearest
    with np.errstate(divide="ignore", invalid="ignore"):
        counted: Floats = nearest / distances
    hit = nearest[:, 0] <= 0.0  # some metrics round a zero to just below it
    counted[hit] = distances[hit] <= 0.0
    counted[np.isnan(counted)] = 0.0
    lost = ~np.isfinite(nearest[:, 0])
    counted[lost] = 1.0
    return counted


def _called(distances: Floats, weights: Callable[[Floats], Any]) -> Floats:
    # The callable gets an array of its own: what it writes there cannot reach the answer.
    counted = np.asarray(weights(distances.copy()), dtype=np.float64)
    if counted.shape != distances.shape:
        raise DataError(
            f"The weights function returned shape {counted.shape} for distances of shape {distances.shape}. "
            "It must return one weight per distance."
        )
    infinite = np.isposinf(counted)
    hit = np.asarray(infinite.any(axis=1))[:, None]
    if hit.any():
        counted = np.where(hit, infinite.astype(np.float64), counted)
    wrong = ~np.isfinite(counted)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise DataError(
            f"The weights function returned {counted[row, column]} for the distance {distances[row, column]} "
            f"(query {row}, neighbour {column}). Weights must be numbers; a distance may be 0.",
            row=row,
            column=column,
        )
    return counted


def take_shares(
    sample_weights: Floats, k: int, *, own: NDArray[np.bool_] | None = None
) -> tuple[Floats, NDArray[np.bool_]]:
    """How much of each neighbour is taken when k counts weight, and whether k was reached.

    Parameters
    ----------
    sample_weights : ndarray of shape (n_queries, m)
        Positive weights of the m nearest rows, nearest first.
    k : int
        Weight to take. A neighbour of weight 2 is taken like two copies; the last one taken is split.
    own : boolean ndarray of shape (n_queries, m) or None
        Marks the query's own row in leave-one-out: one unit of its weight is left out, as of its copies one
        would be.

    Returns
    -------
    shares : ndarray of shape (n_queries, m)
        Sums to k in each row that reached k.
    reached : boolean ndarray of shape (n_queries,)

    Examples
    --------
    >>> take_shares(np.array([[2.0, 2.0, 1.0]]), 3)
    (array([[2., 1., 0.]]), array([ True]))
    """
    if own is not None:
        sample_weights = np.where(own, np.maximum(sample_weights - 1.0, 0.0), sample_weights)
    up_to = np.cumsum(sample_weights, axis=1)
    before = np.zeros_like(up_to)
    before[:, 1:] = up_to[:, :-1]
    shares = np.clip(k - before, 0.0, sample_weights)
    return shares, up_to[:, -1] >= k * (1.0 - _ROUNDING)


def check_priors(priors: Any, n_classes: list[int]) -> list[Floats] | None:
    """Class priors for each output, as arrays in ``classes_`` order.

    Parameters
    ----------
    priors : array-like of shape (n_classes,), list of such for several outputs, or None
        Positive and finite; only their ratios matter.
    n_classes : list of int
        Classes of each output.

    Raises
    ------
    ParameterError
        Another length than the classes have, or a prior that is not positive and finite.

    Examples
    --------
    >>> check_priors([0.25, 0.75], [2])
    [array([0.25, 0.75])]
    """
    if priors is None:
        return None
    try:
        nested = len(priors) > 0 and np.ndim(priors[0]) > 0
        arrays = [np.asarray(prior, dtype=np.float64) for prior in (priors if nested else [priors])]
    except (TypeError, ValueError, KeyError) as error:
        raise ParameterTypeError(f"priors must be numbers in classes_ order: {error}.") from error
    if [array.shape for array in arrays] != [(count,) for count in n_classes]:
        given = ", ".join(str(array.shape) for array in arrays)
        expected = ", ".join(f"({count},)" for count in n_classes)
        raise ParameterError(f"priors have shape {given}; one prior per class, {expected}, is expected.")
    for array in arrays:
        if not (np.isfinite(array) & (array > 0.0)).all():
            raise ParameterError(
                f"priors are {array.tolist()}; each must be positive and finite. Leave a class that "
                "cannot occur out of fit instead."
            )
    return arrays


def class_votes(codes: Codes, weights: Floats | None, n_classes: int) -> Floats:
    """Sum of the weights of each class, of shape (n_queries, n_classes).

    ``codes`` are places in ``classes_``, of shape (n_queries, k); ``weights`` None counts each neighbour
    once.
    """
    n_queries = codes.shape[0]
    # bincount walks its input in order: each class's sum runs from the nearest neighbour to the farthest.
    cells = codes + np.arange(n_queries, dtype=np.int64)[:, None] * n_classes
    counted = None if weights is None else weights.ravel()
    votes = np.bincount(cells.ravel(), weights=counted, minlength=n_queries * n_classes)
    return votes.astype(np.float64, copy=False).reshape(n_queries, n_classes)


def probabilities(
    codes: Codes, weights: Floats | None, n_classes: int, priors: Floats | None = None
) -> Floats:
    """Shares of the vote, of shape (n_queries, n_classes); each row sums to 1.

    Raises
    ------
    DataError
        All neighbours of a query have weight zero, or a weight is negative.

    Examples
    --------
    >>> probabilities(np.array([[0, 1, 1, 1]]), None, 2)
    array([[0.25, 0.75]])
    """
    _check_weights(weights)
    votes = class_votes(codes, weights, n_classes)
    if priors is not None:
        votes *= priors
    votes /= votes.sum(axis=1, keepdims=True)
    return votes


def winners(codes: Codes, weights: Floats | None, n_classes: int, priors: Floats | None = None) -> Codes:
    """The code with the most votes per query, of shape (n_queries,); ties to the smallest code.

    Raises
    ------
    DataError
        All neighbours of a query have weight zero, or a weight is negative.

    Examples
    --------
    >>> winners(np.array([[2, 1, 1, 2]]), None, 3)
    array([1])
    """
    _check_weights(weights)
    n_queries, k = codes.shape
    winning = np.empty(n_queries, dtype=np.int64)
    few_classes = (
        n_classes <= k * k
    )  # counting every class is cheaper than comparing neighbours with one another
    step = max(1, _CELLS_AT_ONCE // (n_classes if few_classes else k))
    for start in range(0, n_queries, step):
        part = slice(start, start + step)
        part_weights = None if weights is None else weights[part]
        if few_classes:
            votes = class_votes(codes[part], part_weights, n_classes)
            if priors is not None:
                votes *= priors
            winning[part] = votes.argmax(axis=1)
        else:
            winning[part] = _winners_among_neighbours(codes[part], part_weights, n_classes, priors)
    return winning


def _winners_among_neighbours(
    codes: Codes, weights: Floats | None, n_classes: int, priors: Floats | None
) -> Codes:
    """As ``winners``, at a cost of k * k per query whatever the number of classes; the sums run in the same
    order.
    """
    votes = np.zeros(codes.shape)
    for place in range(codes.shape[1]):
        same = codes == codes[:, place, None]
        votes += same if weights is None else same * weights[:, place, None]
    if priors is not None:
        votes *= priors[codes]
    best = votes.max(axis=1, keepdims=True)
    winning: Codes = np.where(votes == best, codes, n_classes).min(axis=1)
    return winning


def _check_weights(weights: Floats | None) -> None:
    if weights is None:
        return
    if (weights < 0.0).any():
        row, column = (int(place) for place in np.argwhere(weights < 0.0)[0])
        raise DataError(
            f"The weights function returned the negative weight {weights[row, column]} (query {row}, "
            f"neighbour {column}). A vote counts 0 or more.",
            row=row,
            column=column,
        )
    if not weights.any(axis=1).all():
        row = int(np.argmin(weights.any(axis=1)))
        raise DataError(
            "All neighbors of some sample is getting zero weights. Please modify 'weights' to avoid this "
            f"case if you are using a user-defined function. The first such sample is query {row}.",
            row=row,
        )


def mean_targets(targets: NDArray[Any], weights: Floats | None) -> Floats:
    """Weighted mean of the neighbours' targets.

    Parameters
    ----------
    targets : ndarray of shape (n_queries, k, n_outputs)
    weights : ndarray of shape (n_queries, k) or None

    Returns
    -------
    ndarray of shape (n_queries, n_outputs), float64

    Raises
    ------
    DataError
        The weights of a query's neighbours sum to zero.

    Examples
    --------
    >>> mean_targets(np.array([[[1.0], [4.0]]]), np.array([[3.0, 1.0]]))
    array([[1.75]])
    """
    values: Floats = targets.astype(np.float64, copy=False)
    means: Floats
    if weights is None:
        means = _last_of_sums(values) / values.shape[1]
        return means
    total = _last_of_sums(weights)
    if not total.all():
        row = int(np.argmin(total != 0.0))
        raise DataError(
            f"The weights of the neighbours of query {row} sum to zero, so they have no mean. "
            "Let the weights function return a positive weight for the nearest neighbour.",
            row=row,
        )
    return _last_of_sums(values * weights[:, :, None]) / total[:, None]


def _last_of_sums(values: Floats) -> Floats:
    """Sum over the neighbours, nearest first: a running sum is sequential by definition, ``sum`` is not."""
    total: Floats = np.cumsum(values, axis=1)[:, -1]
    return total
