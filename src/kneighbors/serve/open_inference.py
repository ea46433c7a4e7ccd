# SPDX-License-Identifier: Apache-2.0
"""The Open Inference Protocol, version 2, over HTTP: health, metadata and inference.

One input, the rows; outputs ``predicted_label``, ``ids``, ``distances`` and ``probabilities``, as the
estimators give them, nearest first. Numbers travel as JSON or, where the client asks for it, as raw bytes
behind the JSON (the binary tensor data extension).
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..pipeline import Answers
from .batching import Batcher
from .decode_json import document
from .decode_npy import as_rows
from .decoding import check_finite
from .invocations import VERSION_HEADER, check_size
from .limits import Limits
from .media import JSON, content_type
from .messages import Request, RequestError, Response
from .outputs import finite
from .registry import Registry
from .served import ServedModel

__all__ = ["OpenInference"]

Array = NDArray[Any]

_DATATYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_BINARY_HEADER = "inference-header-content-length"
_ALWAYS = ("predicted_label", "ids", "distances")


@dataclass(frozen=True)
class _Asked:
    """A request, read: rows, k, the outputs by name and whether each goes as bytes, and its id."""

    rows: Array
    k: int
    outputs: dict[str, bool]
    id: str | None


class OpenInference:
    """What is asked of a registry of models.

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

    def server(self, request: Request) -> Response:
        """What this server is."""
        return Response.json(
            {"name": "kneighbors", "version": __version__, "extensions": ["binary_tensor_data"]}
        )

    def live(self, request: Request) -> Response:
        """200 as soon as the server answers."""
        return Response.json({"live": True})

    def ready(self, request: Request) -> Response:
        """200 once every model that was asked for is verified."""
        for slot in self._registry.slots.values():
            slot.model()
        return Response.json({"ready": True})

    def model_ready(self, request: Request) -> Response:
        """200 once this model is verified."""
        self._served(request)
        return Response.json({"name": request.parameters["name"], "ready": True})

    def model(self, request: Request) -> Response:
        """Inputs and outputs of a model."""
        served = self._served(request)
        datatype = "FP32" if served.text_dtype is np.float32 else "FP64"
        return Response.json(
            {
                "name": request.parameters["name"],
                "versions": [served.version],
                "platform": "kneighbors",
                "inputs": [{"name": "features", "datatype": datatype, "shape": [-1, served.n_features]}],
                "outputs": _output_metadata(served),
            }
        )

    async def infer(self, request: Request) -> Response:
        """Answers for the rows of a request."""
        served = self._served(request)
        if len(request.body) < 64 << 10:
            asked = _read(request, served, self._limits)
        else:
            asked = await asyncio.to_thread(_read, request, served, self._limits)
        check_size(len(asked.rows), asked.k, self._limits)
        answers = await self._batcher.ask(
            served, asked.rows, asked.k, probabilities="probabilities" in asked.outputs
        )
        name = request.parameters["name"]
        if answers.distances.size < 1 << 14:
            return _response(name, served, asked, answers)
        return await asyncio.to_thread(_response, name, served, asked, answers)

    def _served(self, request: Request) -> ServedModel:
        served = self._registry.get(request.parameters["name"]).model()
        version = request.parameters.get("version")
        if version is not None and version != served.version:
            raise RequestError(404, "No model of this version is loaded.", field="model_version")
        return served


def _labels_datatype(served: ServedModel) -> str:
    labels = served.model.labels
    if labels is None or labels.classes is None:
        return "FP64"
    kinds = {classes.dtype.kind for classes in labels.classes}
    if kinds & {"U", "O"}:
        return "BYTES"
    return "INT64" if kinds <= {"i", "u"} else "BOOL" if kinds == {"b"} else "FP64"


def _output_metadata(served: ServedModel) -> list[dict[str, Any]]:
    k, labels = served.k, served.model.labels
    found = [
        {"name": "ids", "datatype": "INT64", "shape": [-1, k]},
        {"name": "distances", "datatype": "FP64", "shape": [-1, k]},
    ]
    if labels is not None:
        shape = [-1, labels.n_outputs] if labels.outputs_2d else [-1]
        found.insert(0, {"name": "predicted_label", "datatype": _labels_datatype(served), "shape": shape})
        if labels.classes is not None and len(labels.classes) == 1:
            shape = [-1, len(labels.classes[0])]
            found.append({"name": "probabilities", "datatype": "FP64", "shape": shape})
    return found


# --- the request -------------------------------------------------------------------------------------------


def _read(request: Request, served: ServedModel, limits: Limits) -> _Asked:
    kind, _ = content_type(request.headers.get("content-type"))
    head, tail = _split(request, kind)
    asked = document(head)
    if not isinstance(asked, dict):
        raise RequestError(400, "The body must be a JSON object.")
    parameters = _parameters(asked, "the request")
    identity = asked.get("id")
    if identity is not None and not (isinstance(identity, str) and len(identity) <= 256):
        raise RequestError(400, "id must be a string of at most 256 characters.", field="id")
    inputs = asked.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RequestError(400, "inputs must be a list of one object: the rows.", field="inputs")
    rows = _tensor(inputs[0], tail, served)
    return _Asked(rows, _k(parameters, served, limits), _outputs(asked, parameters, served), identity)


def _split(request: Request, kind: str) -> tuple[bytes, bytes]:
    """The JSON, and the raw bytes behind it."""
    given = request.headers.get(_BINARY_HEADER)
    if given is None:
        if kind not in ("", JSON):  # clients of this protocol may name no type; nothing changes by asking
            raise RequestError(415, f"The Content-Type must be {JSON}.", field="content-type")
        return request.body, b""
    if kind not in ("", JSON, "application/octet-stream"):
        raise RequestError(415, "The Content-Type must be application/octet-stream.", field="content-type")
    if not given.isdecimal() or len(given) > 10 or int(given) > len(request.body):
        raise RequestError(400, "It must be a number of bytes within the body.", field=_BINARY_HEADER)
    return request.body[: int(given)], request.body[int(given) :]


def _parameters(table: dict[str, Any], place: str) -> dict[str, Any]:
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RequestError(400, f"The parameters of {place} must be an object.", field="parameters")
    return parameters


def _k(parameters: dict[str, Any], served: ServedModel, limits: Limits) -> int:
    k = parameters.get("k", served.k)
    limit = min(limits.k, int(served.model.limit))
    if type(k) is not int or not 1 <= k <= limit:
        raise RequestError(400, f"k must be an integer from 1 to {limit}.", field="k")
    return k


def _outputs(asked: dict[str, Any], parameters: dict[str, Any], served: ServedModel) -> dict[str, bool]:
    known = [entry["name"] for entry in _output_metadata(served)]
    binary = parameters.get("binary_data_output", False) is True
    given = asked.get("outputs")
    if given is None or given == []:
        return {name: binary for name in known if name in _ALWAYS}
    if not isinstance(given, list) or len(given) > len(known):
        raise RequestError(400, f"outputs must be a list of {', '.join(known)}.", field="outputs")
    wanted: dict[str, bool] = {}
    for entry in given:
        name = entry.get("name") if isinstance(entry, dict) else None
        if name not in known or name in wanted:
            raise RequestError(400, f"An output is one of {', '.join(known)}.", field="outputs")
        wanted[str(name)] = _parameters(entry, "an output").get("binary_data", binary) is True
    return wanted


def _tensor(tensor: dict[str, Any], tail: bytes, served: ServedModel) -> Array:
    if not isinstance(tensor.get("name"), str):
        raise RequestError(400, "An input has a name.", field="name")
    code = _DATATYPES.get(tensor["datatype"]) if isinstance(tensor.get("datatype"), str) else None
    if code is None:
        raise RequestError(400, f"The datatype must be one of {', '.join(_DATATYPES)}.", field="datatype")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) != 2 or any(type(length) is not int for length in shape):
        raise RequestError(400, "The shape must be [rows, features].", field="shape")
    if any(not 1 <= length < 1 << 31 for length in shape) or math.prod(shape) >= 1 << 31:
        raise RequestError(400, "The shape's lengths must be 1 or more, and fit the body.", field="shape")
    if shape[1] != served.n_features:
        raise RequestError(
            400, f"Rows have {shape[1]} features; the model has {served.n_features}.", field="shape"
        )
    size = _parameters(tensor, "an input").get("binary_data_size")
    if size is not None:
        if type(size) is not int or size != len(tail) or "data" in tensor:
            raise RequestError(
                400, "binary_data_size must be the bytes behind the JSON, without data.", field="data"
            )
        if size != math.prod(shape) * np.dtype(code).itemsize:
            raise RequestError(400, "The bytes do not fit the shape and datatype.", field="data")
        values = np.frombuffer(tail, dtype=code).reshape(shape)
    else:
        if tail:
            raise RequestError(400, "There are bytes behind the JSON that no input names.", field="data")
        values = _typed(_flat(tensor.get("data"), shape), code).reshape(shape)
    rows = as_rows(values)
    check_finite(rows)
    return rows


def _flat(data: Any, shape: list[int]) -> Array:
    """The numbers of a flat list, or of a list of rows."""
    if isinstance(data, list) and data and isinstance(data[0], (list, np.ndarray)):
        if len(data) != shape[0]:
            raise RequestError(400, "The data do not fit the shape.", field="data")
        pieces = [_numbers(row, shape[1], place) for place, row in enumerate(data)]
        return np.concatenate(pieces)
    return _numbers(data, shape[0] * shape[1], None)


def _numbers(data: Any, n_expected: int, row: int | None) -> Array:
    if isinstance(data, list) and set(map(type, data)) <= {int, float, bool}:
        data = np.array(data, dtype=np.float64)
    if not isinstance(data, np.ndarray):
        raise RequestError(400, "The data must be a list of numbers.", field="data", row=row)
    if len(data) != n_expected:
        raise RequestError(
            400, f"There are {len(data)} numbers; the shape says {n_expected}.", field="data", row=row
        )
    return data


def _typed(values: Array, code: str) -> Array:
    """Numbers of JSON as their datatype says; what it cannot hold is refused."""
    dtype = np.dtype(code)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            typed = values.astype(dtype)
        if not np.isfinite(typed).all():
            raise RequestError(400, "A number is beyond its datatype.", field="data")
        return typed
    low, high = (0, 1) if dtype.kind == "b" else (float(np.iinfo(dtype).min), float(np.iinfo(dtype).max))
    if (values != np.floor(values)).any() or (values < low).any() or (values > high).any():
        raise RequestError(400, "A number is beyond its datatype.", field="data")
    return values  # whole numbers, searched as float64 in any case


# --- the answer --------------------------------------------------------------------------------------------


def _response(name: str, served: ServedModel, asked: _Asked, answers: Answers) -> Response:
    outputs: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for output, binary in asked.outputs.items():
        values, datatype = _output(output, served, answers)
        entry: dict[str, Any] = {"name": output, "datatype": datatype, "shape": list(values.shape)}
        if binary:
            content = _as_bytes(values, datatype)
            entry["parameters"] = {"binary_data_size": len(content)}
            tail.append(content)
        else:
            entry["data"] = values.ravel().tolist()
        outputs.append(entry)
    about: dict[str, Any] = {"model_name": name, "model_version": served.version}
    if asked.id is not None:
        about["id"] = asked.id
    head = msgspec.json.encode({**about, "outputs": outputs})
    headers = {VERSION_HEADER: served.version}
    if not tail:
        return Response(head, 200, JSON, headers)
    headers[_BINARY_HEADER] = str(len(head))
    return Response(b"".join([head, *tail]), 200, "application/octet-stream", headers)


def _output(name: str, served: ServedModel, answers: Answers) -> tuple[Array, str]:
    if name == "ids":
        return answers.ids, "INT64"
    if name == "distances":
        return finite(answers.distances), "FP64"
    if name == "probabilities":
        assert answers.probabilities is not None
        return answers.probabilities[0], "FP64"
    assert answers.predicted is not None
    datatype, predicted = _labels_datatype(served), answers.predicted
    if datatype == "BYTES":
        return predicted.astype(str).astype(object), datatype
    return predicted.astype(_DATATYPES[datatype]), datatype


def _as_bytes(values: Array, datatype: str) -> bytes:
    if datatype != "BYTES":
        return np.ascontiguousarray(values, dtype=_DATATYPES[datatype]).tobytes()
    texts = [text.encode() for text in values.ravel().tolist()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
