# SPDX-License-Identifier: Apache-2.0
"""What one search told, in the units and the order of the door that asked.

The managed service tells ascending float32 numbers: squared Euclidean distances, and for cosine and inner
product raw similarities, so that the best comes last. Everywhere else distances are those of the estimators,
in float64, nearest first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..pipeline import Answers
from .served import ServedModel

__all__ = ["Managed", "finite", "managed", "plain_labels", "rows_of"]

Array = NDArray[Any]

_EXACT = 2**53


class Managed(NamedTuple):
    """Neighbours as the managed service orders them.

    Attributes
    ----------
    distances : ndarray of shape (n, k), float32
    ids : ndarray of shape (n, k)
    labels : list of ndarray of shape (n, k), one per output, or None
    """

    distances: Array
    ids: Array
    labels: list[Array] | None


def managed(served: ServedModel, answers: Answers) -> Managed:
    """The neighbours, in ascending order of the number that the managed service gives them."""
    name, distances = str(served.model.metric.effective), answers.distances
    ids, labels = answers.ids, answers.labels
    if name == "euclidean":
        distances = distances * distances
    elif name in ("cosine", "inner_product"):
        distances = (1.0 - distances if name == "cosine" else -distances)[:, ::-1]
        ids = ids[:, ::-1]
        labels = None if labels is None else [column[:, ::-1] for column in labels]
    with np.errstate(over="ignore"):
        return Managed(distances.astype(np.float32), ids, labels)


def plain_labels(labels: Array) -> Array:
    """Labels as numbers with a fraction, as the managed service tells them; text as it is.

    Integers that float64 would change stay integers.
    """
    if labels.dtype.kind not in "biu":
        return labels
    if labels.dtype.itemsize == 8 and labels.size and not _fits(labels):
        return labels
    return labels.astype(np.float64)


def finite(distances: Array) -> Array:
    """Distances for JSON, which has no infinity: one beyond the type is told as its largest number."""
    if np.isfinite(distances).all():
        return distances
    limits = np.finfo(distances.dtype)
    return np.clip(distances, limits.min, limits.max)


def rows_of(answers: Answers, rows: slice) -> Answers:
    """The answers to some of the rows."""
    return Answers(
        answers.distances[rows],
        answers.ids[rows],
        None if answers.labels is None else [labels[rows] for labels in answers.labels],
        None if answers.predicted is None else answers.predicted[rows],
        None if answers.probabilities is None else [shares[rows] for shares in answers.probabilities],
    )


def _fits(labels: Array) -> bool:
    return bool(labels.max() <= _EXACT and labels.min() >= -_EXACT)
