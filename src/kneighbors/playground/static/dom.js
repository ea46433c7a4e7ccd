// SPDX-License-Identifier: Apache-2.0
// Small helpers for elements.

const SVG = "http://www.w3.org/2000/svg";

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

let groups = 0;

// A row of exclusive choices: radio buttons in a fieldset, so that keyboards and readers know what to do.
// Returns a function that shows which one is chosen.
export function choice(box, legend, options, chosen) {
  groups += 1;
  const name = `choice-${groups}`;
  const field = make("fieldset", { className: "choice" }, make("legend", {}, legend));
  const row = make("div", { className: "options" });
  const inputs = new Map();
  for (const { value, text, icon, title } of options) {
    const input = make("input", { type: "radio", name, value: String(value) });
    input.addEventListener("change", () => chosen(value));
    const face = make("span", { className: "face" });
    if (icon) face.append(icon);
    face.append(text);
    const label = make("label", {}, input, face);
    if (title) label.title = title;
    inputs.set(value, input);
    row.append(label);
  }
  field.append(row);
  box.append(field);
  return (value) => {
    for (const [known, input] of inputs) input.checked = known === value;
  };
}

export function table(element, head, rows) {
  const line = (cells, kind) => make("tr", {}, ...cells.map((cell) => make(kind, {}, cell)));
  element.replaceChildren(
    ...(head ? [make("thead", {}, line(head, "th"))] : []),
    make("tbody", {}, ...rows.map((row) => line(row, "td"))),
  );
}

export const percent = (share) =>
  share === null || share === undefined ? "–" : `${(100 * share).toLocaleString("en", { maximumFractionDigits: share < 0.1 ? 1 : 0 })}\u00a0%`;

// Three significant digits, for people.
export function figure(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(1).replace("e+", "e").replaceAll("-", "−");
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 15 : 3 }).replace("-", "−");
}

export function download(content, name, type) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
