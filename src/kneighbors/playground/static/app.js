// SPDX-License-Identifier: Apache-2.0
// The page put together: markup, state, engine, plane and panels. Each change of the state passes through
// `changed`, which asks the engine for what that change touches and nothing else.

import * as addresses from "./address.js";
import { drawAxes } from "./axes.js";
import { percent } from "./dom.js";
import { editing } from "./editing.js";
import { Engine } from "./engine.js";
import { attachKeys } from "./keys.js";
import { Palette } from "./palette.js";
import { Pictures } from "./pictures.js";
import { Plane } from "./plane.js";
import { attachPointer } from "./pointer.js";
import { partsOf, SKELETON } from "./skeleton.js";
import { DEFAULTS, engineState, Store, touchesEngine, touchesFit } from "./store.js";
import { attachTheme } from "./theme.js";
import { dataPanel } from "./panels/data.js";
import { indexPanel } from "./panels/index.js";
import { placePanel } from "./panels/place.js";
import { reducePanel } from "./panels/reduce.js";
import { savePanel } from "./panels/save.js";
import { scorecardPanel } from "./panels/scorecard.js";
import { settingsPanels } from "./panels/settings.js";
import { votePanel } from "./panels/vote.js";

const FIRST = { preset: "moons", place: [0.42, 0.25] };

export async function mount(root, { request, address }) {
  root.innerHTML = SKELETON;
  const parts = partsOf(root);
  const engine = new Engine(request);
  const palette = new Palette();
  const plane = new Plane(parts.regions, parts.marks, palette);
  const store = new Store();
  const answers = { place: null, curve: null, curse: null, index: null, held: -1, crosshair: null };

  let about;
  try {
    about = await engine.ask("about");
  } catch (error) {
    parts.notice.textContent = error.message;
    parts.notice.hidden = false;
    return null;
  }

  const say = (text) => {
    parts.say.textContent = text;
  };
  const notice = (text) => {
    parts.notice.textContent = text ?? "";
    parts.notice.hidden = !text;
  };
  const edit = editing(store, { engine, notice, say, limits: about.limits });

  // --- panels
  const actions = {
    ...edit,
    state: () => store.state,
    set: (changes, tag = null) => store.set(changes, tag),
    ahead: () => pictures.ahead(store.state),
    notice,
    say,
    address: () => address.full(addresses.write(store.state)),
    program: () => engine.ask("python", { state: engineState(store.state), view: store.state.view, columns: 240, rows: 200 }),
    model: () => engine.ask("model", { state: engineState(store.state) }),
    picture: () => new Promise((resolve) => plane.snapshot().toBlob(resolve, "image/png")),
  };
  const vote = votePanel(parts, actions);
  const place = placePanel(parts, palette);
  const settings = settingsPanels(parts, actions);
  const reduce = reducePanel(parts, actions);
  const index = indexPanel(parts, actions, about.algorithms);
  const data = dataPanel(parts, palette, actions, engine, about);
  const save = savePanel(parts, actions);
  const scorecard = scorecardPanel(parts, async () => {
    const card = await engine.ask("scorecard", { state: engineState(store.state) });
    scorecard.fresh();
    return card;
  });

  // --- pictures
  const pictures = new Pictures(
    engine,
    () => plane.regions.width,
    (grid, before, started) => {
      notice(null);
      plane.showGrid(grid, before);
      paint();
      if (started) root.dataset.milliseconds = String(Math.round(performance.now() - started));
      root.dataset.grid = grid ? `${grid.columns}x${grid.rows}` : "none";
      root.dataset.pictures = String(Number(root.dataset.pictures ?? 0) + 1);
    },
    (error) => {
      plane.showGrid(null);
      paint();
      notice(error.message);
    },
  );

  function paint() {
    const { state } = store;
    const told = answers.place && answers.place.neighbors.every((neighbor) => state.points[neighbor.id]) ? answers.place : null;
    plane.showScene({ state, told, index: state.cells ? answers.index : null, crosshair: answers.crosshair, held: answers.held });
  }

  function caption() {
    const { state } = store;
    const title = state.preset ? about.presets[state.preset].title : "Your points";
    const error = vote.errorAt(Math.min(state.n_neighbors, state.points.length));
    const judged = error === null ? "" : ` Asked of all the others, ${percent(error)} ${state.task === "classification" ? "of the points are misjudged" : "of the variance is left unexplained"}.`;
    const scaled = state.scale ? `, ${state.scale} scaling` : "";
    const noisy = state.noise ? `, ${state.noise} useless columns${state.reduce ? ` brought to two by ${state.reduce}` : ""}` : "";
    const note = state.preset ? ` ${about.presets[state.preset].note}` : "";
    parts.caption.textContent = "";
    const strong = document.createElement("b");
    strong.textContent = `${title}.`;
    parts.caption.append(strong, `${note} ${state.points.length} points, k = ${Math.min(state.n_neighbors, state.points.length)}, ${settings.names[state.metric]} distance${scaled}${noisy}.${judged}`);
    parts.plane.setAttribute("aria-label", `Plane of ${state.points.length} points, ${title}`);
  }

  // --- questions to the engine
  const failed = (name) => (error) => {
    answers[name] = null;
    show();
    if (name === "place") notice(error.message);
  };
  const asked = {
    place(state) {
      if (!state.place || !state.points.length) return drop("place");
      const body = { state: engineState(state), view: state.view, place: state.place };
      return engine.latest("place", "place", body, (told) => {
        answers.place = told;
        place.show(store.state, told);
        paint();
        if (answers.aloud) say(place.sentence(store.state, told));
        answers.aloud = false;
      }, failed("place"));
    },
    curve(state) {
      if (state.points.length < 2) return drop("curve");
      return engine.latest("curve", "curve", { state: engineState(state) }, (told) => {
        answers.curve = { ...told, measure: state.task === "classification" ? "wrong" : "unexplained" };
        show();
      }, failed("curve"));
    },
    curse(state) {
      if (!seen.has("reduce") || state.points.length < 3) return drop("curse");
      return engine.latest("curse", "curse", { state: engineState(state) }, (told) => {
        answers.curse = told;
        reduce.show(store.state, told);
      }, failed("curse"));
    },
    index(state) {
      if (!(seen.has("index") || state.cells) || !state.points.length) return drop("index");
      return engine.latest("index", "index", { state: engineState(state), view: state.view, place: state.place }, (told) => {
        answers.index = told;
        index.show(store.state, told);
        if (store.state.cells) paint();
      }, failed("index"));
    },
    async wipe(state) {
      if (state.wipe === null || state.scale === null) return;
      const errors = await Promise.all([null, state.scale].map((scale) => engine.ask("curve", { state: engineState(state, { scale }) }).catch(() => null)));
      const texts = errors.map((told) => (told ? `${percent(told.errors[told.ks.indexOf(Math.min(state.n_neighbors, told.ks.at(-1)))])} wrong` : ""));
      [parts["wipe-before"].textContent, parts["wipe-after"].textContent] = texts;
    },
  };
  function drop(name) {
    answers[name] = null;
    show();
  }

  function show() {
    const { state } = store;
    vote.show(state, answers.curve);
    settings.show(state);
    place.show(state, answers.place);
    reduce.show(state, answers.curse);
    index.show(state, answers.index);
    data.show(state, edit.active(), edit.activeValue());
    parts.undo.disabled = store.past.length === 0;
    parts.redo.disabled = store.future.length === 0;
    caption();
  }

  // --- what a change touches
  const later = new Map();
  const afterwards = (name, wait, work) => {
    window.clearTimeout(later.get(name));
    later.set(name, window.setTimeout(() => {
      later.delete(name);
      work();
    }, wait));
  };
  const soon = (name, wait) => {
    afterwards(name, wait, () => asked[name](store.state));
  };

  store.subscribe((state, changed) => {
    const fit = touchesFit(changed);
    const voted = changed.has("n_neighbors") || changed.has("weights");
    if (changed.has("view") || changed.has("axes")) {
      plane.view = state.view;
      drawAxes(parts["axis-x"], parts["axis-y"], state.view, state.axes);
    }
    if (fit || voted || changed.has("view") || changed.has("shade") || (changed.has("wipe") && !plane.before)) {
      pictures.update(state, fit || changed.has("view") ? "fit" : "vote");
    } else if (changed.has("wipe")) plane.paintRegions();
    if (changed.has("points")) answers.place = fitting(answers.place, state);
    if (touchesEngine(changed) || changed.has("place")) asked.place(state);
    if (fit || changed.has("weights")) soon("curve", 40);
    if (touchesEngine(changed)) soon("curse", 160);
    if (fit || changed.has("n_neighbors") || changed.has("place") || changed.has("cells")) soon("index", 90);
    if (touchesEngine(changed) || changed.has("wipe")) soon("wipe", 120);
    if (touchesEngine(changed)) {
      scorecard.stale();
      save.stale();
    }
    show();
    paint();
    afterwards("address", 250, () => {
      written = addresses.write(store.state);
      address.write(written);
    });
  });
  let written = null;

  // Answers about rows that are gone are not drawn.
  const fitting = (told, state) => (told?.neighbors.every((neighbor) => state.points[neighbor.id]) ? told : null);

  // Chapters that are looked at ask for their figures; the others cost nothing.
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const name = entry.target.getAttribute("aria-labelledby").replace("title-", "");
      if (entry.isIntersecting) {
        seen.add(name);
        if (name === "reduce") soon("curse", 60);
        if (name === "index") soon("index", 60);
      } else seen.delete(name);
    }
  });
  for (const section of root.querySelectorAll(".chapter")) watcher.observe(section);

  // --- hands
  const hands = {
    points: () => store.state.points,
    place: () => store.state.place,
    erasing: () => edit.erasing(),
    add: (xy) => edit.add(xy),
    move: (row, xy) => {
      edit.move(row, xy);
      store.set({ place: xy });
    },
    remove: (row) => edit.remove(row),
    pick: (row) => store.set({ place: store.state.points[row].slice(0, 2) }),
    grab: (row) => {
      store.seal();
      answers.held = row;
      paint();
    },
    drop: () => {
      store.seal();
      answers.held = -1;
      paint();
    },
    look: (xy, aloud = false) => {
      answers.aloud = aloud || answers.aloud;
      if (store.state.place?.join() === xy.join()) asked.place(store.state);
      else store.set({ place: xy });
    },
    leave: () => {},
    crosshair: (xy, held) => {
      answers.crosshair = xy;
      answers.held = held;
      paint();
    },
    choose: (label) => actions.choose(label),
    step: (by) => vote.step(by),
    say,
  };
  actions.choose = (label) => {
    edit.choose(label);
    data.show(store.state, edit.active(), edit.activeValue());
    say(`New points are of class ${edit.active()}.`);
  };
  actions.value = (share) => {
    edit.value(share);
    data.show(store.state, edit.active(), edit.activeValue());
  };
  attachPointer(parts.plane, plane, hands);
  attachKeys(parts.plane, plane, hands);
  parts.undo.addEventListener("click", () => store.undo());
  parts.redo.addEventListener("click", () => store.redo());
  parts.clear.addEventListener("click", () => edit.clear());
  parts.again.addEventListener("click", () => edit.again());
  parts.erase.addEventListener("click", () => {
    parts.erase.setAttribute("aria-pressed", String(edit.toggleErasing()));
  });
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    if (/^(TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    if (event.shiftKey) store.redo();
    else store.undo();
  });
  attachTheme(root, parts.theme, (theme) => {
    palette.theme = theme;
    plane.resize();
    data.repaint();
    if (about) show();
  });
  new ResizeObserver(() => plane.resize()).observe(parts.plane);

  // --- begin where the address says
  async function open(text) {
    const wanted = text ? addresses.read(text) : FIRST;
    const { preset, ...rest } = wanted;
    const start = { ...DEFAULTS, points: store.state.points };
    if (preset && about.presets[preset]) {
      const loaded = await engine.ask("preset", { name: preset, random_state: rest.random_state ?? 0 });
      delete rest.points;
      store.replace({ ...start, ...loaded.settings, points: loaded.points, view: loaded.view, axes: loaded.axes, preset, ...rest });
    } else store.replace({ ...start, points: [], ...rest, preset: null });
  }
  address.onChange(() => {
    if (address.read() !== written) open(address.read()).catch((error) => notice(error.message));
  });
  plane.view = store.state.view;
  drawAxes(parts["axis-x"], parts["axis-y"], store.state.view, store.state.axes);
  plane.resize();
  try {
    await open(address.read());
  } catch (error) {
    notice(error.message);
  }
  show();
  root.dataset.ready = "yes";
  data.paintThumbs();
  const busy = () => !engine.idle || later.size > 0 || pictures.timer !== null;
  return { store, plane, engine, answers, busy };
}
