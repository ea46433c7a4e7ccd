# SPDX-License-Identifier: Apache-2.0
"""What is answered for a batch of queries, before any file format.

An answer has a name and one entry per query. An entry is a single value, a list (of neighbours, or of several
outputs), or a mapping from class to probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..pipeline import Answers

__all__ = ["Answer", "answer"]


@dataclass(frozen=True)
class Answer:
    """One answer for each query.

    Attributes
    ----------
    name : str
        As in JSON: "predicted_label", "ids", "distances", "labels" or "probabilities".
    values : ndarray of shape (n_queries,) or (n_queries, n_parts)
    parts : list of str or None
        Names of the columns where a table has one for each part; None for a single value.
    keys : list of str or None
        The classes, where JSON has a mapping instead of a list.
    """

    name: str
    values: NDArray[Any]
    parts: list[str] | None = None
    keys: list[str] | None = None


def answer(estimator: Any, rows: NDArray[Any], *, probabilities: bool, neighbours: bool) -> list[Answer]:
    """What a fitted estimator says about some rows.

    Parameters
    ----------
    estimator : KNeighborsClassifier, KNeighborsRegressor or NearestNeighbors
    rows : ndarray of shape (n, n_features)
    probabilities : bool
        Add the share of the vote that each class has.
    neighbours : bool
        Add ids, distances and labels of the neighbours, nearest first. Without labels, ids and distances are
        the answer and always there.
    """
    found = estimator._answer(rows, probabilities=probabilities)
    answers = [] if found.predicted is None else [_predicted(found.predicted)]
    if found.probabilities is not None:
        answers += _probabilities(estimator, found.probabilities)
    if neighbours or found.predicted is None:
        answers += _neighbours(estimator, found)
    return answers


def _predicted(labels: NDArray[Any]) -> Answer:
    parts = None if labels.ndim == 1 else [f"predicted_label_{i + 1}" for i in range(labels.shape[1])]
    return Answer("predicted_label", labels, parts)


def _probabilities(estimator: Any, shares: list[NDArray[np.float64]]) -> list[Answer]:
    classes = estimator.classes_
    if not estimator.outputs_2d_:
        return [_shares("probabilities", "probability", shares[0], classes)]
    return [
        _shares(f"probabilities_{i + 1}", f"probability_{i + 1}", part, names)
        for i, (part, names) in enumerate(zip(shares, classes, strict=True))
    ]


def _shares(name: str, prefix: str, shares: NDArray[Any], classes: NDArray[Any]) -> Answer:
    keys = [str(label) for label in classes.tolist()]
    return Answer(name, shares, [f"{prefix}_{key}" for key in keys], keys)


def _neighbours(estimator: Any, found: Answers) -> list[Answer]:
    ranks = range(1, found.ids.shape[1] + 1)
    answers = [
        Answer("ids", found.ids, [f"id_{rank}" for rank in ranks]),
        Answer("distances", found.distances, [f"distance_{rank}" for rank in ranks]),
    ]
    for output, labels in enumerate(found.labels or ()):
        several = f"_{output + 1}" if estimator._model.labels.outputs_2d else ""
        answers.append(Answer(f"labels{several}", labels, [f"label{several}_{rank}" for rank in ranks]))
    return answers
