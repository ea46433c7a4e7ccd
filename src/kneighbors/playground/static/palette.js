// SPDX-License-Identifier: Apache-2.0
// Ten classes by colour and by shape, a scale for values, and the inks of both themes.
//
// Neighbouring colours differ in lightness too, so that they stay apart for every kind of colour vision; the
// shapes say the same without any colour.

const CLASSES = [
  { name: "blue", light: "#2a6fad", dark: "#5aa2dd", shape: "circle" },
  { name: "orange", light: "#e0751c", dark: "#f3964a", shape: "triangle" },
  { name: "green", light: "#138a72", dark: "#3cbf9f", shape: "square" },
  { name: "magenta", light: "#c13a78", dark: "#ea79ab", shape: "diamond" },
  { name: "gold", light: "#b89200", dark: "#e2c044", shape: "wedge" },
  { name: "sky", light: "#4ba9dc", dark: "#94d3f5", shape: "pentagon" },
  { name: "brick", light: "#8d2f1b", dark: "#d0694f", shape: "star" },
  { name: "violet", light: "#6a4ca6", dark: "#a78ce0", shape: "plus" },
  { name: "slate", light: "#5d6b76", dark: "#aab6bf", shape: "cross" },
  { name: "olive", light: "#74852a", dark: "#aebf5e", shape: "hexagon" },
];

const VALUES = {
  light: ["#fbf6d3", "#bfe0b5", "#6bbcb4", "#2f86ad", "#2a4f94", "#27245e"],
  dark: ["#1b2140", "#24508c", "#2d87a8", "#60b9ac", "#b5dcab", "#f6efbe"],
};

const INKS = {
  light: { paper: "#ffffff", ink: "#16202a", soft: "#55626e", line: "#16202a", from: 0.07, to: 0.4 },
  dark: { paper: "#161c22", ink: "#eef2f4", soft: "#a5b1ba", line: "#eef2f4", from: 0.08, to: 0.4 },
};

export class Palette {
  constructor() {
    this.theme = "light";
  }

  get inks() {
    return INKS[this.theme];
  }

  name(label) {
    return CLASSES[label]?.name ?? "no class";
  }

  shape(label) {
    return CLASSES[label]?.shape ?? "circle";
  }

  color(label) {
    return CLASSES[label]?.[this.theme] ?? this.inks.soft;
  }

  // Class colours on paper, by certainty from 0 to 255: a table of red, green, blue.
  tints(label) {
    const { from, to, paper } = this.inks;
    const table = new Uint8ClampedArray(256 * 3);
    const under = channels(paper);
    const over = channels(this.color(label));
    for (let level = 0; level < 256; level += 1) {
      const share = from + (to - from) * (level / 255);
      for (let channel = 0; channel < 3; channel += 1) {
        table[3 * level + channel] = under[channel] + share * (over[channel] - under[channel]);
      }
    }
    return table;
  }

  // The scale of values from 0 to 1.
  value(share) {
    const stops = VALUES[this.theme];
    const at = Math.max(0, Math.min(1, share)) * (stops.length - 1);
    const first = Math.min(stops.length - 2, Math.floor(at));
    const [low, high] = [channels(stops[first]), channels(stops[first + 1])];
    const mixed = low.map((value, channel) => Math.round(value + (at - first) * (high[channel] - value)));
    return `rgb(${mixed.join(" ")})`;
  }

  values() {
    const table = new Uint8ClampedArray(256 * 3);
    for (let level = 0; level < 256; level += 1) {
      table.set(this.value(level / 255).match(/\d+/g).map(Number), 3 * level);
    }
    return table;
  }
}

function channels(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

const corners = (count, turn = 0, radii = [1]) =>
  Array.from({ length: count }, (_, corner) => {
    const angle = turn - Math.PI / 2 + (2 * Math.PI * corner) / count;
    const radius = radii[corner % radii.length];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });

function bars(turn) {
  const [wide, thin] = [1.02, 0.38];
  const outline = [
    [-thin, -wide], [thin, -wide], [thin, -thin], [wide, -thin], [wide, thin], [thin, thin],
    [thin, wide], [-thin, wide], [-thin, thin], [-wide, thin], [-wide, -thin], [-thin, -thin],
  ];
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  return outline.map(([x, y]) => [x * cosine - y * sine, x * sine + y * cosine]);
}

const SHAPES = {
  triangle: corners(3).map(([x, y]) => [1.16 * x, 1.16 * y + 0.14]),
  wedge: corners(3, Math.PI).map(([x, y]) => [1.16 * x, 1.16 * y - 0.14]),
  square: corners(4, Math.PI / 4).map(([x, y]) => [1.14 * x, 1.14 * y]),
  diamond: corners(4).map(([x, y]) => [1.14 * x, 1.14 * y]),
  pentagon: corners(5),
  hexagon: corners(6, Math.PI / 6),
  star: corners(10, 0, [1.25, 0.56]),
  plus: bars(0),
  cross: bars(Math.PI / 4),
};

// The outline of a mark around (x, y), on a canvas or a path.
export function tracePath(path, shape, x, y, radius) {
  const outline = SHAPES[shape];
  if (!outline) {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  outline.forEach(([across, down], corner) => {
    const [px, py] = [x + radius * across, y + radius * down];
    if (corner === 0) path.moveTo(px, py);
    else path.lineTo(px, py);
  });
  path.closePath();
}

// The same as the `d` of an SVG path.
export function markPath(shape, x, y, radius) {
  const outline = SHAPES[shape];
  if (!outline) {
    return `M${x + radius} ${y}A${radius} ${radius} 0 1 1 ${x - radius} ${y}A${radius} ${radius} 0 1 1 ${x + radius} ${y}Z`;
  }
  return (
    outline
      .map(([across, down], corner) => `${corner ? "L" : "M"}${(x + radius * across).toFixed(2)} ${(y + radius * down).toFixed(2)}`)
      .join("") + "Z"
  );
}
