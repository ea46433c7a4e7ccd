// SPDX-License-Identifier: Apache-2.0
// distance and scale: what near means, and whether the columns have the same say.

import { choice, draw } from "../dom.js";

const ring = (path) => draw("svg", { viewBox: "0 0 22 22", width: 22, height: 22, "aria-hidden": "true", class: "glyph" }, draw("path", { d: path }));

const METRICS = {
  euclidean: {
    text: "Euclidean",
    glyph: "M20 11A9 9 0 1 1 2 11A9 9 0 1 1 20 11Z",
    note: "As the crow flies: √Σ(xᵢ − qᵢ)². Its ball is a circle.",
  },
  manhattan: {
    text: "Manhattan",
    glyph: "M11 2 20 11 11 20 2 11Z",
    note: "Along the streets: Σ|xᵢ − qᵢ|. Its ball is a diamond, and boundaries take corners.",
  },
  chebyshev: {
    text: "Chebyshev",
    glyph: "M3 3H19V19H3Z",
    note: "Only the worst column counts: max |xᵢ − qᵢ|. Its ball is a square.",
  },
  minkowski: {
    text: "Minkowski",
    glyph: "M11 2C18.5 2 20 3.5 20 11S18.5 20 11 20 2 18.5 2 11 3.5 2 11 2Z",
    note: "All between: (Σ|xᵢ − qᵢ|ᵖ)^(1/p). p = 1 is Manhattan, 2 Euclidean, and a large p nears Chebyshev.",
  },
  cosine: {
    text: "Cosine",
    glyph: "M3 19 13 2M3 19 20 11M12.2 3.6A18 18 0 0 1 18.6 11.7",
    note: "Only the direction from the origin counts: 1 − cos. Its ball is a wedge, however far out.",
  },
  mahalanobis: {
    text: "Mahalanobis",
    glyph: "M17.5 4.5C20 7 17.5 12 14 15.300 9.500 19.500 5.500 19 4.200 17.500 2.500 15 5 10 8.500 7 12 3.500 16 2.800 17.500 4.500Z",
    note: "Euclidean after undoing the spread of the data: columns of any unit, even correlated ones. Its ball is an ellipse along the cloud.",
  },
};

const SCALES = {
  none: "none",
  standard: "standard",
  minmax: "min–max",
  robust: "robust",
  unit: "unit rows",
};

export function settingsPanels(parts, actions) {
  const showMetric = choice(
    parts["metric-choices"],
    "Metric",
    Object.entries(METRICS).map(([value, { text, glyph }]) => ({ value, text, icon: ring(glyph) })),
    (metric) => actions.set({ metric }, "metric"),
  );
  parts["metric-choices"].firstElementChild.classList.add("tiles");
  parts.p.addEventListener("input", () => actions.set({ p: Number(parts.p.value) }, "p"));
  const showScale = choice(
    parts["scale-choices"],
    "Scaling",
    Object.entries(SCALES).map(([value, text]) => ({ value, text })),
    (value) => actions.scale(value === "none" ? null : value),
  );
  parts.compare.addEventListener("change", () => actions.compare(parts.compare.checked));
  parts["wipe-range"].addEventListener("input", () => actions.set({ wipe: Number(parts["wipe-range"].value) / 1000 }));

  // The line itself can be dragged too.
  parts["wipe-line"].addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    parts["wipe-line"].setPointerCapture(event.pointerId);
  });
  parts["wipe-line"].addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (!parts["wipe-line"].hasPointerCapture(event.pointerId)) return;
    const box = parts.plane.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    actions.set({ wipe: Number(Math.max(0, Math.min(1, share)).toFixed(3)) });
  });
  parts["wipe-line"].addEventListener("pointerup", (event) => event.stopPropagation());

  return {
    names: Object.fromEntries(Object.entries(METRICS).map(([name, { text }]) => [name, text])),
    show(state) {
      showMetric(state.metric);
      parts["p-box"].hidden = state.metric !== "minkowski";
      parts.p.value = String(state.p);
      parts["p-out"].textContent = String(state.p);
      parts["metric-note"].textContent = METRICS[state.metric]?.note ?? "";
      showScale(state.scale ?? "none");
      const wiping = state.wipe !== null && state.scale !== null;
      parts.compare.checked = wiping;
      parts.wipe.hidden = parts["wipe-control"].hidden = !wiping;
      if (wiping) {
        parts["wipe-range"].value = String(Math.round(1000 * state.wipe));
        parts["wipe-line"].style.left = `${100 * state.wipe}%`;
      }
    },
  };
}
