// SPDX-License-Identifier: Apache-2.0
// The keyboard on the plane does all that a pointer does: a crosshair walks, adds, deletes, carries.

const STEP = 1 / 50; // of the window's width or height
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export function attachKeys(element, plane, actions) {
  let crosshair = null;
  let carried = -1;

  const middle = () => plane.toData([plane.width / 2, plane.height / 2]);
  const show = () => actions.crosshair(crosshair, carried);
  const nearest = () => plane.pointAt(actions.points(), plane.toPixel(crosshair), 24);
  const putDown = () => {
    carried = -1;
    actions.drop();
  };

  element.addEventListener("focus", () => {
    if (!element.matches(":focus-visible")) return;
    crosshair ??= actions.place() ?? middle();
    show();
    actions.look(crosshair);
  });
  element.addEventListener("blur", () => {
    if (carried >= 0) putDown();
    actions.crosshair(null, -1);
  });
  element.addEventListener("pointerdown", () => {
    crosshair = null;
    carried = -1;
    actions.crosshair(null, -1);
  });

  element.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const [x0, x1, y0, y1] = plane.view;
    crosshair ??= actions.place() ?? middle();
    const { key } = event;
    if (MOVES[key]) {
      const size = event.shiftKey ? 5 * STEP : STEP;
      const [dx, dy] = MOVES[key];
      const x = Math.max(x0, Math.min(x1, crosshair[0] + dx * size * (x1 - x0)));
      const y = Math.max(y0, Math.min(y1, crosshair[1] + dy * size * (y1 - y0)));
      crosshair = [plane.round(x, x1 - x0), plane.round(y, y1 - y0)];
      if (carried >= 0) actions.move(carried, crosshair);
    } else if (key === "Enter" || key === " ") {
      if (carried >= 0) putDown();
      else actions.add(crosshair);
    } else if (key === "Delete" || key === "Backspace") {
      const row = carried >= 0 ? carried : nearest();
      if (carried >= 0) putDown();
      if (row >= 0) actions.remove(row);
      else actions.say("No point here to delete.");
    } else if (key === "m" || key === "M") {
      if (carried >= 0) putDown();
      else {
        carried = nearest();
        if (carried >= 0) {
          actions.grab(carried);
          crosshair = actions.points()[carried].slice(0, 2);
          actions.say("Point picked up. Arrows move it, Enter puts it down.");
        } else actions.say("No point here to move.");
      }
    } else if (key === "n" || key === "N" || key === "p" || key === "P") {
      const points = actions.points();
      if (!points.length) return;
      const now = plane.pointAt(points, plane.toPixel(crosshair), 1.5);
      const step = key.toLowerCase() === "n" ? 1 : -1;
      const row = now < 0 ? 0 : (now + step + points.length) % points.length;
      crosshair = points[row].slice(0, 2);
    } else if (key === "Escape") {
      if (carried >= 0) putDown();
      else element.blur();
      return;
    } else if (/^[0-9]$/.test(key)) {
      actions.choose(Number(key));
      return;
    } else if (key === "[" || key === "]") {
      actions.step(key === "]" ? 1 : -1);
    } else return;
    event.preventDefault();
    show();
    actions.look(crosshair, true);
  });
}
