// SPDX-License-Identifier: Apache-2.0
// Lines between regions, drawn where neighbouring cells of a grid have different labels.

// Segments as a path in units of cells, whose middles lie at (column + 0.5, row + 0.5).
export function boundaryPath(labels, columns, rows) {
  const path = new Path2D();
  const line = (x0, y0, x1, y1) => {
    path.moveTo(x0, y0);
    path.lineTo(x1, y1);
  };
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) {
      const first = row * columns + column;
      const [a, b, c, d] = [labels[first], labels[first + 1], labels[first + columns], labels[first + columns + 1]];
      if (a === b && a === c && a === d) continue;
      const [x, y] = [column + 1, row + 1];
      const sides = [];
      if (a !== b) sides.push([x, y - 0.5]);
      if (c !== d) sides.push([x, y + 0.5]);
      if (a !== c) sides.push([x - 0.5, y]);
      if (b !== d) sides.push([x + 0.5, y]);
      // Two crossed sides are joined straight, which turns stairs into slopes; more meet in the middle.
      if (sides.length === 2) line(...sides[0], ...sides[1]);
      else for (const side of sides) line(...side, x, y);
    }
  }
  return path;
}

// Levels of a shaded surface, for the same lines between steps of a value.
export function steps(shade, count) {
  return shade.map((level) => Math.min(count - 1, Math.floor((level * count) / 256)));
}
