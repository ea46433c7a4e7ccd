// SPDX-License-Identifier: Apache-2.0
// Ticks beside the plane, at round numbers.

export function ticks(low, high, most) {
  const span = high - low;
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => span / size <= most) ?? 10 * power;
  const found = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + 1e-9 * span; number += 1) {
    found.push(Number((number * step).toPrecision(12)));
  }
  return found;
}

export function label(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(0).replace("e+", "e");
  if (size >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return String(Number(value.toPrecision(4))).replace("-", "−");
}

// Put ticks into the two strips beside the plane.
export function drawAxes(across, up, view, names) {
  const [x0, x1, y0, y1] = view;
  const fill = (strip, low, high, most, side, name) => {
    const marks = ticks(low, high, most).map((value) => {
      const mark = document.createElement("span");
      mark.className = "tick";
      mark.textContent = label(value);
      mark.style[side] = `${(100 * (value - low)) / (high - low)}%`;
      return mark;
    });
    const title = document.createElement("span");
    title.className = "axis-name";
    title.textContent = name;
    strip.replaceChildren(...marks, title);
  };
  fill(across, x0, x1, 7, "left", names[0] ?? "x");
  fill(up, y0, y1, 6, "bottom", names[1] ?? "y");
}
