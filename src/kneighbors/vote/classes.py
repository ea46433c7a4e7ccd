# SPDX-License-Identifier: Apache-2.0
"""Votes on a class, over tables of k neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ParameterTypeError
from .weights import check_votes

__all__ = ["CELLS_AT_ONCE", "check_priors", "class_votes", "probabilities", "winners"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

# Votes held at once while only the winner is wanted: 32 MiB of float64.
CELLS_AT_ONCE = 1 << 22


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
    check_votes(weights)
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
    check_votes(weights)
    n_queries, k = codes.shape
    winning = np.empty(n_queries, dtype=np.int64)
    few_classes = (
        n_classes <= k * k
    )  # counting every class is cheaper than comparing neighbours with one another
    step = max(1, CELLS_AT_ONCE // (n_classes if few_classes else k))
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
