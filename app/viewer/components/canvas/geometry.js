// Points, boxes and rings. Points of the file are in pixels, the centre of the first one at (0, 0).

/** @typedef {[number, number]} Point x, y */
/** @typedef {[number, number, number, number]} Box x0, y0, x1, y1 */
/** @typedef {Point[]} Ring the corners of a closed line; the last is joined to the first */

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/**
 * @param {Point} from
 * @param {Point} to
 */
export function distance([x0, y0], [x1, y1]) {
  return Math.hypot(x1 - x0, y1 - y0);
}

/**
 * The distance of a point from the line between two points.
 * @param {Point} point
 * @param {Point} from
 * @param {Point} to
 */
export function distanceToLine([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return distance([x, y], [x0 + along * dx, y0 + along * dy]);
}

/**
 * The smallest box around points; at least one is given.
 * @param {Point[]} points
 * @returns {Box}
 */
export function boxOfPoints(points) {
  const box = /** @type {Box} */ ([Infinity, Infinity, -Infinity, -Infinity]);
  for (const [x, y] of points) {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
  return box;
}

/** @param {Box} box */
export function boxArea([x0, y0, x1, y1]) {
  return (x1 - x0) * (y1 - y0);
}

/**
 * @param {Box} box
 * @returns {Point}
 */
export function middleOfBox([x0, y0, x1, y1]) {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

/**
 * Whether a point is in a box or at most `reach` away from it.
 * @param {Point} point
 * @param {Box} box
 * @param {number} reach
 */
export function isWithin([x, y], [x0, y0, x1, y1], reach) {
  return x >= x0 - reach && x < x1 + reach && y >= y0 - reach && y < y1 + reach;
}

/**
 * Whether a point is inside an odd number of rings, that is in the region and in none of its holes.
 * @param {Point} point
 * @param {Ring[]} rings
 */
export function isEnclosed([x, y], rings) {
  let inside = false;
  for (const [[x0, y0], [x1, y1]] of rings.flatMap(sides)) {
    if (y0 > y !== y1 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) inside = !inside;
  }
  return inside;
}

/**
 * The sides of a ring, each from one corner to the next.
 * @param {Ring} ring
 * @returns {[Point, Point][]}
 */
export function sides(ring) {
  return ring.map((corner, i) => [ring[(i + ring.length - 1) % ring.length], corner]);
}

/**
 * The area inside a ring.
 * @param {Ring} ring
 */
export function areaOf(ring) {
  return Math.abs(sides(ring).reduce((sum, [[x0, y0], [x1, y1]]) => sum + x0 * y1 - x1 * y0, 0)) / 2;
}

/**
 * Add a closed line to a path.
 * @param {Path2D} path
 * @param {Ring} ring
 */
export function addRing(path, ring) {
  ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
}
