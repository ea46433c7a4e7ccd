# SPDX-License-Identifier: Apache-2.0
"""/openapi.json: what the routes take and give, in OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import __version__

__all__ = ["description"]

Schema = dict[str, Any]

_NUMBERS: Schema = {"type": "array", "items": {"type": "number"}}
_LABEL: Schema = {
    "description": "A number, or the string of a model with string labels; with several outputs, a list.",
    "type": ["number", "string", "boolean", "array"],
}
_ERROR: Schema = {
    "type": "object",
    "required": ["error", "field", "row"],
    "properties": {
        "error": {"type": "string"},
        "field": {"type": ["string", "null"]},
        "row": {"type": ["integer", "null"]},
    },
}
_VALUES: Schema = {
    "type": "object",
    "required": ["values"],
    "properties": {
        "values": _NUMBERS,
        "keys": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
}
_INSTANCE: Schema = {
    "oneOf": [
        {"type": "object", "required": ["features"], "properties": {"features": _NUMBERS}},
        {
            "type": "object",
            "required": ["data"],
            "properties": {
                "data": {
                    "type": "object",
                    "required": ["features"],
                    "properties": {"features": _VALUES},
                }
            },
        },
    ]
}
_INSTANCES: Schema = {
    "type": "object",
    "required": ["instances"],
    "properties": {"instances": {"type": "array", "items": _INSTANCE}, "configuration": {"type": "object"}},
}
_PREDICTIONS: Schema = {
    "type": "object",
    "required": ["predictions"],
    "properties": {
        "predictions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "predicted_label": _LABEL,
                    "distances": _NUMBERS,
                    "labels": {"type": "array"},
                    "ids": {"type": "array", "items": {"type": "integer"}},
                },
            },
        }
    },
}
_TENSOR: Schema = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}
_INFER: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string", "maxLength": 256},
        "parameters": {"type": "object", "properties": {"k": {"type": "integer", "minimum": 1}}},
        "inputs": {"type": "array", "items": _TENSOR, "minItems": 1, "maxItems": 1},
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
    },
}
_INFERRED: Schema = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
_OBJECT: Schema = {"type": "object"}
_LOADED: Schema = {
    "type": "object",
    "required": ["modelName", "modelUrl"],
    "properties": {"modelName": {"type": "string"}, "modelUrl": {"type": "string"}},
}
_LOAD: Schema = {
    "type": "object",
    "required": ["model_name"],
    "properties": {"model_name": {"type": "string"}, "url": {"type": "string"}},
}
_TEXT: Schema = {"type": "string"}
_ROWS = {
    "application/json": {"schema": _INSTANCES},
    "application/jsonlines": {"schema": _TEXT},
    "text/csv": {"schema": _TEXT},
    "application/x-recordio-protobuf": {"schema": {"type": "string", "format": "binary"}},
    "application/x-npy": {"schema": {"type": "string", "format": "binary"}},
}
_ANSWERS = {
    "application/json": {"schema": _PREDICTIONS},
    "application/jsonlines": {"schema": _TEXT},
    "application/x-recordio-protobuf": {"schema": {"type": "string", "format": "binary"}},
}

# Path: method: summary, what the body may be, what the answer is.
_OPERATIONS: dict[str, dict[str, tuple[str, dict[str, Any] | None, dict[str, Any] | None]]] = {
    "/ping": {"get": ("Whether the model is verified.", None, None)},
    "/invocations": {"post": ("Predictions for rows.", _ROWS, _ANSWERS)},
    "/execution-parameters": {"get": ("What batch transform asks first.", None, _OBJECT)},
    "/metrics": {"get": ("Counters, for Prometheus.", None, {"text/plain": {"schema": _TEXT}})},
    "/openapi.json": {"get": ("This description.", None, _OBJECT)},
    "/models": {
        "get": ("The models that are loaded.", None, _OBJECT),
        "post": ("Load a model.", _LOAD, _LOADED),
    },
    "/models/{name}": {
        "get": ("A model that is loaded.", None, _LOADED),
        "delete": ("Unload a model.", None, _OBJECT),
    },
    "/models/{name}/invoke": {"post": ("Predictions of one model.", _ROWS, _ANSWERS)},
    "/v2": {"get": ("What this server is.", None, _OBJECT)},
    "/v2/health/live": {"get": ("Whether the server answers.", None, _OBJECT)},
    "/v2/health/ready": {"get": ("Whether every model is verified.", None, _OBJECT)},
}
for _place in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
    _OPERATIONS[_place] = {"get": ("Inputs and outputs of a model.", None, _OBJECT)}
    _OPERATIONS[f"{_place}/ready"] = {"get": ("Whether this model is verified.", None, _OBJECT)}
    _OPERATIONS[f"{_place}/infer"] = {"post": ("Open Inference Protocol.", _INFER, _INFERRED)}


def description(paths: Mapping[str, list[str]], *, needs_token: bool = False) -> dict[str, Any]:
    """The document for these paths, as `App.paths` gives them."""
    found: dict[str, Any] = {}
    for path in [*paths, "/openapi.json"]:
        operations = _OPERATIONS.get(path, {})
        found[path] = {method: _operation(path, method, *what) for method, what in operations.items()}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "kneighbors", "version": __version__},
        "paths": {path: operations for path, operations in found.items() if operations},
    }
    if needs_token:
        document["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        document["security"] = [{"token": []}]
    return document


def _operation(
    path: str, method: str, summary: str, body: dict[str, Any] | None, answer: dict[str, Any] | None
) -> Schema:
    ok: Schema = {"description": "The answer."}
    if answer is not None:
        ok["content"] = _content(answer)
    operation: Schema = {
        "summary": summary,
        "responses": {
            "200": ok,
            "default": {
                "description": "Why there is no answer.",
                "content": {"application/json": {"schema": _ERROR}},
            },
        },
    }
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    if names:
        operation["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"},
            }
            for name in names
        ]
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _content(body)}
    return operation


def _content(given: dict[str, Any]) -> dict[str, Any]:
    """Media types as they are; a schema alone is that of JSON."""
    return given if all("/" in name for name in given) else {"application/json": {"schema": given}}
