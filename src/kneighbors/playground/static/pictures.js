// SPDX-License-Identifier: Apache-2.0
// When to ask for which picture: a coarse one at once, a fine one when things are quiet.
//
// What a picture costs is measured as it goes, so that a step shows within about 40 ms on any machine.

import { unpackGrid } from "./engine.js";
import { engineState } from "./store.js";

const LEVELS = [[60, 50], [120, 100], [240, 200], [360, 300]];
const LIVE = 38; // ms that a picture may take while something moves
const FINE = 600; // ms that the last one may take
const QUIET = 130;

export class Pictures {
  constructor(engine, pixels, shown, failed) {
    this.engine = engine;
    this.pixels = pixels; // across the plane: a picture is never finer
    this.shown = shown;
    this.failed = failed;
    this.cost = { fit: new Map(), vote: new Map() };
    this.timer = null;
    this.wanted = 0;
  }

  // Milliseconds a picture of this level is expected to take: measured, or fourfold the level below.
  expected(kind, level) {
    const known = this.cost[kind].get(level);
    if (known !== undefined) return known;
    return level === 0 ? 8 : 4 * this.expected(kind, level - 1);
  }

  level(kind, budget, highest) {
    let level = highest;
    while (level > 0 && this.expected(kind, level) > budget) level -= 1;
    return level;
  }

  finest() {
    let level = LEVELS.length - 1;
    while (level > 0 && 1.25 * LEVELS[level][0] > this.pixels()) level -= 1;
    return level;
  }

  update(state, kind) {
    this.wanted += 1;
    window.clearTimeout(this.timer);
    this.timer = null;
    if (!state.points.length) {
      this.shown(null, null, 0);
      return;
    }
    const started = performance.now();
    const live = this.level(kind, LIVE, Math.min(2, this.finest()));
    this.ask(state, live, kind, started);
    const finest = this.level("fit", FINE, this.finest());
    if (finest > live) {
      const wanted = this.wanted;
      this.timer = window.setTimeout(() => {
        this.timer = null;
        if (wanted === this.wanted) this.ask(state, finest, "fit", performance.now(), true);
      }, QUIET);
    }
  }

  // A slider is about to move: let the engine find more neighbours than are shown, so that each step only votes.
  ahead(state) {
    if (!state.points.length) return;
    const [columns, rows] = LEVELS[this.level("vote", LIVE, Math.min(2, this.finest()))];
    for (const more of [1, 2]) {
      const told = engineState(state, { n_neighbors: Math.min(state.points.length, more * state.n_neighbors + (more > 1 ? 8 : 0)) });
      this.engine.latest(`ahead ${more}`, "regions", { state: told, view: state.view, columns, rows, shade: state.shade }, () => {});
    }
  }

  ask(state, level, kind, started, fine = false) {
    const wanted = this.wanted;
    const [columns, rows] = LEVELS[level];
    const body = (changes) => ({ state: engineState(state, changes), view: state.view, columns, rows, shade: state.shade });
    const wiping = state.wipe !== null && state.scale !== null;
    let after = null;
    let before = null;
    const done = () => {
      if (!after || (wiping && !before)) return;
      if (fine && wanted !== this.wanted) return;
      const took = performance.now() - started;
      const slot = this.cost[after.searched ? "fit" : "vote"];
      const known = slot.get(level);
      slot.set(level, known === undefined ? took : 0.6 * known + 0.4 * took);
      this.shown(after, wiping ? before : null, started);
    };
    const lane = fine ? "fine" : "live";
    const fail = (error) => {
      if (wanted === this.wanted) this.failed(error);
    };
    this.engine.latest(lane, "regions", body({}), (bytes) => {
      after = { ...unpackGrid(bytes), task: state.task };
      done();
    }, fail);
    if (wiping) {
      this.engine.latest(`${lane} before`, "regions", body({ scale: null }), (bytes) => {
        before = { ...unpackGrid(bytes), task: state.task };
        done();
      }, fail);
    }
  }
}
