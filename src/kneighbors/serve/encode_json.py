# SPDX-License-Identifier: Apache-2.0
"""Answers as JSON and JSON lines, a block of rows at a time, so that no block holds the others up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..pipeline import Answers
from .outputs import managed, plain_labels
from .served import ServedModel

__all__ = ["prediction_lines", "predictions"]

_encoder = msgspec.json.Encoder()
_BLOCK_VALUES = 1 << 14


def predictions(served: ServedModel, answers: Answers, level: str) -> bytes:
    """``{"predictions": [...]}``."""
    blocks = [_encoder.encode(block)[1:-1] for block in _blocks(served, answers, level)]
    return b'{"predictions":[' + b",".join(blocks) + b"]}"


def prediction_lines(served: ServedModel, answers: Answers, level: str) -> bytes:
    """One prediction per line."""
    return b"".join(_encoder.encode_lines(block) for block in _blocks(served, answers, level))


def _blocks(served: ServedModel, answers: Answers, level: str) -> Iterator[list[dict[str, Any]]]:
    n_rows, k = answers.distances.shape
    size = max(1, _BLOCK_VALUES // max(1, k * 3 if level else 1))
    for start in range(0, n_rows, size):
        yield _objects(served, _rows(answers, slice(start, start + size)), level)


def _rows(answers: Answers, rows: slice) -> Answers:
    if rows.start == 0 and rows.stop >= len(answers.distances):
        return answers
    return Answers(
        answers.distances[rows],
        answers.ids[rows],
        None if answers.labels is None else [labels[rows] for labels in answers.labels],
        None if answers.predicted is None else answers.predicted[rows],
        None if answers.probabilities is None else [shares[rows] for shares in answers.probabilities],
    )


def _objects(served: ServedModel, answers: Answers, level: str) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {}
    if answers.predicted is not None:
        own = level == "neighbors"
        columns["predicted_label"] = _listed(answers.predicted if own else plain_labels(answers.predicted))
    if level == "neighbors":
        columns["ids"] = answers.ids.tolist()
        columns["distances"] = _finite(answers.distances)
        if answers.labels is not None:
            columns["labels"] = _per_row(answers.labels)
        if answers.probabilities is not None:
            columns["probabilities"] = _per_row(answers.probabilities)
    elif level or answers.predicted is None:
        distances, labels = managed(served, answers)
        columns["distances"] = _finite(distances)
        if labels is None:
            columns["ids"] = _in_managed_order(served, answers).tolist()
        else:
            columns["labels"] = _per_row([plain_labels(one) for one in labels])
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _in_managed_order(served: ServedModel, answers: Answers) -> NDArray[np.int64]:
    is_similarity = str(served.model.metric.effective) in ("cosine", "inner_product")
    return answers.ids[:, ::-1] if is_similarity else answers.ids


def _per_row(outputs: list[NDArray[Any]]) -> list[Any]:
    if len(outputs) == 1:
        return _listed(outputs[0])
    return [list(row) for row in zip(*map(_listed, outputs), strict=True)]


def _listed(values: NDArray[Any]) -> list[Any]:
    return values.tolist()  # type: ignore[no-any-return]


def _finite(distances: NDArray[Any]) -> list[Any]:
    """Numbers for JSON, which has no infinity: a distance beyond the type is its largest number."""
    if not np.isfinite(distances).all():
        limits = np.finfo(distances.dtype)
        distances = np.clip(distances, limits.min, limits.max)
    return distances.tolist()  # type: ignore[no-any-return]
