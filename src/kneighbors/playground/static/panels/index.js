// SPDX-License-Identifier: Apache-2.0
// index: what finds the neighbours, what it is made of, and how many distances a place costs.

import { choice, draw, table } from "../dom.js";

const WIDTH = 460;
const KINDS = {
  flat: "One cell holds all rows. A query is scored against short codes of every row, and only those that may be neighbours are measured exactly.",
  blocks: "One cell holds all rows, measured block by block in double precision: this metric has no shorter way.",
  kd_tree: "Boxes, halved again and again. A box farther than the worst neighbour so far is skipped whole.",
  ball_tree: "Circles within circles. A circle farther than the worst neighbour so far is skipped whole.",
  ivf_flat: "Cells around centres. The nearest cells are searched first, the rest only while they may hold a neighbour.",
  lsh: "Lines cut the plane; places on the same sides of most lines share a bucket.",
  hnsw: "A web of near points: the search walks from neighbour to nearer neighbour.",
};

export function indexPanel(parts, actions, algorithms) {
  const showKind = choice(
    parts["index-choices"],
    "Index",
    algorithms.map((value) => ({ value, text: value.replaceAll("_", " ") })),
    (algorithm) => actions.set({ algorithm }, "algorithm"),
  );
  parts.cells.addEventListener("change", () => actions.set({ cells: parts.cells.checked }));

  return {
    show(state, told) {
      showKind(state.algorithm);
      parts.cells.checked = state.cells;
      if (!told) {
        parts.count.replaceChildren();
        parts["index-note"].textContent = "";
        table(parts.facts, null, []);
        return;
      }
      const counted = told.counted ?? null;
      const share = counted === null ? 0 : Math.min(1, counted / told.brute);
      const svg = draw("svg", { viewBox: `0 0 ${WIDTH} 34`, role: "img", "aria-label": counted === null ? "Point at a place to count distances." : `${counted} of ${told.brute} distances` });
      svg.append(
        draw("rect", { class: "all", x: 0, y: 20, width: WIDTH, height: 8, rx: 4 }),
        draw("rect", { class: "counted", x: 0, y: 20, width: Math.max(share * WIDTH, counted ? 4 : 0), height: 8, rx: 4 }),
        draw("text", { class: "tick", x: 0, y: 12 }, counted === null ? "Point at a place to count its distances" : `${counted} rows compared with this place${told.exact === null ? "" : `, ${told.exact} of them exactly`}`),
        draw("text", { class: "tick", x: WIDTH, y: 12, "text-anchor": "end" }, `brute force: ${told.brute}`),
      );
      parts.count.replaceChildren(svg);
      const hidden = state.cells && told.shapes.length === 0 && !["flat", "blocks"].includes(told.kind) ? " Noise, unit rows and cosine leave no straight picture of its parts." : "";
      const nothing = ["flat", "blocks"].includes(told.kind) ? " There are no parts to draw." : hidden;
      parts["index-note"].textContent = `Answered by ${told.kind.replaceAll("_", " ")}. ${KINDS[told.kind] ?? ""}${nothing} Every choice here gives the same answers.`;
      table(parts.facts, null, Object.entries(told.facts).map(([name, value]) => [name, String(value)]));
    },
  };
}
