# SPDX-License-Identifier: Apache-2.0
"""The page on the server and in a notebook: what is served, what is refused, what the wheel carries."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

import pytest

from kneighbors.playground.app import page_files
from kneighbors.playground.widget import answer_message, playground, widget_module

CSV = json.dumps({"text": "0,1\n2,3\n"}).encode()


def ask(site: str, path: str, body: bytes | None = None, **headers: str):
    request = urllib.request.Request(
        site + path, body, {name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_the_page_and_its_files_are_served_with_a_strict_policy(site):
    status, headers, body = ask(site, "/")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b"http://" not in body.replace(b"http://www.w3.org", b"") and b"https://" not in body
    for name, (media_type, content) in page_files().items():
        if name == "index.html":
            continue
        status, headers, body = ask(site, f"/static/{name}")
        assert (status, headers["content-type"], body) == (200, media_type, content)


def test_no_file_of_the_page_names_another_origin():
    for name, (_, content) in page_files().items():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), name
        assert "SPDX-License-Identifier: Apache-2.0" in text or name == "icon.svg", name


def test_requests_are_answered(site):
    status, headers, body = ask(site, "/api/csv", CSV, content_type="application/json")
    assert status == 200 and headers["content-type"] == "application/json"
    assert len(json.loads(body)["points"]) == 2


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/api/csv", CSV, {"content_type": "text/plain"}, 415),
        ("/api/csv", None, {}, 405),
        ("/api/nothing", b"{}", {"content_type": "application/json"}, 404),
        ("/api/csv", b"{}", {"content_type": "application/json"}, 400),
        ("/static/../app.py", None, {}, 404),
        ("/static/%2e%2e/app.py", None, {}, 404),
        ("/", None, {"host": "elsewhere.example"}, 421),
    ],
)
def test_what_is_refused(site, path, body, headers, status):
    answer = ask(site, path, body, **headers)
    assert answer[0] == status
    assert set(json.loads(answer[2])) == {"error", "field", "row"}


def test_an_error_names_field_and_row(site):
    body = json.dumps({"state": {"points": [[0, 0, 0], [1, 1, 77]]}}).encode()
    status, _, told = ask(site, "/api/curve", body, content_type="application/json")
    assert status == 400 and json.loads(told)["row"] == 1


def test_the_widget_answers_as_the_server_does(site):
    told, content = answer_message({"id": 7, "name": "csv", "body": CSV.decode()})
    assert told == {"id": 7, "ok": True, "type": "application/json"}
    assert content == ask(site, "/api/csv", CSV, content_type="application/json")[2]
    told, content = answer_message({"id": 8, "name": "csv", "body": "{}"})
    assert not told["ok"] and set(json.loads(content)) == {"error", "field", "row"}
    assert not answer_message("nonsense")[0]["ok"]


def test_the_widget_is_made_of_the_pages_modules():
    pytest.importorskip("anywidget")
    module = widget_module()
    named = json.loads(module.splitlines()[0].removeprefix("const SOURCES = ").rstrip(";"))
    known: set[str] = set()
    for name, source in named:
        assert set(re.findall(r"@@([^@]+)@@", source)) <= known, f"{name} comes before what it imports"
        known.add(name)
    assert known == {name for name in page_files() if name.endswith(".js")} - {"main.js"}
    assert playground("preset=iris").address == "preset=iris"


def test_the_widget_draws_in_a_browser(browser, site):
    """The module is run as a notebook runs it, with a model whose messages are answered from here."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))

    def answered(message):
        told, content = answer_message(message)
        return {"told": told, "bytes": list(content)}

    page.expose_function("askPython", answered)
    page.set_content("<!doctype html><html lang=en><title>notebook</title><div id=cell></div>")
    page.evaluate(
        """async (source) => {
          const listeners = [];
          const values = { address: "preset=xor&k=3&task=classification" };
          const model = {
            get: (name) => values[name],
            set: (name, value) => { values[name] = value; },
            save_changes: () => {},
            on: (name, listener) => { if (name === "msg:custom") listeners.push(listener); },
            send: async (message) => {
              const { told, bytes } = await window.askPython(message);
              for (const listener of listeners) listener(told, [new DataView(new Uint8Array(bytes).buffer)]);
            },
          };
          const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const { render } = await import(address);
          await render({ model, el: document.getElementById("cell") });
          window.values = values;
        }""",
        widget_module(),
    )
    root = page.locator("#cell .kn")
    root.wait_for()
    page.wait_for_function(
        "() => document.querySelector('#cell > div').shadowRoot.querySelector('.kn').dataset.grid"
    )
    assert "XOR" in page.locator("[data-part=caption]").inner_text()
    page.locator('input[value="manhattan"]').check(force=True)
    page.wait_for_function("() => window.values.address.includes('manhattan')")
    context.close()
    assert not troubles
