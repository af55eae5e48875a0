// Lines, markers and texts whose size is that of the screen, on a canvas whose units are pixels of the file.

import { MARKERS } from "./styles.js";

/** @import { Box, Point } from "./geometry.js" */
/** @import { LesionStyle, LineStyle } from "./styles.js" */

const LINE = 2; // CSS pixels
const SMALL = 26; // CSS pixels: a smaller outline is too short to show its dashes, and gets the marker of its type
const HANDLE = 4; // CSS pixels: half the width of a handle
const MARKER = 4.5; // CSS pixels: half the width of a marker
/** CSS pixels from a box up to the middle of its marker. */
export const MARKER_RISE = MARKER + LINE + 2;

export class Brush {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} scale CSS pixels per pixel of the file
   */
  constructor(context, scale) {
    this.context = context;
    this.scale = scale;
  }

  /**
   * Draw a line over a casing, which sets it off from any ground.
   * @param {Path2D} path
   * @param {LineStyle} style
   * @param {number} [width]
   */
  stroke(path, { colour, dash, casing }, width = LINE) {
    const { context, scale } = this;
    context.lineJoin = "round";
    context.setLineDash([]);
    context.lineWidth = (width + 2) / scale;
    context.strokeStyle = casing;
    context.stroke(path);
    context.setLineDash(dash.map((length) => length / scale));
    context.lineWidth = width / scale;
    context.strokeStyle = colour;
    context.stroke(path);
    context.setLineDash([]);
  }

  /**
   * Draw the marker of the type above the upper edge of a box that is small on the screen.
   * @param {Box} box
   * @param {LesionStyle} style
   */
  markIfSmall([x0, y0, x1, y1], { colour, casing, marker }) {
    const { context, scale } = this;
    if (Math.max(x1 - x0, y1 - y0) * scale >= SMALL) return;
    context.save();
    context.translate((x0 + x1) / 2, y0 - MARKER_RISE / scale);
    context.scale(MARKER / scale, MARKER / scale);
    const shape = new Path2D();
    MARKERS[marker](shape);
    context.lineWidth = 0.7;
    context.strokeStyle = casing;
    context.stroke(shape);
    context.fillStyle = colour;
    context.fill(shape);
    context.restore();
  }

  /**
   * Write to the right of a box, on a dark ground.
   * @param {Box} box
   * @param {string} text
   * @param {string} colour
   */
  label([, y0, x1, y1], text, colour) {
    const { context, scale } = this;
    context.save();
    context.translate(x1 + 8 / scale, (y0 + y1) / 2);
    context.scale(1 / scale, 1 / scale);
    context.font = "600 13px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillStyle = "rgba(0, 0, 0, 0.75)";
    context.fillRect(-4, -10, context.measureText(text).width + 8, 20);
    context.fillStyle = colour;
    context.fillText(text, 0, 0);
    context.restore();
  }

  /**
   * Draw a handle.
   * @param {Point} middle
   * @param {LineStyle} style
   */
  handle([x, y], { colour, casing }) {
    const { context, scale } = this;
    const half = HANDLE / scale;
    context.fillStyle = colour;
    context.strokeStyle = casing;
    context.lineWidth = 1.5 / scale;
    context.fillRect(x - half, y - half, 2 * half, 2 * half);
    context.strokeRect(x - half, y - half, 2 * half, 2 * half);
  }

  /**
   * Draw a small cross with a gap in its middle.
   * @param {Point} middle
   * @param {LineStyle} style
   */
  cross([x, y], style) {
    const path = new Path2D();
    const [near, far] = [3 / this.scale, 11 / this.scale];
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      path.moveTo(x + dx * near, y + dy * near);
      path.lineTo(x + dx * far, y + dy * far);
    }
    this.stroke(path, style, 1.5);
  }
}
