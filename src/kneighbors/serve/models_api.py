# SPDX-License-Identifier: Apache-2.0
"""The managed service's routes for many models: load, list, look at, unload, invoke by name."""

from __future__ import annotations

from typing import Any

from .decode_json import document
from .invocations import Invocations
from .media import JSON, content_type
from .messages import Request, RequestError, Response
from .registry import Registry

__all__ = ["ModelsApi"]

_PAGE = 100


class ModelsApi:
    """What is asked of a registry of models.

    Parameters
    ----------
    registry : Registry
    invocations : Invocations
    """

    def __init__(self, registry: Registry, invocations: Invocations) -> None:
        self._registry = registry
        self._invocations = invocations

    async def load(self, request: Request) -> Response:
        """Load ``{"model_name", "url"}``."""
        asked = read_object(request)
        name, url = asked.get("model_name"), asked.get("url")
        if not isinstance(name, str):
            raise RequestError(400, "model_name must be a string.", field="model_name")
        if url is not None and not isinstance(url, str):
            raise RequestError(400, "url must be a string.", field="url")
        await self._registry.load(name, url)
        return Response.json(self._about(name))

    def models(self, request: Request) -> Response:
        """The names that are loaded, a hundred at a time."""
        names = sorted(self._registry.slots)
        after = dict(part.partition("=")[::2] for part in request.query.split("&")).get("next_page_token", "")
        names = [name for name in names if name > after]
        page: dict[str, Any] = {"models": [self._about(name) for name in names[:_PAGE]]}
        if len(names) > _PAGE:
            page["nextPageToken"] = names[_PAGE - 1]
        return Response.json(page)

    def model(self, request: Request) -> Response:
        """One model that is loaded."""
        name = request.parameters["name"]
        self._registry.get(name)
        return Response.json(self._about(name))

    async def unload(self, request: Request) -> Response:
        """Unload a model."""
        name = request.parameters["name"]
        await self._registry.unload(name)
        return Response.json({})

    async def invoke(self, request: Request) -> Response:
        """Predictions of the model of this name."""
        return await self._invocations.predict(self._registry.get(request.parameters["name"]), request)

    def _about(self, name: str) -> dict[str, str]:
        return {"modelName": name, "modelUrl": self._registry.slots[name].path}


def read_object(request: Request) -> dict[str, Any]:
    """A JSON object, strictly, under its content type."""
    kind, _ = content_type(request.headers.get("content-type"))
    if kind != JSON:
        raise RequestError(415, f"The Content-Type must be {JSON}.", field="content-type")
    asked = document(request.body)
    if not isinstance(asked, dict):
        raise RequestError(400, "The body must be a JSON object.")
    return asked
