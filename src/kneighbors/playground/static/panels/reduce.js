// SPDX-License-Identifier: Apache-2.0
// reduce: useless columns close up the distances, and a reduction opens them again.

import { choice, draw, figure, percent } from "../dom.js";

const [WIDTH, HEIGHT, FOOT, SIDE] = [220, 124, 20, 4];
const LINES = { none: "all columns", pca: "PCA to 2", select: "best 2" };

export function reducePanel(parts, actions) {
  parts.noise.addEventListener("input", () => actions.set({ noise: Number(parts.noise.value) }, "noise"));
  const showReduce = choice(
    parts["reduce-choices"],
    "Reduce to two columns",
    [
      { value: "none", text: "no" },
      { value: "pca", text: "PCA", title: "The two directions of largest spread" },
      { value: "select", text: "select", title: "The two columns that differ most between classes" },
      { value: "sign", text: "random signs", title: "Two random sums of all columns" },
    ],
    (value) => actions.set({ reduce: value === "none" ? null : value }, "reduce"),
  );

  function histogram(told) {
    const svg = parts.histogram;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    const { plain, noisy } = told.histograms;
    if (!plain || !noisy) return svg.replaceChildren();
    const highest = Math.max(...plain.shares, ...noisy.shares);
    const step = (WIDTH - 2 * SIDE) / plain.shares.length;
    const down = (share) => HEIGHT - FOOT - (share / highest) * (HEIGHT - FOOT - 8);
    const outline = (shares) => shares.map((share, bin) => `${bin ? "L" : "M"}${SIDE + bin * step} ${down(share).toFixed(1)}h${step.toFixed(2)}`).join("");
    const mean = SIDE + (WIDTH - 2 * SIDE) / plain.edges[1];
    svg.replaceChildren(
      draw("path", { class: "area strong", d: `${outline(noisy.shares)}V${HEIGHT - FOOT}H${SIDE}Z` }),
      draw("path", { class: "line", d: outline(plain.shares) }),
      draw("line", { class: "rule", x1: SIDE, x2: WIDTH - SIDE, y1: HEIGHT - FOOT, y2: HEIGHT - FOOT }),
      draw("text", { class: "tick", x: SIDE, y: HEIGHT - 5 }, "0"),
      draw("text", { class: "tick", x: mean, y: HEIGHT - 5, "text-anchor": "middle" }, "mean"),
      draw("text", { class: "tick", x: WIDTH - SIDE, y: HEIGHT - 5, "text-anchor": "end" }, "2.4 ×"),
    );
    svg.setAttribute("aria-label", `Histogram of distances. The farthest point is ${figure(told.contrast.plain)} times as far as the nearest without useless columns, ${figure(told.contrast.noisy)} times with them.`);
    return null;
  }

  function rescue(state, told) {
    const svg = parts.rescue;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    const all = Object.values(told.errors).flat().filter((error) => error !== null);
    const highest = Math.max(0.05, ...all);
    const across = (noise) => SIDE + (Math.log2(noise + 1) / Math.log2(65)) * (WIDTH - 2 * SIDE - 6) + 3;
    const down = (error) => HEIGHT - FOOT - (error / highest) * (HEIGHT - FOOT - 22);
    const ends = [];
    const lines = Object.entries(told.errors).map(([name, errors]) => {
      const known = errors.map((error, place) => [told.noise[place], error]).filter(([, error]) => error !== null);
      if (known.length) ends.push({ name, y: down(known.at(-1)[1]) });
      return draw("path", { class: `line ${name}`, d: known.map(([noise, error], place) => `${place ? "L" : "M"}${across(noise).toFixed(1)} ${down(error).toFixed(1)}`).join("") });
    });
    // Names stand at the ends of their lines, pushed apart where the lines meet.
    ends.sort((one, other) => one.y - other.y);
    let above = -Infinity;
    for (const end of ends) {
      end.text = Math.max(end.y - 5, above + 12, 9);
      above = end.text;
    }
    let under = HEIGHT - FOOT - 4;
    for (const end of ends.toReversed()) {
      end.text = Math.min(end.text, under);
      under = end.text - 12;
    }
    svg.replaceChildren(
      ...lines,
      ...ends.map((end) => draw("text", { class: `end ${end.name}`, x: WIDTH - SIDE, y: end.text, "text-anchor": "end" }, LINES[end.name])),
      draw("line", { class: "rule", x1: SIDE, x2: WIDTH - SIDE, y1: HEIGHT - FOOT, y2: HEIGHT - FOOT }),
      ...[0, 2, 8, 32, 64].map((noise) => draw("text", { class: "tick", x: across(noise), y: HEIGHT - 5, "text-anchor": "middle" }, String(noise))),
      ...(told.now === null ? [] : [draw("circle", { class: "best", cx: across(state.noise), cy: down(told.now), r: 4 })]),
      draw("text", { class: "tick", x: SIDE, y: 10 }, percent(highest)),
    );
    svg.setAttribute("aria-label", `Error with 64 useless columns: ${Object.entries(told.errors).map(([name, errors]) => `${LINES[name]} ${percent(errors.at(-1))}`).join(", ")}.`);
  }

  return {
    show(state, told) {
      parts.noise.value = String(state.noise);
      parts["noise-out"].textContent = String(state.noise);
      showReduce(state.reduce ?? "none");
      if (!told) {
        parts.histogram.replaceChildren();
        parts.rescue.replaceChildren();
        parts["curse-note"].textContent = "";
        return;
      }
      histogram(told);
      rescue(state, told);
      const { plain, noisy } = told.contrast;
      const rest =
        state.noise === 0
          ? "Add useless columns: each point gets numbers that mean nothing, and the plane shows the slice where they are 0."
          : `With ${state.noise} useless columns that is ${figure(noisy)} times, and the error ${percent(told.now)}. ${state.reduce ? "What is drawn is the answer after the reduction." : "Try PCA or select."}`;
      parts["curse-note"].textContent = `The farthest point is ${figure(plain)} times as far as the nearest, in x and y alone. ${rest}`;
    },
  };
}
