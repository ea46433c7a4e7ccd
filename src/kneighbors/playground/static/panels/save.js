// SPDX-License-Identifier: Apache-2.0
// save: a link, a program, a picture, the model's three files.

import { download } from "../dom.js";

export function savePanel(parts, actions) {
  const told = (button, text) => {
    const before = button.dataset.text ?? button.textContent;
    button.dataset.text = before;
    button.textContent = text;
    actions.say(text);
    window.setTimeout(() => {
      button.textContent = before;
    }, 1800);
  };

  async function copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
      told(button, "Copied");
    } catch {
      told(button, "Not copied: select it");
    }
  }

  const guarded = (button, work) =>
    button.addEventListener("click", async () => {
      try {
        await work();
      } catch (error) {
        actions.notice(error.message);
      }
    });

  guarded(parts.link, () => copy(parts.link, actions.address()));
  guarded(parts.python, async () => {
    const text = await actions.program();
    parts.program.textContent = text;
    parts["program-box"].open = true;
    await copy(parts.python, text);
  });
  guarded(parts.png, async () => {
    const picture = await actions.picture();
    download(picture, "kneighbors.png", "image/png");
    told(parts.png, "Saved");
  });
  guarded(parts.model, async () => {
    download(await actions.model(), "model.tar.gz", "application/gzip");
    told(parts.model, "Saved");
  });
  parts["program-box"].addEventListener("toggle", async () => {
    if (!parts["program-box"].open || parts.program.textContent) return;
    try {
      parts.program.textContent = await actions.program();
    } catch (error) {
      parts.program.textContent = error.message;
    }
  });

  return {
    stale() {
      if (!parts["program-box"].open) parts.program.textContent = "";
      else if (parts.program.textContent) actions.program().then((text) => { parts.program.textContent = text; }, () => {});
    },
  };
}
