# SPDX-License-Identifier: Apache-2.0
"""The page in a notebook: the same modules, whose requests go to this process instead of over HTTP."""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import KneighborsError, MissingExtraError
from . import api
from .app import page_files

__all__ = ["answer_message", "playground", "widget_module", "widget_style"]

_IMPORT = re.compile(r'from "(\.[^"]+)"|import "(\.[^"]+)"')

_BOOT = """
// Each module becomes a blob; imports are rewritten to the blobs of what they name, innermost first.
async function assemble(sources) {
  const addresses = {};
  for (const [name, source] of sources) {
    const text = source.replaceAll(/@@([^@]+)@@/g, (_, wanted) => addresses[wanted]);
    addresses[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  }
  return import(addresses["app.js"]);
}

export async function render({ model, el }) {
  const { mount } = await assemble(SOURCES);
  const host = document.createElement("div");
  const shadow = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = STYLE;
  const root = document.createElement("div");
  root.className = "kn in-notebook";
  shadow.append(style, root);
  el.append(host);
  const waiting = new Map();
  let last = 0;
  model.on("msg:custom", (told, buffers) => {
    const resolve = waiting.get(told.id);
    waiting.delete(told.id);
    if (!resolve) return;
    const { buffer, byteOffset, byteLength } = buffers[0];
    resolve({ ok: told.ok, type: told.type, bytes: new Uint8Array(buffer, byteOffset, byteLength) });
  });
  const request = (name, body) =>
    new Promise((resolve) => {
      last += 1;
      waiting.set(last, resolve);
      model.send({ id: last, name, body: JSON.stringify(body) });
    });
  let kept = model.get("address");
  const address = {
    read: () => kept,
    write: (text) => {
      kept = text;
      model.set("address", text);
      model.save_changes();
    },
    onChange: (listener) => model.on("change:address", () => {
      kept = model.get("address");
      listener();
    }),
    full: (text) => `#${text}`,
  };
  await mount(root, { request, address });
}

export default { render };
"""


def widget_module() -> str:
    """The page's modules as one module for anywidget, dependencies before those who import them.

    Examples
    --------
    >>> "export default" in widget_module()
    True
    """
    sources = {name: content.decode() for name, (_, content) in page_files().items() if name.endswith(".js")}
    sources.pop("main.js")
    ordered: list[tuple[str, str]] = []
    done: set[str] = set()

    def add(name: str) -> None:
        if name in done:
            return
        done.add(name)

        def rewritten(found: re.Match[str]) -> str:
            target = _resolved(name, found[1] or found[2])
            add(target)
            return found[0].replace(found[1] or found[2], f"@@{target}@@")

        ordered.append((name, _IMPORT.sub(rewritten, sources[name])))

    add("app.js")
    return f"const SOURCES = {json.dumps(ordered)};\nconst STYLE = {json.dumps(widget_style())};\n{_BOOT}"


def widget_style() -> str:
    """The page's style sheets as one."""
    files = page_files()
    return "\n".join(files[name][1].decode() for name in ("style.css", "panels.css"))


def _resolved(importer: str, target: str) -> str:
    """``./x.js`` and ``../x.js`` as seen from a module, to a name below ``static/``."""
    parts = importer.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return "/".join(parts)


def playground(address: str = "") -> Any:
    """The playground as a notebook widget.

    Parameters
    ----------
    address : str, default=""
        What stands after the # in the page's link: data and settings to begin with. The widget's own
        ``address`` follows what happens on it, and can be set.

    Returns
    -------
    anywidget.AnyWidget

    Raises
    ------
    MissingExtraError
        anywidget is not installed.

    Examples
    --------
    >>> from kneighbors.playground.widget import playground
    >>> playground("preset=spiral&k=3")  # doctest: +SKIP
    """
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise MissingExtraError(
            "The notebook widget needs anywidget: pip install 'kneighbors[widget]'. The page itself needs "
            "nothing more: kneighbors playground."
        ) from error

    class Playground(anywidget.AnyWidget):
        _esm = widget_module()
        address = traitlets.Unicode("").tag(sync=True)

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.on_msg(self._asked)

        def _asked(self, _: Any, message: Any, __: Any) -> None:
            told, content = answer_message(message)
            self.send(told, buffers=[content])

    return Playground(address=address)


def answer_message(message: Any) -> tuple[dict[str, Any], bytes]:
    """The head and the content of the answer to one of the widget's messages."""
    number = message.get("id") if isinstance(message, dict) else None
    try:
        name, body = message["name"], message["body"]
        answer = api.answer(str(name), str(body).encode())
        return {"id": number, "ok": True, "type": answer.media_type}, answer.content
    except (KeyError, TypeError):
        told = {"error": "A message has id, name and body.", "field": None, "row": None}
    except KneighborsError as error:
        told = api.failure(error)
    return {"id": number, "ok": False, "type": "application/json"}, json.dumps(told).encode()
