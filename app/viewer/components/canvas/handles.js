// The handles of the chosen lesion: four squares outside the corners of its box, which a drag moves. The opposite corner of
// the box stays where it is; a disk stays a disk.

import { boxOf, rescaled } from "./annotations.js";
import { distance } from "./geometry.js";

/** @import { Annotation } from "./annotations.js" */
/** @import { Point } from "./geometry.js" */

const GAP = 8; // CSS pixels from a corner of the box to its handle, so that a small lesion can still be moved
const GRIP = 7; // CSS pixels around a handle that count as on it
const MIN_SIDE = 2; // pixels of the file
/** Signs of the corners, clockwise from the upper left one. */
const CORNERS = /** @type {const} */ ([[-1, -1], [1, -1], [1, 1], [-1, 1]]);

/**
 * Where the handles of a lesion are, clockwise from the upper left one.
 * @param {Annotation} lesion
 * @param {number} scale CSS pixels per pixel of the file
 * @returns {Point[]}
 */
export function handlesOf(lesion, scale) {
  const [x0, y0, x1, y1] = boxOf(lesion);
  return CORNERS.map(([right, down]) => [
    (right > 0 ? x1 : x0) + (right * GAP) / scale,
    (down > 0 ? y1 : y0) + (down * GAP) / scale,
  ]);
}

/**
 * The number of the handle at a point, or -1.
 * @param {Annotation | undefined} lesion
 * @param {Point} file
 * @param {number} scale
 */
export function handleAt(lesion, file, scale) {
  if (!lesion) return -1;
  return handlesOf(lesion, scale).findIndex((handle) => distance(handle, file) * scale <= GRIP);
}

/**
 * The lesion with one corner of its box moved.
 * @param {Annotation} lesion
 * @param {number} corner
 * @param {number} dx
 * @param {number} dy
 * @returns {Annotation}
 */
export function resized(lesion, corner, dx, dy) {
  const [x0, y0, x1, y1] = boxOf(lesion);
  const [right, down] = CORNERS[corner];
  const width = Math.max(x1 - x0 + right * dx, MIN_SIDE);
  const height = Math.max(y1 - y0 + down * dy, MIN_SIDE);
  /** @type {Point} */
  const fixed = [right > 0 ? x0 : x1, down > 0 ? y0 : y1];
  return rescaled(lesion, fixed, width / (x1 - x0 || 1), height / (y1 - y0 || 1));
}
