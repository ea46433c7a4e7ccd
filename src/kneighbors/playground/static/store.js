// SPDX-License-Identifier: Apache-2.0
// What is on screen, who wants to know when it changes, and the way back.

export const DEFAULTS = {
  // what the engine is told
  points: [],
  task: "classification",
  n_neighbors: 5,
  weights: "uniform",
  metric: "euclidean",
  p: 2,
  scale: null,
  algorithm: "auto",
  reduce: null,
  noise: 0,
  random_state: 0,
  // what only the page knows
  preset: null,
  axes: ["x", "y"],
  view: [-1.2, 1.2, -1, 1],
  shade: "margin",
  wipe: null,
  cells: false,
  place: null,
};

const ENGINE = [
  "points", "task", "n_neighbors", "weights", "metric", "p", "scale", "algorithm", "reduce", "noise", "random_state",
];
const FIT = ENGINE.filter((name) => name !== "n_neighbors" && name !== "weights");
const MOST_STEPS = 200;
const SAME_GESTURE = 900; // ms within which changes of one kind are one step back

export class Store {
  constructor() {
    this.state = { ...DEFAULTS };
    this.listeners = [];
    this.past = [];
    this.future = [];
    this.lastTag = null;
    this.lastTime = 0;
  }

  subscribe(listener) {
    this.listeners.push(listener);
  }

  // Change some fields. `tag` names the gesture; without one the change cannot be undone (a moving pointer).
  set(changes, tag = null) {
    const before = this.state;
    const after = { ...before, ...changes };
    if (Object.keys(changes).every((name) => same(before[name], after[name]))) return;
    if (tag) {
      const now = performance.now();
      if (tag !== this.lastTag || now - this.lastTime > SAME_GESTURE) {
        this.past.push(before);
        if (this.past.length > MOST_STEPS) this.past.shift();
      }
      this.future = [];
      this.lastTag = tag;
      this.lastTime = now;
    }
    this.replace(after, before);
  }

  replace(after, before = this.state) {
    this.state = after;
    const changed = new Set(Object.keys(DEFAULTS).filter((name) => !same(before[name], after[name])));
    for (const listener of this.listeners) listener(after, changed);
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(from, to) {
    if (from.length === 0) return;
    to.push(this.state);
    this.lastTag = null;
    this.replace({ ...from.pop(), place: this.state.place });
  }

  // A new gesture begins: the next change is a step of its own.
  seal() {
    this.lastTag = null;
  }
}

function same(one, other) {
  if (one === other) return true;
  if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
  return one.every((value, place) => value === other[place]);
}

// The part of the state that the engine is asked with; k never more than there are points.
export function engineState(state, changes = {}) {
  const asked = { ...state, ...changes };
  const told = Object.fromEntries(ENGINE.map((name) => [name, asked[name]]));
  told.n_neighbors = Math.max(1, Math.min(told.n_neighbors, told.points.length || 1));
  return told;
}

export const touchesFit = (changed) => FIT.some((name) => changed.has(name));
export const touchesEngine = (changed) => ENGINE.some((name) => changed.has(name));
