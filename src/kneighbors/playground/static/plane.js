// SPDX-License-Identifier: Apache-2.0
// The plane: regions below, marks above. It draws what the engine answered and decides nothing itself.

import { boundaryPath, steps } from "./boundary.js";
import { tracePath } from "./palette.js";

const LEVELS = 10; // lines on a surface of values

export class Plane {
  constructor(regions, marks, palette) {
    this.regions = regions;
    this.marks = marks;
    this.palette = palette;
    this.view = [0, 1, 0, 1];
    this.width = 1;
    this.height = 1;
    this.grid = null;
    this.before = null;
    this.scene = null;
  }

  resize() {
    const box = this.marks.getBoundingClientRect();
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    this.width = Math.max(1, box.width);
    this.height = Math.max(1, box.height);
    for (const canvas of [this.regions, this.marks]) {
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(this.height * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.paintRegions();
    this.paintMarks();
  }

  toPixel([x, y]) {
    const [x0, x1, y0, y1] = this.view;
    return [((x - x0) / (x1 - x0)) * this.width, ((y1 - y) / (y1 - y0)) * this.height];
  }

  toData([px, py]) {
    const [x0, x1, y0, y1] = this.view;
    return [this.round(x0 + (px / this.width) * (x1 - x0), x1 - x0), this.round(y1 - (py / this.height) * (y1 - y0), y1 - y0)];
  }

  // Five significant digits of the span, as the presets have them: short to write and exact to read.
  round(value, span) {
    const digits = Math.max(0, Math.min(12, 4 - Math.floor(Math.log10(span))));
    return Number(value.toFixed(digits)) + 0;
  }

  // The point whose mark is at most `reach` pixels away; the last drawn wins among equals.
  pointAt(points, [px, py], reach) {
    let found = -1;
    let nearest = reach * reach;
    points.forEach((point, row) => {
      const [x, y] = this.toPixel(point);
      const away = (x - px) ** 2 + (y - py) ** 2;
      if (away <= nearest) {
        nearest = away;
        found = row;
      }
    });
    return found;
  }

  showGrid(grid, before = null) {
    this.grid = grid;
    this.before = before;
    this.paintRegions();
  }

  showScene(scene) {
    this.scene = scene;
    this.paintMarks();
  }

  // --- regions

  paintRegions() {
    const context = this.regions.getContext("2d");
    context.fillStyle = this.palette.inks.paper;
    context.fillRect(0, 0, this.width, this.height);
    if (!this.grid) return;
    const wipe = this.scene?.state.wipe;
    if (this.before && wipe !== null && wipe !== undefined) {
      const edge = wipe * this.width;
      this.paintGrid(context, this.before, 0, edge);
      this.paintGrid(context, this.grid, edge, this.width);
    } else this.paintGrid(context, this.grid, 0, this.width);
  }

  paintGrid(context, grid, from, to) {
    if (to <= from) return;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.height);
    context.clip();
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    const isClass = grid.task === "classification";
    context.drawImage(this.picture(grid, isClass), 0, 0, this.width, this.height);
    if (grid.tied) this.hatch(context, grid);
    context.scale(this.width / grid.columns, this.height / grid.rows);
    grid.lines ??= boundaryPath(isClass ? grid.labels : steps(grid.shade, LEVELS), grid.columns, grid.rows);
    context.strokeStyle = this.palette.inks.line;
    context.globalAlpha = isClass ? 0.72 : 0.25;
    context.lineWidth = (isClass ? 1.3 : 0.8) * (grid.columns / this.width);
    context.lineCap = "round";
    context.stroke(grid.lines);
    context.restore();
  }

  picture(grid, isClass) {
    if (grid.picture?.theme === this.palette.theme) return grid.picture.canvas;
    const canvas = document.createElement("canvas");
    canvas.width = grid.columns;
    canvas.height = grid.rows;
    const image = new ImageData(grid.columns, grid.rows);
    const tables = isClass ? [] : [this.palette.values()];
    for (let cell = 0; cell < grid.labels.length; cell += 1) {
      const label = grid.labels[cell];
      tables[label] ??= this.palette.tints(label);
      const start = 3 * grid.shade[cell];
      image.data[4 * cell] = tables[label][start];
      image.data[4 * cell + 1] = tables[label][start + 1];
      image.data[4 * cell + 2] = tables[label][start + 2];
      image.data[4 * cell + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    grid.picture = { canvas, theme: this.palette.theme };
    return canvas;
  }

  // Ties: slanted lines over the tied cells.
  hatch(context, grid) {
    const ratio = this.regions.width / this.width;
    const mask = document.createElement("canvas");
    mask.width = grid.columns;
    mask.height = grid.rows;
    const image = new ImageData(grid.columns, grid.rows);
    for (let cell = 0; cell < grid.ties.length; cell += 1) image.data[4 * cell + 3] = grid.ties[cell] ? 255 : 0;
    mask.getContext("2d").putImageData(image, 0, 0);
    const layer = document.createElement("canvas");
    layer.width = this.regions.width;
    layer.height = this.regions.height;
    const pen = layer.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(mask, 0, 0, layer.width, layer.height);
    pen.globalCompositeOperation = "source-in";
    pen.strokeStyle = this.palette.inks.line;
    pen.globalAlpha = 0.5;
    pen.lineWidth = 1.1 * ratio;
    pen.beginPath();
    for (let x = -layer.height; x < layer.width; x += 7 * ratio) {
      pen.moveTo(x, layer.height);
      pen.lineTo(x + layer.height, 0);
    }
    // source-in keeps what the lines and the mask share: all lines must be one stroke.
    pen.stroke();
    context.drawImage(layer, 0, 0, this.width, this.height);
  }

  // --- marks

  paintMarks() {
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    const scene = this.scene;
    if (!scene) return;
    const { state, told, index, crosshair, held } = scene;
    if (index) this.paintIndex(context, index);
    if (told?.ball?.length) this.paintBall(context, told.ball);
    if (told) this.paintLinks(context, state, told);
    this.paintPoints(context, state, told, held);
    if (told) this.paintPlace(context, state, told);
    if (crosshair) this.paintCrosshair(context, crosshair);
  }

  paintBall(context, ball) {
    context.save();
    context.beginPath();
    ball.forEach((corner, number) => {
      const [x, y] = this.toPixel(corner);
      if (number === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
    context.closePath();
    context.fillStyle = this.palette.inks.ink;
    context.globalAlpha = 0.07;
    context.fill();
    context.globalAlpha = 0.85;
    context.strokeStyle = this.palette.inks.ink;
    context.lineWidth = 1.25;
    context.setLineDash([5, 4]);
    context.stroke();
    context.restore();
  }

  paintLinks(context, state, told) {
    context.save();
    context.strokeStyle = this.palette.inks.ink;
    context.lineWidth = told.neighbors.length > 40 ? 0.6 : 1.1;
    context.globalAlpha = told.neighbors.length > 40 ? 0.4 : 0.75;
    const from = this.toPixel(told.place);
    context.beginPath();
    for (const neighbor of told.neighbors) {
      if (!state.points[neighbor.id]) continue;
      context.moveTo(...from);
      context.lineTo(...this.toPixel(state.points[neighbor.id]));
    }
    context.stroke();
    context.restore();
  }

  radius(state) {
    const crowd = Math.sqrt(Math.min(1, 160 / Math.max(1, state.points.length)));
    return Math.max(3.1, Math.min(6, 0.0095 * this.width) * (0.62 + 0.38 * crowd));
  }

  paintPoints(context, state, told, held) {
    const radius = this.radius(state);
    const near = new Set(told?.neighbors.map((neighbor) => neighbor.id));
    const isClass = state.task === "classification";
    const [low, high] = this.grid ? [this.grid.low, this.grid.high] : [0, 1];
    state.points.forEach((point, row) => {
      const [x, y] = this.toPixel(point);
      const size = near.has(row) ? radius * 1.3 : radius;
      const path = new Path2D();
      tracePath(path, isClass ? this.palette.shape(point[2]) : "circle", x, y, size);
      context.lineJoin = "round";
      context.strokeStyle = near.has(row) ? this.palette.inks.ink : this.palette.inks.paper;
      context.lineWidth = near.has(row) ? 2.6 : Math.min(2.2, 0.45 * size);
      context.stroke(path);
      context.fillStyle = isClass ? this.palette.color(point[2]) : this.palette.value((point[2] - low) / (high - low || 1));
      context.fill(path);
      if (!isClass && !near.has(row)) {
        context.strokeStyle = this.palette.inks.ink;
        context.lineWidth = 0.8;
        context.stroke(path);
      }
      if (row === held) this.ring(context, x, y, radius + 7, [2, 3]);
    });
    const flip = told?.flip && state.points[told.flip.id];
    if (flip) this.ring(context, ...this.toPixel(flip), radius + Math.min(6.5, 0.012 * this.width), []);
  }

  ring(context, x, y, radius, dash) {
    context.save();
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.strokeStyle = this.palette.inks.paper;
    context.lineWidth = 5;
    context.stroke();
    context.setLineDash(dash);
    context.strokeStyle = this.palette.inks.ink;
    context.lineWidth = 2.2;
    context.stroke();
    context.restore();
  }

  paintPlace(context, state, told) {
    const [x, y] = this.toPixel(told.place);
    context.save();
    context.beginPath();
    const size = Math.min(6.5, 0.013 * this.width);
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.fillStyle = this.palette.inks.paper;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = this.palette.inks.ink;
    context.stroke();
    context.beginPath();
    context.arc(x, y, 0.35 * size, 0, 2 * Math.PI);
    context.fillStyle = this.palette.inks.ink;
    context.fill();
    context.restore();
  }

  paintCrosshair(context, place) {
    const [x, y] = this.toPixel(place);
    context.save();
    for (const [color, width] of [[this.palette.inks.paper, 4], [this.palette.inks.ink, 1.5]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 9 * dx, y + 9 * dy);
        context.lineTo(x + 22 * dx, y + 22 * dy);
      }
      context.stroke();
    }
    context.restore();
  }

  // What an index is made of: whatever lines it names, those that the query visited stronger.
  paintIndex(context, index) {
    const visited = new Set(index.visited);
    context.save();
    context.strokeStyle = this.palette.inks.ink;
    for (const shape of index.shapes) {
      const cell = shape.word === "box" || shape.word === "circle" || shape.word === "cross";
      const touched = cell && visited.has(shape.number);
      context.beginPath();
      if (shape.word === "cross") {
        const [x, y] = this.toPixel(shape.lines[0]);
        context.moveTo(x - 5, y);
        context.lineTo(x + 5, y);
        context.moveTo(x, y - 5);
        context.lineTo(x, y + 5);
      } else {
        shape.lines.forEach((corner, number) => {
          const [x, y] = this.toPixel(corner);
          if (number === 0) context.moveTo(x, y);
          else context.lineTo(x, y);
        });
        if (shape.closed) context.closePath();
      }
      context.globalAlpha = touched ? 1 : 0.5;
      context.lineWidth = touched ? 2 : 1;
      context.stroke();
      if (touched && shape.closed) {
        context.globalAlpha = 0.08;
        context.fillStyle = this.palette.inks.ink;
        context.fill();
      }
    }
    if (index.walk.length > 1) {
      context.globalAlpha = 0.95;
      context.lineWidth = 2.2;
      context.beginPath();
      index.walk.forEach((place, number) => {
        const [x, y] = this.toPixel(place);
        if (number === 0) context.moveTo(x, y);
        else context.lineTo(x, y);
      });
      context.stroke();
    }
    context.restore();
  }

  // Both layers as one picture.
  snapshot() {
    const canvas = document.createElement("canvas");
    canvas.width = this.regions.width;
    canvas.height = this.regions.height;
    const context = canvas.getContext("2d");
    context.drawImage(this.regions, 0, 0);
    context.drawImage(this.marks, 0, 0);
    return canvas;
  }
}
