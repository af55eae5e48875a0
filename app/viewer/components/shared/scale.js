// Lengths and areas on the retina: in millimetres where the file has a pixel spacing, otherwise in diameters of the optic
// disc that the reader marked, otherwise in estimated ones. See retina_xai/fundus/retinal_scale.py.

import { distance } from "../canvas/geometry.js";

/** @import { Point } from "../canvas/geometry.js" */
/** @typedef {{ unit: string, down: number, across: number }} Scale size of a pixel of the file */
/** @typedef {{ x: number, y: number, radius: number }} Disc the optic disc in pixels of the file */

const MILLIMETRES = "mm";
const AREA_UNITS = { mm: "mm²", DD: "DA" };

/**
 * The scale of a photograph whose optic disc was marked, or was not.
 * @param {Scale | null} scale
 * @param {Disc | null | undefined} disc
 * @returns {Scale | null}
 */
export function scaleWith(scale, disc) {
  if (!disc || scale?.unit === MILLIMETRES) return scale;
  const pixel = 1 / (2 * disc.radius);
  return { unit: "DD", down: pixel, across: pixel };
}

/**
 * The length of a line with its unit. Disc diameters have two digits.
 * @param {[Point, Point]} line in pixels of the file
 * @param {Scale | null} scale
 */
export function lengthOf([from, to], scale) {
  if (!scale) return `${distance(from, to).toFixed(1)} px`;
  const { unit, down, across } = scale;
  const length = distance([from[0] * across, from[1] * down], [to[0] * across, to[1] * down]);
  return `${unit === MILLIMETRES ? length.toFixed(2) : Number(length.toPrecision(2))} ${unit}`;
}

/**
 * The unit of areas: square millimetres or disc areas; "" without a scale.
 * @param {Scale | null} scale
 */
export function areaUnit(scale) {
  return scale ? AREA_UNITS[/** @type {keyof typeof AREA_UNITS} */ (scale.unit)] : "";
}

/**
 * An area of so many pixels in the unit of areas, with two digits; "" without a scale.
 * @param {number} pixels
 * @param {Scale | null} scale
 */
export function areaText(pixels, scale) {
  if (!scale) return "";
  const square = pixels * scale.down * scale.across;
  return String(Number((scale.unit === MILLIMETRES ? square : square / (Math.PI / 4)).toPrecision(2)));
}
