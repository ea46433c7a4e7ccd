# SPDX-License-Identifier: Apache-2.0
"""Answer by all rows within a radius: as many neighbours as there are, none included.

A query without neighbours is an outlier: a regressor says NaN, a classifier the label that it was told to
give, or it refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import vote
from ..errors import DataError
from ..labels import Labels
from ..model import Model
from .answering import check_weights, fitted_labels
from .searching import batches_within

__all__ = ["class_probabilities_within", "classify_within", "regress_within"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Outliers = NDArray[np.int64]


def classify_within(
    model: Model,
    queries: Any | None,
    radius: float,
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    outlier_labels: list[Any] | None = None,
    *,
    n_threads: int = 1,
) -> tuple[NDArray[Any], Outliers]:
    """Class labels of the queries, shaped like ``y``, and which queries had no neighbours.

    ``outlier_labels`` has what those get, for each output; it need not be a class. None refuses them.

    Raises
    ------
    DataError
        Queries without neighbours, and no label for them.
    """
    labels = fitted_labels(model)
    assert labels.classes is not None
    codes = np.empty((_n_queries(model, queries), labels.n_outputs), dtype=np.int64)
    for batch in _batches(model, queries, radius, weights, n_threads):
        for output, classes in enumerate(labels.classes):
            codes[batch.rows, output] = vote.run_winners(
                labels.values[:, output][batch.places],
                batch.offsets,
                batch.weights,
                len(classes),
                None if priors is None else priors[output],
            )
    outliers = np.flatnonzero(codes[:, 0] < 0)
    if outliers.size == 0:
        return labels.decode(list(codes.T)), outliers
    if outlier_labels is None:
        raise _without_neighbours(outliers)
    names = []
    for output, classes in enumerate(labels.classes):
        place = _place(classes, outlier_labels[output])
        names.append(classes if place is not None else np.append(classes, outlier_labels[output]))
        codes[outliers, output] = len(classes) if place is None else place
    return replace(labels, classes=names).decode(list(codes.T)), outliers


def class_probabilities_within(
    model: Model,
    queries: Any | None,
    radius: float,
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    outlier_labels: list[Any] | None = None,
    *,
    n_threads: int = 1,
) -> tuple[list[Floats], Outliers]:
    """For each output the shares of the vote, of shape (n_queries, n_classes), and which queries had no
    neighbours. Those give 1 to their label where it is a class, and 0 to every class where it is none.

    Raises
    ------
    DataError
        Queries without neighbours, and no label for them.
    """
    labels = fitted_labels(model)
    assert labels.classes is not None
    n_queries = _n_queries(model, queries)
    shares = [np.empty((n_queries, len(classes))) for classes in labels.classes]
    alone = np.zeros(n_queries, dtype=bool)
    for batch in _batches(model, queries, radius, weights, n_threads):
        alone[batch.rows] = np.diff(batch.offsets) == 0
        for output, classes in enumerate(labels.classes):
            shares[output][batch.rows] = vote.run_probabilities(
                labels.values[:, output][batch.places],
                batch.offsets,
                batch.weights,
                len(classes),
                None if priors is None else priors[output],
            )
    outliers = np.flatnonzero(alone)
    if outliers.size and outlier_labels is None:
        raise _without_neighbours(outliers)
    for output, label in enumerate(outlier_labels or ()):
        place = _place(labels.classes[output], label)
        if place is not None:
            shares[output][outliers, place] = 1.0
    return shares, outliers


def regress_within(
    model: Model, queries: Any | None, radius: float, weights: vote.Weights = "uniform", *, n_threads: int = 1
) -> Floats:
    """Mean targets of the queries, shaped like ``y``; NaN where a query has no neighbours."""
    labels: Labels = fitted_labels(model)
    means = np.empty((_n_queries(model, queries), labels.n_outputs))
    for batch in _batches(model, queries, radius, weights, n_threads):
        means[batch.rows] = vote.run_means(labels.values[batch.places], batch.offsets, batch.weights)
    return means if labels.outputs_2d else means[:, 0]


@dataclass(frozen=True)
class _Batch:
    """The neighbours of some queries, and what each counts."""

    rows: slice
    offsets: Ids
    places: Ids
    weights: Floats | None


def _batches(
    model: Model, queries: Any | None, radius: float, weights: vote.Weights, n_threads: int
) -> Iterator[_Batch]:
    check_weights(model.metric, weights)
    weighted = model.sample_weight is not None
    for start, offsets, distances, places in batches_within(model, queries, radius, n_threads, own=weighted):
        n_queries, shares = len(offsets) - 1, None
        if model.sample_weight is not None:
            shares = model.sample_weight[places]
            if queries is None:  # one of a row's copies asks, the others answer
                asking = np.repeat(np.arange(start, start + n_queries), np.diff(offsets))
                shares = vote.without_own(shares, places == asking)
                counts = shares > 0.0
                offsets = np.concatenate([[0], np.cumsum(counts)])[offsets]
                distances, places, shares = distances[counts], places[counts], shares[counts]
        counted = vote.run_weights(distances, offsets, weights, shares)
        yield _Batch(slice(start, start + n_queries), offsets, places, counted)


def _n_queries(model: Model, queries: Any | None) -> int:
    return model.n_kept if queries is None else int(queries.shape[0])


def _place(classes: NDArray[Any], label: Any) -> int | None:
    found = np.flatnonzero(classes == label)
    return int(found[0]) if found.size else None


def _without_neighbours(outliers: Outliers) -> DataError:
    shown = ", ".join(map(str, outliers[:10])) + (", ..." if len(outliers) > 10 else "")
    return DataError(
        f"No neighbors found for test samples [{shown}] ({len(outliers)} of them), you can try using larger "
        "radius, giving a label for outliers (outlier_label, their class), or considering removing them from "
        "your dataset.",
        row=int(outliers[0]),
    )
