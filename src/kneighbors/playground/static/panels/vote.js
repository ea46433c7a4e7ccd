// SPDX-License-Identifier: Apache-2.0
// vote: k beside the leave-one-out error of every k, on one axis.

import { choice, draw, percent } from "../dom.js";

const [WIDTH, HEIGHT, EDGE, TOP, FOOT] = [460, 132, 11, 16, 22];

// The values of k a slider of n points has: each up to 30, then steps of a few percent.
export function stepsOf(n) {
  const ks = [];
  for (let k = 1; k <= n; k = k < 30 ? k + 1 : Math.max(k + 1, Math.round(k * 1.06))) ks.push(k);
  if (ks.length && ks.at(-1) !== n) ks.push(n);
  return ks.length ? ks : [1];
}

export function stepOf(ks, k) {
  let found = 0;
  while (found + 1 < ks.length && ks[found + 1] <= k) found += 1;
  return found;
}

export function votePanel(parts, actions) {
  let ks = [1];
  let told = null;
  let k = 1;

  parts.k.addEventListener("input", () => actions.set({ n_neighbors: ks[Number(parts.k.value)] }, "k"));
  for (const gesture of ["pointerdown", "focus"]) parts.k.addEventListener(gesture, () => actions.ahead());
  parts.curve.addEventListener("click", (event) => {
    const box = parts.curve.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width) * WIDTH;
    const step = Math.round(((share - EDGE) / (WIDTH - 2 * EDGE)) * (ks.length - 1));
    actions.set({ n_neighbors: ks[Math.max(0, Math.min(ks.length - 1, step))] }, "k");
  });
  const showWeights = choice(
    parts["vote-choices"],
    "Each vote counts",
    [
      { value: "uniform", text: "the same" },
      { value: "distance", text: "more when near" },
    ],
    (weights) => actions.set({ weights }, "weights"),
  );
  const showTask = choice(
    parts["vote-choices"],
    "The answer is",
    [
      { value: "classification", text: "a class" },
      { value: "regression", text: "a value" },
    ],
    (task) => actions.task(task),
  );
  const showShade = choice(
    parts["vote-choices"],
    "Shade shows",
    [
      { value: "margin", text: "the lead" },
      { value: "probability", text: "the winner’s share" },
    ],
    (shade) => actions.set({ shade }, "shade"),
  );

  const across = (value) => {
    const step = stepOf(ks, value);
    const next = ks[step + 1];
    const between = next ? (value - ks[step]) / (next - ks[step]) : 0;
    return EDGE + ((step + between) / Math.max(1, ks.length - 1)) * (WIDTH - 2 * EDGE);
  };

  function paint() {
    const svg = parts.curve;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    if (!told) {
      svg.replaceChildren();
      svg.setAttribute("aria-label", "Leave-one-out error over k: two points or more are needed.");
      return;
    }
    // The last few k, where everyone is the majority, may tower over the rest: they are cut off.
    const sorted = told.errors.toSorted((one, other) => one - other);
    const highest = Math.min(1, Math.max(0.02, 1.25 * sorted[Math.floor(0.92 * (sorted.length - 1))]));
    const down = (error) => TOP + (1 - Math.min(1.03, error / highest)) * (HEIGHT - TOP - FOOT);
    const line = told.ks.map((value, place) => `${place ? "L" : "M"}${across(value).toFixed(1)} ${down(told.errors[place]).toFixed(1)}`).join("");
    const bottom = HEIGHT - FOOT;
    const best = told.ks.indexOf(told.best);
    const [bx, by] = [across(told.best), down(told.errors[best])];
    const marks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].filter((value) => value <= ks.at(-1));
    const spaced = marks.filter((value, place) => place === 0 || across(value) - across(marks[place - 1]) > 24 || value === 10);
    const atEnd = bx > WIDTH * 0.72;
    const below = by < (TOP + bottom) / 2 + 16;
    svg.replaceChildren(
      draw("path", { class: "area", d: `${line}L${across(told.ks.at(-1)).toFixed(1)} ${bottom}L${across(1)} ${bottom}Z` }),
      draw("path", { class: "line", d: line }),
      ...spaced.map((value) => draw("text", { class: "tick", x: across(value), y: HEIGHT - 4, "text-anchor": "middle" }, String(value))),
      draw("text", { class: "tick", x: 0, y: 10 }, `${percent(highest)} ${told.measure}`),
      draw("line", { class: "now", x1: across(k), x2: across(k), y1: TOP - 4, y2: bottom }),
      draw("circle", { class: "best", cx: bx, cy: by, r: 5 }),
      draw("text", { class: "best", x: bx + (atEnd ? -9 : 9), y: below ? by + 20 : by - 10, "text-anchor": atEnd ? "end" : "start" }, `best: k = ${told.best}`),
    );
    svg.setAttribute("aria-label", `Leave-one-out error over k: lowest, ${percent(told.errors[best])}, at k = ${told.best}.`);
  }

  function errorAt(value) {
    if (!told) return null;
    const place = stepOf(told.ks, value);
    return told.ks[place] === value ? told.errors[place] : null;
  }

  return {
    errorAt,
    step(by) {
      const place = Math.max(0, Math.min(ks.length - 1, stepOf(ks, k) + by));
      actions.set({ n_neighbors: ks[place] }, "k");
    },
    show(state, curve) {
      told = curve;
      ks = stepsOf(state.points.length);
      k = Math.min(state.n_neighbors, Math.max(1, state.points.length));
      parts.k.max = String(ks.length - 1);
      parts.k.value = String(stepOf(ks, k));
      parts.k.setAttribute("aria-valuetext", `k = ${k}`);
      parts["k-big"].textContent = String(k);
      const error = errorAt(k);
      parts["k-side"].textContent = error === null ? "" : `${percent(error)} ${curve.measure} by leave-one-out`;
      showWeights(state.weights);
      showTask(state.task);
      showShade(state.shade);
      parts["vote-choices"].lastElementChild.hidden = state.task !== "classification";
      paint();
    },
  };
}
