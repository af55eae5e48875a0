// Where the panes look. A point of the screen is in CSS pixels from the upper left corner of a pane. With the scale
// s = fit * zoom, the point (x, y) of the file is shown at
//     ((x - viewport.x) * s + width / 2,  (y - viewport.y) * s + height / 2).

import { clamp } from "./geometry.js";

/** @import { Box, Point } from "./geometry.js" */
/** @typedef {{ zoom: number, x: number, y: number }} Place */

const MAX_ZOOM_PIXELS = 40; // CSS pixels that one pixel of the file may fill
const WHOLE = 1;
const REACH = 10; // CSS pixels around a small thing that count as on it

export class Viewport {
  width = 1;
  height = 1;
  fileWidth = 1;
  fileHeight = 1;
  zoom = WHOLE;
  x = 0;
  y = 0;

  /**
   * Set the size of a pane in CSS pixels.
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
  }

  /**
   * Set the size of the file and show the whole of it in the middle.
   * @param {number} fileWidth
   * @param {number} fileHeight
   */
  show(fileWidth, fileHeight) {
    this.fileWidth = fileWidth;
    this.fileHeight = fileHeight;
    this.reset();
  }

  reset() {
    this.place = { zoom: WHOLE, x: (this.fileWidth - 1) / 2, y: (this.fileHeight - 1) / 2 };
  }

  /** @returns {Place} */
  get place() {
    return { zoom: this.zoom, x: this.x, y: this.y };
  }

  set place({ zoom, x, y }) {
    this.zoom = zoom;
    this.x = x;
    this.y = y;
  }

  get fit() {
    return Math.min(this.width / this.fileWidth, this.height / this.fileHeight);
  }

  /** CSS pixels per pixel of the file. */
  get scale() {
    return this.fit * this.zoom;
  }

  /** Pixels of the file around a small thing that count as on it. */
  get reach() {
    return REACH / this.scale;
  }

  /**
   * @param {Point} file
   * @returns {Point}
   */
  toScreen([x, y]) {
    return [(x - this.x) * this.scale + this.width / 2, (y - this.y) * this.scale + this.height / 2];
  }

  /**
   * @param {Point} screen
   * @returns {Point}
   */
  toFile([x, y]) {
    return [(x - this.width / 2) / this.scale + this.x, (y - this.height / 2) / this.scale + this.y];
  }

  /**
   * Zoom by a factor; the point of the file under `screen` stays there.
   * @param {number} factor
   * @param {Point} [screen]
   */
  zoomAt(factor, screen = [this.width / 2, this.height / 2]) {
    const [x, y] = this.toFile(screen);
    this.zoom = clamp(this.zoom * factor, WHOLE, Math.max(WHOLE, MAX_ZOOM_PIXELS / this.fit));
    const [newX, newY] = this.toFile(screen);
    this.lookAt([this.x + x - newX, this.y + y - newY]);
  }

  /**
   * Move the picture by CSS pixels.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.lookAt([this.x - dx / this.scale, this.y - dy / this.scale]);
  }

  /**
   * Put a point of the file in the middle, as far as the picture then still fills the pane.
   * @param {Point} file
   */
  lookAt([x, y]) {
    this.x = centred(x, this.width / this.scale, this.fileWidth);
    this.y = centred(y, this.height / this.scale, this.fileHeight);
  }

  /**
   * Put a box of the file in the middle, at about a quarter of the side of the pane.
   * @param {Box} box
   */
  lookAtBox([x0, y0, x1, y1]) {
    const side = Math.max(x1 - x0, y1 - y0, 1);
    const wanted = Math.min(this.width, this.height) / 4 / side / this.fit;
    this.zoom = clamp(wanted, Math.max(WHOLE, Math.min(this.zoom, 4)), 8);
    this.lookAt([(x0 + x1) / 2, (y0 + y1) / 2]);
  }
}

/**
 * The middle from which a window of `seen` pixels shows at most a quarter of itself beyond `size` pixels.
 * @param {number} middle
 * @param {number} seen
 * @param {number} size
 */
function centred(middle, seen, size) {
  const [low, high] = [seen / 4 - 0.5, size - seen / 4 - 0.5];
  return low > high || seen >= size ? (size - 1) / 2 : clamp(middle, low, high);
}
