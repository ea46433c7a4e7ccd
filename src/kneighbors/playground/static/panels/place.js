// SPDX-License-Identifier: Apache-2.0
// place: who votes at the place under the pointer, how much, and the one point that matters.

import { draw, figure, make, percent, table } from "../dom.js";
import { markPath } from "../palette.js";

const [WIDTH, HEIGHT] = [460, 74];
const MOST_ROWS = 60;

export function placePanel(parts, palette) {
  const answerOf = (state, value) => (state.task === "classification" ? `class ${value}` : figure(value));

  function votes(state, told) {
    const box = parts.votes;
    if (state.task !== "classification") {
      box.replaceChildren();
      box.hidden = true;
      return;
    }
    box.hidden = false;
    const shares = told.votes.filter((vote) => vote.share > 0);
    box.replaceChildren(
      ...shares.map((vote) => {
        const part = make("span", { className: "vote" });
        part.style.flexGrow = String(vote.share);
        part.style.background = palette.color(vote.label);
        if (vote.share > 0.08) {
          const mark = draw("svg", { viewBox: "-8 -8 16 16", width: 13, height: 13, "aria-hidden": "true" });
          mark.append(draw("path", { d: markPath(palette.shape(vote.label), 0, 0, 5.5), class: "vote-mark" }));
          part.append(mark, make("span", {}, percent(vote.share)));
        }
        return part;
      }),
    );
    box.setAttribute("aria-label", `The vote: ${shares.map((vote) => `class ${vote.label} ${percent(vote.share)}`).join(", ")}`);
  }

  function sentence(state, told) {
    const k = told.neighbors.length;
    const [x, y] = told.place;
    const where = `At (${figure(x)}, ${figure(y)})`;
    const reach = k === 1 ? `the nearest point, at ${figure(told.neighbors[0].distance)}, decides` : `${k} neighbours, ${figure(told.neighbors[0].distance)} to ${figure(told.neighbors.at(-1).distance)} away`;
    if (state.task !== "classification") return `${where}: ${figure(told.answer)}, the mean of ${reach}.`;
    const count = told.neighbors.filter((neighbor) => neighbor.label === told.answer).length;
    const verdict = told.tied ? `a tie, which goes to class ${told.answer}` : `class ${told.answer}`;
    const by = k === 1 ? reach : state.weights === "uniform" ? `${count} of ${k} votes; ${reach}` : `weighted votes; ${reach}`;
    return `${where}: ${verdict}, by ${by}.`.replace("by the nearest point", "as the nearest point").replace(" decides.", " decides.");
  }

  function flipText(state, told) {
    const { flip } = told;
    if (!flip) {
      return state.task === "classification"
        ? "No single point decides this place: take any one away, or change its label, and the answer stays."
        : "No single point can be taken away here.";
    }
    if (flip.by === "label") {
      return `One point decides, ringed: were it of class ${flip.label}, the answer would be class ${flip.becomes}.`;
    }
    if (state.task !== "classification") {
      return `The ringed point matters most: without it the value would be ${figure(flip.becomes)} instead of ${figure(told.answer)}.`;
    }
    return `One point decides, ringed: without it the answer would be ${answerOf(state, flip.becomes)}.`;
  }

  function strip(state, told) {
    const farthest = told.neighbors.at(-1).distance || 1;
    const nearest = Math.min(0, told.neighbors[0].distance);
    const across = (distance) => 14 + ((distance - nearest) / (farthest - nearest || 1)) * (WIDTH - 28);
    const isClass = state.task === "classification";
    const targets = state.points.map((point) => point[2]);
    const [low, high] = [Math.min(...targets), Math.max(...targets)];
    const largest = Math.max(...told.neighbors.map((neighbor) => neighbor.weight));
    parts.strip.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    parts.strip.replaceChildren(
      draw("line", { class: "rule", x1: 14, x2: WIDTH - 14, y1: 48, y2: 48 }),
      ...told.neighbors.flatMap((neighbor) => {
        const x = across(neighbor.distance);
        const tall = 30 * (neighbor.weight / largest);
        const fill = isClass ? palette.color(neighbor.label) : palette.value((neighbor.label - low) / (high - low || 1));
        return [
          draw("line", { class: "stem", x1: x, x2: x, y1: 48, y2: 48 - tall }),
          draw("path", { class: "mark", d: markPath(isClass ? palette.shape(neighbor.label) : "circle", x, 48 - tall, 5.4), fill }),
        ];
      }),
      draw("text", { class: "tick", x: 14, y: 66 }, "0"),
      draw("text", { class: "tick", x: WIDTH / 2, y: 66, "text-anchor": "middle" }, "distance; height is the weight of the vote"),
      draw("text", { class: "tick", x: WIDTH - 14, y: 66, "text-anchor": "end" }, figure(farthest)),
    );
    parts.strip.setAttribute("aria-label", `Distances of ${told.neighbors.length} neighbours, from ${figure(told.neighbors[0].distance)} to ${figure(farthest)}.`);
  }

  return {
    sentence,
    show(state, told) {
      const none = !told || told.neighbors.some((neighbor) => !state.points[neighbor.id]);
      parts.readout.classList.toggle("empty", none);
      if (none) {
        parts.votes.replaceChildren();
        parts.sentence.textContent = state.points.length ? "Point at a place, or walk there with the arrow keys, to see who decides." : "Click on the plane to put the first point.";
        parts.flip.textContent = "Point at a place on the plane.";
        parts.strip.replaceChildren();
        parts.strip.setAttribute("aria-label", "Distances of the neighbours: no place is chosen.");
        table(parts.neighbors, null, []);
        return;
      }
      votes(state, told);
      parts.sentence.textContent = sentence(state, told);
      parts.flip.textContent = flipText(state, told);
      strip(state, told);
      table(
        parts.neighbors,
        ["row", "distance", "weight", state.task === "classification" ? "class" : "value"],
        told.neighbors.slice(0, MOST_ROWS).map((neighbor) => [String(neighbor.id), figure(neighbor.distance), percent(neighbor.weight), String(neighbor.label)]),
      );
    },
  };
}
