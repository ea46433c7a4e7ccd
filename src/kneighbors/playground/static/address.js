// SPDX-License-Identifier: Apache-2.0
// The whole state as the part of an address after the #, and back.
//
// A preset that was not edited is its name; edited points are written out, x,y,label in turn. Fields that
// have their default are left out, so a plain link stays short.

import { DEFAULTS } from "./store.js";

const WORDS = {
  task: "task",
  weights: "weights",
  metric: "metric",
  scale: "scale",
  algorithm: "index",
  reduce: "reduce",
  shade: "shade",
};
const NUMBERS = { n_neighbors: "k", p: "p", noise: "noise", random_state: "seed", wipe: "wipe" };

export function write(state) {
  const query = new URLSearchParams();
  if (state.preset) query.set("preset", state.preset);
  else {
    query.set("points", state.points.map((point) => point.join(",")).join(";"));
    query.set("view", state.view.join(","));
    if (state.axes.join() !== DEFAULTS.axes.join()) query.set("axes", state.axes.join("|"));
  }
  for (const [name, key] of Object.entries({ ...WORDS, ...NUMBERS })) {
    const always = name === "n_neighbors" || (state.preset && name === "task");
    if (state[name] !== DEFAULTS[name] || always) query.set(key, state[name] ?? "none");
  }
  if (state.cells) query.set("cells", "1");
  if (state.place) query.set("at", state.place.join(","));
  return query.toString().replaceAll("%2C", ",").replaceAll("%3B", ";").replaceAll("%7C", "|");
}

// Fields that an address names; points of a preset are still to be asked for.
export function read(text) {
  const query = new URLSearchParams(text);
  const state = {};
  for (const [name, key] of Object.entries(WORDS)) {
    if (query.has(key)) state[name] = query.get(key) === "none" ? null : query.get(key);
  }
  for (const [name, key] of Object.entries(NUMBERS)) {
    const value = Number(query.get(key));
    if (query.has(key) && Number.isFinite(value)) state[name] = value;
  }
  if (query.has("points")) {
    const points = query.get("points").split(";").filter(Boolean).map((point) => point.split(",").map(Number));
    if (points.every((point) => point.length === 3 && point.every(Number.isFinite))) state.points = points;
  }
  if (query.has("view")) {
    const view = query.get("view").split(",").map(Number);
    if (view.length === 4 && view.every(Number.isFinite) && view[0] < view[1] && view[2] < view[3]) state.view = view;
  }
  if (query.has("axes")) state.axes = query.get("axes").split("|").slice(0, 2);
  if (query.has("preset")) state.preset = query.get("preset");
  if (query.has("at")) {
    const place = query.get("at").split(",").map(Number);
    if (place.length === 2 && place.every(Number.isFinite)) state.place = place;
  }
  state.cells = query.get("cells") === "1";
  return state;
}
