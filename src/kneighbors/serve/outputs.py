# SPDX-License-Identifier: Apache-2.0
"""What one search told, in the units and the order of the door that asked.

The managed service tells ascending float32 numbers: squared Euclidean distances, and for cosine and inner
product raw similarities, so that the best comes last. Everywhere else distances are those of the estimators,
in float64, nearest first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pipeline import Answers
from .served import ServedModel

__all__ = ["managed", "plain_labels"]

Array = NDArray[Any]

_EXACT = 2**53


def managed(served: ServedModel, answers: Answers) -> tuple[Array, list[Array] | None]:
    """Distances of shape (n, k) and each output's labels as the managed service orders them."""
    formula, distances, labels = str(served.model.metric.effective), answers.distances, answers.labels
    if formula == "euclidean":
        distances = distances * distances
    elif formula in ("cosine", "inner_product"):
        distances = (1.0 - distances if formula == "cosine" else -distances)[:, ::-1]
        labels = None if labels is None else [column[:, ::-1] for column in labels]
    with np.errstate(over="ignore"):
        return distances.astype(np.float32), labels


def plain_labels(labels: Array) -> Array:
    """Labels as numbers with a fraction, as the managed service tells them; text as it is.

    Integers that float64 would change stay integers.
    """
    if labels.dtype.kind in "bu" or labels.dtype.kind == "i":
        if labels.dtype.kind != "b" and labels.size and not _fits(labels):
            return labels
        return labels.astype(np.float64)
    return labels


def _fits(labels: Array) -> bool:
    return bool(labels.max() <= _EXACT and labels.min() >= -_EXACT)
