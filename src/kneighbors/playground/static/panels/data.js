// SPDX-License-Identifier: Apache-2.0
// data: presets as small pictures, the class of new points, and rows pasted or dropped.

import { draw, figure, make } from "../dom.js";
import { markPath } from "../palette.js";
import { Plane } from "../plane.js";
import { unpackGrid } from "../engine.js";

const [THUMB_WIDTH, THUMB_HEIGHT] = [60, 50];

export function dataPanel(parts, palette, actions, engine, about) {
  let chipsFor = "";
  const thumbs = new Map();

  // --- presets
  for (const [name, preset] of Object.entries(about.presets)) {
    const regions = make("canvas", { ariaHidden: "true" });
    const marks = make("canvas", { ariaHidden: "true" });
    const button = make("button", { type: "button", className: "preset", title: preset.note }, make("span", { className: "thumb" }, regions, marks), make("span", { className: "preset-name" }, preset.title));
    button.addEventListener("click", () => actions.preset(name));
    parts.presets.append(button);
    thumbs.set(name, { button, plane: new Plane(regions, marks, palette), scene: null });
  }

  async function paintThumbs() {
    for (const [name, thumb] of thumbs) {
      try {
        const preset = await engine.ask("preset", { name });
        const told = { points: preset.points, task: "classification", n_neighbors: 5, ...preset.settings };
        const grid = unpackGrid(await engine.ask("regions", { state: told, view: preset.view, columns: THUMB_WIDTH, rows: THUMB_HEIGHT }));
        thumb.plane.view = preset.view;
        thumb.plane.grid = { ...grid, task: told.task };
        thumb.scene = { state: { ...told, wipe: null } };
        thumb.plane.radius = () => 1.9;
        thumb.plane.scene = thumb.scene;
        thumb.plane.resize();
      } catch {
        thumb.button.classList.add("bare");
      }
    }
  }

  // --- the class of new points
  function chips(state, active) {
    const highest = Math.max(1, ...state.points.map((point) => point[2]));
    const shown = Math.min(about.limits.classes, Math.max(highest, active) + 2);
    const key = `${shown} ${palette.theme}`;
    if (key !== chipsFor) {
      chipsFor = key;
      const focused = parts.classes.querySelector(":focus")?.value;
      for (const old of parts.classes.querySelectorAll("label")) old.remove();
      for (let label = 0; label < shown; label += 1) {
        const input = make("input", { type: "radio", name: "class", value: String(label) });
        input.addEventListener("change", () => actions.choose(label));
        const mark = draw("svg", { viewBox: "-9 -9 18 18", width: 18, height: 18, "aria-hidden": "true" }, draw("path", { d: markPath(palette.shape(label), 0, 0, 6.6), fill: palette.color(label) }));
        const chip = make("label", { title: `Class ${label}: ${palette.name(label)} ${palette.shape(label)} (key ${label})` }, input, make("span", { className: "face" }, mark, make("span", { className: "chip-number" }, String(label)), make("span", { className: "hidden" }, ` ${palette.name(label)} ${palette.shape(label)}`)));
        parts.classes.append(chip);
        if (focused === String(label)) input.focus();
      }
    }
    const input = parts.classes.querySelector(`input[value="${active}"]`);
    if (input) input.checked = true;
  }

  // --- what the colours of values mean
  function legend(state) {
    const targets = state.points.map((point) => point[2]);
    if (!targets.length) return parts["value-scale"].replaceChildren();
    const bar = make("i");
    bar.style.background = `linear-gradient(to right, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => palette.value(share)).join(", ")})`;
    return parts["value-scale"].replaceChildren(figure(Math.min(...targets)), bar, figure(Math.max(...targets)));
  }

  // --- your rows
  const asText = (state) => [`${state.axes.map((name) => name.replaceAll(",", "")).join(",")},label`, ...state.points.map((point) => point.join(","))].join("\n");

  async function use(text) {
    parts["csv-notice"].hidden = true;
    try {
      const read = await engine.ask("csv", { text });
      actions.rows(read);
      parts.dialog.close?.();
    } catch (error) {
      parts["csv-notice"].textContent = error.message;
      parts["csv-notice"].hidden = false;
      if (!parts.dialog.open) actions.notice(error.message);
    }
  }

  parts.paste.addEventListener("click", () => {
    parts.csv.value = asText(actions.state());
    parts["csv-notice"].hidden = true;
    parts.dialog.showModal();
    parts.csv.select();
    parts.csv.scrollTop = 0;
  });
  parts["csv-use"].addEventListener("click", () => use(parts.csv.value));
  parts["csv-file"].addEventListener("change", async () => {
    const file = parts["csv-file"].files[0];
    if (file) parts.csv.value = await file.text();
    parts["csv-file"].value = "";
  });
  parts.plane.addEventListener("dragover", (event) => {
    event.preventDefault();
    parts.drop.hidden = false;
  });
  parts.plane.addEventListener("dragleave", () => {
    parts.drop.hidden = true;
  });
  parts.plane.addEventListener("drop", async (event) => {
    event.preventDefault();
    parts.drop.hidden = true;
    const file = event.dataTransfer.files[0];
    const text = file ? await file.text() : event.dataTransfer.getData("text/plain");
    if (text) use(text);
  });
  parts.plane.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text/plain");
    if (text) use(text);
  });

  parts.value.addEventListener("input", () => actions.value(Number(parts.value.value) / 1000));

  return {
    paintThumbs,
    use,
    repaint() {
      chipsFor = "";
      for (const thumb of thumbs.values()) if (thumb.scene) thumb.plane.resize();
    },
    show(state, active, value) {
      const isClass = state.task === "classification";
      parts.classes.hidden = !isClass;
      parts["value-box"].hidden = isClass;
      if (isClass) chips(state, active);
      else {
        parts["value-out"].textContent = figure(value);
        legend(state);
      }
      for (const [name, { button }] of thumbs) button.setAttribute("aria-pressed", String(state.preset === name));
    },
  };
}
