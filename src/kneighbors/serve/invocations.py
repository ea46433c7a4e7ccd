# SPDX-License-Identifier: Apache-2.0
"""The managed service's routes for one model: /ping, /invocations and /execution-parameters."""

from __future__ import annotations

import asyncio

from ..pipeline import Answers
from .batching import Batcher
from .decoding import decode
from .encode_json import prediction_lines, predictions
from .encode_recordio import records
from .limits import Limits
from .media import JSON, JSON_LINES, Wanted, content_type, wanted
from .messages import Request, RequestError, Response
from .registry import Registry
from .served import ServedModel
from .slots import Slot

__all__ = ["VERSION_HEADER", "Invocations", "check_size"]

VERSION_HEADER = "x-kneighbors-model-version"
_THREAD_BYTES = 64 << 10  # a larger body is read, and a larger answer written, outside the event loop
_THREAD_VALUES = 1 << 14


class Invocations:
    """What is asked of a server with one model.

    Parameters
    ----------
    registry : Registry
    batcher : Batcher
    limits : Limits
    """

    def __init__(self, registry: Registry, batcher: Batcher, limits: Limits) -> None:
        self._registry = registry
        self._batcher = batcher
        self._limits = limits

    def ping(self, request: Request) -> Response:
        """200 once every model that was asked for is verified."""
        for slot in self._registry.slots.values():
            slot.model()
        return Response(b"")

    def execution_parameters(self, request: Request) -> Response:
        """What batch transform asks before it begins."""
        return Response.json(
            {
                "MaxConcurrentTransforms": 4,
                "BatchStrategy": "MULTI_RECORD",
                "MaxPayloadInMB": min(100, self._limits.body_bytes >> 20),
            }
        )

    async def invoke(self, request: Request) -> Response:
        """Predictions for the rows of a body."""
        return await self.predict(self._registry.only(), request)

    async def predict(self, slot: Slot, request: Request) -> Response:
        """Predictions of one model."""
        served = slot.model()
        answer_as = wanted(request.headers.get("accept"))
        kind, parameters = content_type(request.headers.get("content-type"))
        body = request.body
        if len(body) < _THREAD_BYTES:
            rows = decode(kind, dict(parameters), body, served)
        else:
            rows = await asyncio.to_thread(decode, kind, dict(parameters), body, served)
        check_size(len(rows), served.k, self._limits)
        answers = await self._batcher.ask(served, rows, served.k)
        if answers.distances.size < _THREAD_VALUES:
            content = _encode(served, answers, answer_as)
        else:
            content = await asyncio.to_thread(_encode, served, answers, answer_as)
        return Response(content, 200, answer_as.format, {VERSION_HEADER: served.version})


def check_size(n_rows: int, k: int, limits: Limits) -> None:
    """Refuse what would take too much memory to answer."""
    if k > limits.k:
        raise RequestError(400, f"k is {k}; at most {limits.k} neighbours are answered.", field="k")
    if n_rows * k > limits.neighbors:
        raise RequestError(
            413,
            f"{n_rows} rows with {k} neighbours each are over {limits.neighbors}. Send at most "
            f"{limits.neighbors // k} rows at a time.",
            field="body",
        )


def _encode(served: ServedModel, answers: Answers, answer_as: Wanted) -> bytes:
    if answer_as.format == JSON:
        return predictions(served, answers, answer_as.level)
    if answer_as.format == JSON_LINES:
        return prediction_lines(served, answers, answer_as.level)
    return records(served, answers, answer_as.level)
