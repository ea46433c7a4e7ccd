// SPDX-License-Identifier: Apache-2.0
// What hands do to the data: each edit is one step back, and a preset that was edited is one no more.

export function editing(store, { engine, notice, say, limits }) {
  let active = 0;
  let share = 0.5;
  let erasing = false;

  const targets = () => store.state.points.map((point) => point[2]);
  const activeValue = () => {
    const all = targets();
    const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    return Number((low + share * ((high - low) || 1)).toPrecision(4));
  };
  const label = () => (store.state.task === "classification" ? active : activeValue());
  const change = (points, tag, more = {}) => store.set({ points, preset: null, ...more }, tag);

  async function preset(name, seed = 0) {
    try {
      const loaded = await engine.ask("preset", { name, random_state: seed });
      const plain = { task: "classification", n_neighbors: 5, scale: null, wipe: null, noise: 0, reduce: null, place: null };
      store.set({ ...plain, ...loaded.settings, points: loaded.points, view: loaded.view, axes: loaded.axes, preset: name, random_state: seed }, `preset ${name} ${seed}`);
      say(`${loaded.title}: ${loaded.note}`);
    } catch (error) {
      notice(error.message);
    }
  }

  return {
    active: () => active,
    activeValue,
    erasing: () => erasing,
    toggleErasing: () => (erasing = !erasing),
    choose(number) {
      if (number < limits.classes) active = number;
    },
    value(part) {
      share = part;
    },
    add([x, y]) {
      const { points } = store.state;
      if (points.length >= limits.points) {
        notice(`There are ${limits.points} points; that is all this page takes.`);
        return;
      }
      store.seal();
      change([...points, [x, y, label()]], "add", { place: [x, y] });
      say(`Point ${points.length + 1} added.`);
    },
    move(row, [x, y]) {
      const points = store.state.points.slice();
      points[row] = [x, y, points[row][2]];
      change(points, `move ${row}`);
    },
    remove(row) {
      store.seal();
      change(store.state.points.filter((_, other) => other !== row), "remove");
      say("Point deleted.");
    },
    clear() {
      store.seal();
      change([], "clear", { place: null });
      say("All points are gone. Undo brings them back.");
    },
    again() {
      const { preset: name, random_state: seed } = store.state;
      if (name) preset(name, seed + 1);
      else notice("These points are yours: there is no recipe to draw them from again.");
    },
    preset,
    rows(read) {
      const { points, view, task, axes, note } = read;
      const k = Math.min(5, points.length);
      store.set({ points, view, task, axes, preset: null, n_neighbors: k, noise: 0, reduce: null, wipe: null, place: null }, "rows");
      say(note);
    },
    task(task) {
      const { state } = store;
      if (task === state.task) return;
      let { points } = state;
      if (task === "classification" && points.some(([, , value]) => !Number.isInteger(value) || value < 0 || value >= limits.classes)) {
        const all = targets().sort((one, other) => one - other);
        const cuts = [1 / 3, 2 / 3].map((part) => all[Math.floor(part * all.length)]);
        points = points.map(([x, y, value]) => [x, y, cuts.filter((cut) => value >= cut).length]);
        say("Values became three classes: low, middle and high.");
        store.set({ task, points, preset: null }, "task");
      } else store.set({ task, points, preset: null }, "task");
    },
    scale(scale) {
      store.set({ scale, wipe: scale === null ? null : store.state.wipe }, "scale");
    },
    compare(on) {
      const scale = store.state.scale ?? (on ? "standard" : null);
      store.set({ wipe: on ? 0.5 : null, scale }, "scale");
    },
  };
}
