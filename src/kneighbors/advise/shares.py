# SPDX-License-Identifier: Apache-2.0
"""How much of a distance each column is answerable for.

A distance decomposes where it is a sum over columns, or a power of one. What a column's share then is:

==================================  =========================================================================
metric                              share of column j in the distance D of q and x
==================================  =========================================================================
sqeuclidean, manhattan, canberra,   its term of the sum
braycurtis
euclidean, seuclidean, minkowski,   D times its term over the sum of the terms ``|q_j - x_j|^p`` (with their
nan_euclidean                       weights; a column unknown on one side has none)
chebyshev                           all of D for the first column with the largest difference
cosine, correlation                 ``(u_j - v_j)^2 / 2`` of the two unit vectors (of correlation: centred
                                    first), whose sum is one minus the cosine; none where a vector is zero
inner_product                       ``-q_j x_j``, of either sign, as the value itself
hamming, jaccard, dice,             D in equal parts for the columns that differ
rogerstanimoto, sokalsneath
==================================  =========================================================================

The others have no such shares: under "mahalanobis" columns act in pairs, "haversine" and "yule" are no sums,
"precomputed" has no columns, and a function is not looked into.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics import Metric

__all__ = ["feature_shares"]

Floats = NDArray[np.float64]

_POWERS = {"euclidean": 2.0, "nan_euclidean": 2.0, "seuclidean": 2.0, "sqeuclidean": 2.0, "cityblock": 1.0}
_COUNTED = {"hamming", "jaccard", "dice", "rogerstanimoto", "sokalsneath"}
_WEIGHTED = {"euclidean", "sqeuclidean", "cityblock", "minkowski"}
_REASONS = {
    "mahalanobis": "under mahalanobis columns act in pairs, so a column alone has no share of the distance",
    "precomputed": "precomputed distances have no columns",
    "haversine": "haversine is an angle on a sphere, no sum over columns",
    "callable": "the metric is a function, which is not looked into",
    "distance_metric": "the metric is an object of scikit-learn's, which is not looked into",
}
_TOLERANCE = 1e-6  # shares that miss the distance by more belong to another formula than the one above


def feature_shares(
    metric: Metric, queries: NDArray[Any], rows: NDArray[Any], distances: Floats
) -> tuple[Floats | None, str]:
    """Each column's share of each distance.

    Parameters
    ----------
    metric : Metric
        Fitted to the rows where it estimates something from them.
    queries : ndarray of shape (n_queries, d)
    rows : ndarray of shape (n_queries, k, d)
        The neighbours of each query.
    distances : ndarray of shape (n_queries, k)

    Returns
    -------
    shares : ndarray of shape (n_queries, k, d), or None
        Sums over the last axis to ``distances``. NaN for a neighbour that has no shares.
    reason : str
        Why there are none; empty where there are.

    Examples
    --------
    >>> from kneighbors.metrics import resolve
    >>> shares, _ = feature_shares(
    ...     resolve("euclidean"), np.array([[0.0, 0.0]]), np.array([[[3.0, 4.0]]]), np.array([[5.0]])
    ... )
    >>> shares
    array([[[1.8, 3.2]]])
    """
    q = np.asarray(queries, dtype=np.float64)[:, None, :]
    x = np.asarray(rows, dtype=np.float64)
    with np.errstate(all="ignore"):
        terms = _terms(metric, q, x)
    if terms is None:
        return None, _REASONS.get(metric.formula, f"{metric.name} is no sum over columns")
    with np.errstate(all="ignore"):
        total = terms.sum(axis=2)
        scaled = metric.formula in _POWERS or metric.formula in ("minkowski", "chebyshev", *_COUNTED)
        # Terms of a power, or counts: only their proportions matter.
        shares = terms / total[:, :, None] * distances[:, :, None] if scaled else terms
        shares[distances == 0.0] = 0.0
        told = shares.sum(axis=2)
        if metric.formula == "seuclidean":  # proportions hide variances other than those of the fit
            told = np.sqrt(((q - x) ** 2 / metric.arguments["V"]).sum(axis=2))
        missed = np.abs(told - distances) > _TOLERANCE * np.maximum(1.0, np.abs(distances))
    if missed.any():
        return None, f"the columns' terms do not sum to this {metric.name} distance"
    return shares, ""


def _terms(metric: Metric, q: Floats, x: Floats) -> Floats | None:
    formula, arguments = metric.formula, metric.arguments
    if metric.function is not None or formula in _REASONS:
        return None
    weights = np.asarray(arguments["w"]) if "w" in arguments else np.float64(1.0)
    if "w" in arguments and formula not in _WEIGHTED:
        return None
    if formula in _POWERS or formula == "minkowski":
        power = _POWERS.get(formula, float(arguments.get("p", 2.0)))
        differences = np.abs(q - x)
        if formula == "seuclidean":
            differences = differences / np.sqrt(arguments["V"])
        if formula == "nan_euclidean":
            differences = np.nan_to_num(differences, nan=0.0)
        largest = differences.max(axis=2, keepdims=True)  # no power overflows, none of all vanishes
        return np.asarray(weights * (differences / np.where(largest > 0.0, largest, 1.0)) ** power)
    if formula == "chebyshev":
        differences = np.abs(q - x)
        first: Floats = np.arange(x.shape[2]) == differences.argmax(axis=2)[:, :, None]
        return first.astype(np.float64)
    if formula in ("cosine", "correlation"):
        if formula == "correlation":
            q, x = q - q.mean(axis=2, keepdims=True), x - x.mean(axis=2, keepdims=True)
        return np.asarray((_unit(q) - _unit(x)) ** 2 / 2.0)
    if formula == "inner_product":
        return np.asarray(-q * x)
    if formula == "canberra":
        return np.asarray(np.nan_to_num(np.abs(q - x) / (np.abs(q) + np.abs(x)), nan=0.0))
    if formula == "braycurtis":
        return np.asarray(np.abs(q - x) / np.abs(q + x).sum(axis=2, keepdims=True))
    if formula in _COUNTED:
        differ = (q != x) if formula == "hamming" else ((q != 0.0) != (x != 0.0))
        return np.asarray(differ, dtype=np.float64)
    return None


def _unit(vectors: Floats) -> Floats:
    """Of norm 1; NaN for a zero vector."""
    largest = np.abs(vectors).max(axis=2, keepdims=True)
    scaled = vectors / np.where(largest > 0.0, largest, np.nan)
    return np.asarray(scaled / np.sqrt((scaled**2).sum(axis=2, keepdims=True)))
