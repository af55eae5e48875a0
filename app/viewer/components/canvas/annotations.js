// Annotations as Python sends and takes them (retina_xai/lesions/annotation.py), in pixels of the file, and their shapes.

import { addRing, boxOfPoints, distance, distanceToLine, isEnclosed, middleOfBox, sides } from "./geometry.js";

/** @import { Box, Point, Ring } from "./geometry.js" */
/** @typedef {{ kind: "outline", rings: Ring[] }} Outline */
/** @typedef {{ kind: "disk", x: number, y: number, radius: number }} Disk */

/**
 * @typedef {object} Annotation
 * @property {string} id
 * @property {string} type
 * @property {"candidate" | "reader" | "expert"} origin
 * @property {"kept" | "moved" | "deleted" | "added"} status
 * @property {number | null} score
 * @property {number | null} [effect] fall of the log-odds when it alone is deleted
 * @property {Outline | Disk} shape
 */

const DECIMALS = 100; // coordinates are kept to a hundredth of a pixel

/**
 * A disk that the reader has drawn.
 * @param {string} type
 * @param {Point} centre
 * @param {number} radius
 * @returns {Annotation}
 */
export function drawnDisk(type, [x, y], radius) {
  return drawn(type, { kind: "disk", x: rounded(x), y: rounded(y), radius: rounded(radius) });
}

/**
 * The optic disc of which two points of the rim lie opposite each other.
 * @param {Point} from
 * @param {Point} to
 */
export function discBetween(from, to) {
  const [x, y] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  return { x: rounded(x), y: rounded(y), radius: Math.max(rounded(distance(from, to) / 2), 1 / DECIMALS) };
}

/**
 * A freehand outline that the reader has drawn.
 * @param {string} type
 * @param {Ring} ring
 * @returns {Annotation}
 */
export function drawnOutline(type, ring) {
  return drawn(type, { kind: "outline", rings: [ring.map(([x, y]) => [rounded(x), rounded(y)])] });
}

/**
 * @param {string} type
 * @param {Outline | Disk} shape
 * @returns {Annotation}
 */
function drawn(type, shape) {
  return { id: crypto.randomUUID(), type, origin: "reader", status: "added", score: null, shape };
}

/**
 * The annotation moved by (dx, dy).
 * @param {Annotation} annotation
 * @param {number} dx
 * @param {number} dy
 * @returns {Annotation}
 */
export function moved(annotation, dx, dy) {
  const { shape } = annotation;
  if (shape.kind === "disk") {
    return { ...annotation, shape: { ...shape, x: rounded(shape.x + dx), y: rounded(shape.y + dy) } };
  }
  /** @type {(point: Point) => Point} */
  const move = ([x, y]) => [rounded(x + dx), rounded(y + dy)];
  return { ...annotation, shape: { ...shape, rings: shape.rings.map((ring) => ring.map(move)) } };
}

/**
 * The annotation stretched about a point. A disk is stretched by the larger of the two factors.
 * @param {Annotation} annotation
 * @param {Point} fixed
 * @param {number} across
 * @param {number} down
 * @returns {Annotation}
 */
export function rescaled(annotation, [fixedX, fixedY], across, down) {
  const { shape } = annotation;
  /** @type {(point: Point, across: number, down: number) => Point} */
  const stretch = ([x, y], byX, byY) => [rounded(fixedX + (x - fixedX) * byX), rounded(fixedY + (y - fixedY) * byY)];
  if (shape.kind === "disk") {
    const by = Math.max(across, down);
    const [x, y] = stretch([shape.x, shape.y], by, by);
    return { ...annotation, shape: { ...shape, x, y, radius: rounded(shape.radius * by) } };
  }
  const rings = shape.rings.map((ring) => ring.map((point) => stretch(point, across, down)));
  return { ...annotation, shape: { ...shape, rings } };
}

/** @param {Annotation} annotation */
export function pathOf({ shape }) {
  const path = new Path2D();
  if (shape.kind === "disk") path.arc(shape.x, shape.y, shape.radius, 0, 2 * Math.PI);
  else for (const ring of shape.rings) addRing(path, ring);
  return path;
}

/**
 * @param {Annotation} annotation
 * @returns {Box}
 */
export function boxOf({ shape }) {
  if (shape.kind === "outline") return boxOfPoints(shape.rings.flat());
  const { x, y, radius } = shape;
  return [x - radius, y - radius, x + radius, y + radius];
}

/** @param {Annotation} annotation */
export function middleOf(annotation) {
  return middleOfBox(boxOf(annotation));
}

/**
 * Whether a point is in the shape, or at most `reach` away from its middle.
 * @param {Annotation} annotation
 * @param {Point} point
 * @param {number} reach
 */
export function touches(annotation, point, reach) {
  const { shape } = annotation;
  if (distance(point, middleOf(annotation)) <= reach) return true;
  return shape.kind === "disk"
    ? distance(point, [shape.x, shape.y]) <= shape.radius
    : isEnclosed(point, shape.rings);
}

/**
 * Whether a point is at most `reach` away from the outline of the shape.
 * @param {Annotation} annotation
 * @param {Point} point
 * @param {number} reach
 */
export function isOnOutline({ shape }, point, reach) {
  if (shape.kind === "disk") return Math.abs(distance(point, [shape.x, shape.y]) - shape.radius) <= reach;
  return shape.rings.flatMap(sides).some(([from, to]) => distanceToLine(point, from, to) <= reach);
}

/** @param {number} value */
function rounded(value) {
  return Math.round(value * DECIMALS) / DECIMALS;
}
