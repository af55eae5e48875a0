// How lines and markers look. Colours, dashes and names come from Python (palette.py); here are the shapes of markers.

import { addRing } from "./geometry.js";

/** @typedef {{ colour: string, casing: string, dash: number[] }} LineStyle */
/** @typedef {LineStyle & { label: string, marker: keyof typeof MARKERS }} LesionStyle */
/** @typedef {{ lesions: Record<string, LesionStyle>, candidate: LineStyle, selected: LineStyle, disc: LineStyle }} Palette */

/** Markers around (0, 0), of half width 1. */
export const MARKERS = {
  /** @param {Path2D} path */
  circle: (path) => path.arc(0, 0, 1, 0, 2 * Math.PI),
  /** @param {Path2D} path */
  square: (path) => path.rect(-0.9, -0.9, 1.8, 1.8),
  /** @param {Path2D} path */
  diamond: (path) => addRing(path, [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]),
  /** @param {Path2D} path */
  triangle: (path) => addRing(path, [[0, -1.2], [1.15, 0.9], [-1.15, 0.9]]),
  /** @param {Path2D} path */
  bar: (path) => path.rect(-1.2, -0.5, 2.4, 1),
};
