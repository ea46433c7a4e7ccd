// SPDX-License-Identifier: Apache-2.0
// The page in a browser: requests go to the server it came from, the state lives in the address.

import { mount } from "./app.js";

async function request(name, body) {
  const response = await fetch(`api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { ok: response.ok, type: response.headers.get("Content-Type") ?? "", bytes };
}

const address = {
  read: () => window.location.hash.slice(1),
  write: (text) => window.history.replaceState(null, "", `#${text}`),
  onChange: (listener) => window.addEventListener("hashchange", listener),
  full: (text) => window.location.href.split("#")[0] + "#" + text,
};

// For the browser's console, and for tests: what is on screen, and what the engine answered.
window.playground = await mount(document.getElementById("playground"), { request, address });
