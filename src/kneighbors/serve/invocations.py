# SPDX-License-Identifier: Apache-2.0
"""The managed service's routes for one model: /ping, /invocations and /execution-parameters."""

from __future__ import annotations

import asyncio

from ..pipeline import Answers
from .batching import Batcher
from .decoding import decode
from .encode_json import prediction_lines, predictions
from .limits import Limits
from .media import JSON, JSON_LINES, Wanted, content_type, wanted
from .messages import Request, RequestError, Response
from .served import ServedModel
from .slots import Slot

__all__ = ["Invocations"]

VERSION_HEADER = "x-kneighbors-model-version"
_THREAD_BYTES = 64 << 10  # a larger body is read, and a larger answer written, outside the event loop
_THREAD_VALUES = 1 << 14


class Invocations:
    """What is asked of one slot.

    Parameters
    ----------
    slot : Slot
    batcher : Batcher
    limits : Limits
    """

    def __init__(self, slot: Slot, batcher: Batcher, limits: Limits) -> None:
        self._slot = slot
        self._batcher = batcher
        self._limits = limits

    def ping(self, request: Request) -> Response:
        """200 once a model is verified."""
        self._slot.model()
        return Response(b"")

    def execution_parameters(self, request: Request) -> Response:
        """What batch transform asks before it begins."""
        megabytes = self._limits.body_bytes >> 20
        return Response.json(
            {
                "MaxConcurrentTransforms": 4,
                "BatchStrategy": "MULTI_RECORD",
                "MaxPayloadInMB": min(100, megabytes),
            }
        )

    async def invoke(self, request: Request) -> Response:
        """Predictions for the rows of a body."""
        served = self._slot.model()
        answer_as = wanted(request.headers.get("accept"))
        kind, parameters = content_type(request.headers.get("content-type"))
        options = dict(parameters)
        if len(request.body) < _THREAD_BYTES:
            rows = decode(kind, options, request.body, served)
        else:
            rows = await asyncio.to_thread(decode, kind, options, request.body, served)
        check_size(len(rows), served.k, self._limits)
        answers = await self._batcher.ask(served, rows, served.k)
        if answers.distances.size < _THREAD_VALUES:
            body = encode(served, answers, answer_as)
        else:
            body = await asyncio.to_thread(encode, served, answers, answer_as)
        return Response(body, 200, answer_as.format, {VERSION_HEADER: served.version})


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


def encode(served: ServedModel, answers: Answers, answer_as: Wanted) -> bytes:
    """Answers in the format that was asked for."""
    if answer_as.format == JSON:
        return predictions(served, answers, answer_as.level)
    if answer_as.format == JSON_LINES:
        return prediction_lines(served, answers, answer_as.level)
    raise RequestError(406, f"Answers come as {JSON} or {JSON_LINES}.", field="accept")
