// SPDX-License-Identifier: Apache-2.0
// scorecard: four measured scores of each index, from 0 to 1, and the figures they come from.

import { figure, make, percent, table } from "../dom.js";

const SCORES = ["inference", "accuracy", "training", "size"];
const micro = (seconds) => (seconds >= 1e-3 ? `${figure(1e3 * seconds)} ms` : `${figure(1e6 * seconds)} µs`);
const bytes = (count) => (count === null ? "–" : count >= 1 << 20 ? `${figure(count / (1 << 20))} MiB` : `${figure(count / 1024)} KiB`);

export function scorecardPanel(parts, ask) {
  let busy = false;

  function meter(score) {
    const bar = make("span", { className: "meter", "aria-hidden": "true" }, make("span", {}));
    bar.firstElementChild.style.width = `${100 * score}%`;
    return make("span", { className: "score" }, bar, make("span", {}, score.toFixed(2)));
  }

  function show(card) {
    const grid = make("table", { className: "scores" });
    const head = make("tr", {}, make("th", { scope: "col" }, "index"), ...SCORES.map((name) => make("th", { scope: "col" }, name)));
    const rows = card.cells.map((cell) =>
      make("tr", {}, make("th", { scope: "row" }, cell.name), ...SCORES.map((name) => make("td", {}, meter(cell.scores[name])))),
    );
    grid.append(make("thead", {}, head), make("tbody", {}, ...rows));
    const left = card.left_out.length ? ` Not measured: ${card.left_out.map((one) => one.name).join(", ")}.` : "";
    const held = make("p", { className: "small" }, `Measured on this computer in ${figure(card.seconds)} s; more is better.${left}`);
    parts.scores.replaceChildren(make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Scorecard" }, grid), held);
    table(
      parts.figures,
      ["index", "kind", "one query, p50", "p99", "queries/s", "right", "recall", "fit", "memory", "saved"],
      card.cells.map((cell) => [
        cell.name,
        cell.index,
        micro(cell.single.p50),
        micro(cell.single.p99),
        cell.queries_per_second === null ? "–" : figure(Math.round(cell.queries_per_second)),
        `${percent(cell.score)} (${percent(cell.score_low)} to ${percent(cell.score_high)})`,
        percent(cell.recall),
        micro(cell.fit_seconds),
        bytes(cell.memory_bytes),
        bytes(cell.disk_bytes),
      ]),
    );
    parts.formulas.replaceChildren(...Object.entries(card.formulas).flatMap(([name, formula]) => [make("dt", {}, name), make("dd", {}, formula)]));
    parts.raw.hidden = false;
  }

  parts.measure.addEventListener("click", async () => {
    if (busy) return;
    busy = true;
    parts.measure.setAttribute("aria-busy", "true");
    parts.scores.replaceChildren(make("p", { className: "small" }, "Measuring …"));
    try {
      show(await ask());
    } catch (error) {
      parts.scores.replaceChildren(make("p", { className: "notice" }, error.message));
    }
    parts.measure.removeAttribute("aria-busy");
    busy = false;
  });

  return {
    stale() {
      if (parts.scores.childElementCount && !busy) parts.scores.classList.add("stale");
    },
    fresh() {
      parts.scores.classList.remove("stale");
    },
  };
}
