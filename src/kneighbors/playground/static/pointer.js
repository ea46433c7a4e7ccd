// SPDX-License-Identifier: Apache-2.0
// Mouse, pen and touch on the plane: a tap adds, a drag on a point moves it, moving elsewhere asks.

const REACH = { mouse: 10, pen: 14, touch: 22 };
const STILL = { mouse: 4, pen: 6, touch: 10 }; // pixels a tap may wander
const LONG_PRESS = 550;

export function attachPointer(element, plane, actions) {
  let press = null;

  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const reach = (event) => REACH[event.pointerType] ?? 12;
  const hit = (event) => plane.pointAt(actions.points(), at(event), reach(event));

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || press) return;
    element.setPointerCapture(event.pointerId);
    const row = hit(event);
    press = { id: event.pointerId, start: at(event), row, moved: false, timer: null };
    if (event.pointerType !== "mouse" && row >= 0) {
      press.timer = window.setTimeout(() => {
        if (press && !press.moved) {
          actions.remove(press.row);
          press = { ...press, row: -1, moved: true };
        }
      }, LONG_PRESS);
    }
    if (row >= 0 && !actions.erasing()) actions.grab(row);
  });

  element.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (press && event.pointerId === press.id) {
      const wandered = Math.hypot(x - press.start[0], y - press.start[1]);
      if (wandered > (STILL[event.pointerType] ?? 5)) press.moved = true;
      if (press.moved && press.row >= 0 && !actions.erasing()) {
        window.clearTimeout(press.timer);
        const inside = [Math.max(0, Math.min(plane.width, x)), Math.max(0, Math.min(plane.height, y))];
        actions.move(press.row, plane.toData(inside));
        return;
      }
    } else if (event.pointerType === "mouse") {
      element.style.cursor = hit(event) >= 0 ? (actions.erasing() ? "not-allowed" : "grab") : "crosshair";
    }
    if (x >= 0 && y >= 0 && x <= plane.width && y <= plane.height) actions.look(plane.toData([x, y]));
  });

  const finish = (event, cancelled) => {
    if (!press || event.pointerId !== press.id) return;
    window.clearTimeout(press.timer);
    const { row, moved, start } = press;
    press = null;
    if (row >= 0) actions.drop();
    if (cancelled || moved) return;
    if (row >= 0) {
      if (actions.erasing()) actions.remove(row);
      else actions.pick(row);
    } else if (!actions.erasing()) actions.add(plane.toData(start));
  };
  element.addEventListener("pointerup", (event) => finish(event, false));
  element.addEventListener("pointercancel", (event) => finish(event, true));
  element.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && !press) actions.leave();
  });
  element.addEventListener("contextmenu", (event) => {
    const row = hit(event);
    if (row >= 0) {
      event.preventDefault();
      actions.remove(row);
    }
  });
  // A finger on a point moves the point; anywhere else it scrolls the page.
  element.addEventListener(
    "touchstart",
    (event) => {
      const touch = event.touches[0];
      const box = element.getBoundingClientRect();
      const place = [touch.clientX - box.left, touch.clientY - box.top];
      if (plane.pointAt(actions.points(), place, REACH.touch) >= 0) event.preventDefault();
    },
    { passive: false },
  );
}
