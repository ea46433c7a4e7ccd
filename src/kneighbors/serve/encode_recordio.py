# SPDX-License-Identifier: Apache-2.0
"""Answers as RecordIO-protobuf: numbers only, so classes that are text are told by their places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import encode_recordio
from ..pipeline import Answers
from .outputs import finite, managed
from .served import ServedModel

__all__ = ["records"]

Array = NDArray[Any]


def records(served: ServedModel, answers: Answers, level: str) -> bytes:
    """One record per row: label ``predicted_label``, and by level ``distances``, ``labels``, ``ids``.

    float32, as the managed service answers; float64 where a class or an id does not survive float32.
    """
    fields: dict[str, Array] = {}
    if answers.predicted is not None:
        predicted = answers.predicted.reshape(len(answers.predicted), -1)
        coded = [_coded(served, predicted[:, output], output) for output in range(predicted.shape[1])]
        fields["predicted_label"] = _narrow(np.stack(coded, axis=1), means=served.task == "regressor")
    if level == "neighbors":
        fields["distances"] = finite(answers.distances)
        fields["ids"] = answers.ids.astype(np.float64)
        labels = answers.labels
    elif level or answers.predicted is None:
        neighbours = managed(served, answers)
        fields["distances"] = finite(neighbours.distances)
        labels = neighbours.labels
        if labels is None:
            fields["ids"] = _narrow(neighbours.ids.astype(np.float64))
    else:
        labels = None
    if labels is not None:
        columns = [_coded(served, labels[output], output) for output in range(len(labels))]
        fields["labels"] = _narrow(np.concatenate(columns, axis=1))
    return encode_recordio(fields)


def _coded(served: ServedModel, labels: Array, output: int) -> Array:
    if labels.dtype.kind in "biuf":
        return labels.astype(np.float64)
    known = served.model.labels
    assert known is not None and known.classes is not None
    classes = known.classes[output]
    if classes.dtype.kind in "biuf":
        return np.asarray(labels.tolist(), dtype=np.float64)
    return np.searchsorted(classes, labels).astype(np.float64)


def _narrow(values: Array, *, means: bool = False) -> Array:
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if means or (narrow == values).all() else values
