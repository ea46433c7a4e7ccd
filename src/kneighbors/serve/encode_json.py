# SPDX-License-Identifier: Apache-2.0
"""Answers as JSON and JSON lines, a block of rows at a time, so that no block holds the others up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from numpy.typing import NDArray

from ..pipeline import Answers
from .outputs import finite, managed, plain_labels, rows_of
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
    size = max(1, _BLOCK_VALUES // (3 * k + 1 if level else 1))
    if n_rows <= size:
        yield _objects(served, answers, level)
        return
    for start in range(0, n_rows, size):
        yield _objects(served, rows_of(answers, slice(start, start + size)), level)


def _objects(served: ServedModel, answers: Answers, level: str) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {}
    if answers.predicted is not None:
        label = answers.predicted if level == "neighbors" else plain_labels(answers.predicted)
        columns["predicted_label"] = label.tolist()
    if level == "neighbors":
        columns["ids"] = answers.ids.tolist()
        columns["distances"] = finite(answers.distances).tolist()
        if answers.labels is not None:
            columns["labels"] = _per_row(answers.labels)
    elif level or answers.predicted is None:
        neighbours = managed(served, answers)
        columns["distances"] = finite(neighbours.distances).tolist()
        if neighbours.labels is None:
            columns["ids"] = neighbours.ids.tolist()
        else:
            columns["labels"] = _per_row([plain_labels(labels) for labels in neighbours.labels])
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _per_row(outputs: list[NDArray[Any]]) -> list[Any]:
    """Each row's labels: a list, or with several outputs a list for each."""
    if len(outputs) == 1:
        return outputs[0].tolist()  # type: ignore[no-any-return]
    return [list(row) for row in zip(*(labels.tolist() for labels in outputs), strict=True)]
