// The line below the panes: position, evidence, length and zoom.

import { find, setText } from "../shared/elements.js";
import { distance, isWithin } from "./geometry.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { Point } from "./geometry.js" */
/** @import { CanvasData } from "./layers.js" */

/**
 * The length of a line with its unit. Disc diameters are estimated: two digits.
 * @param {[Point, Point]} line in pixels of the file
 * @param {CanvasData["scale"]} scale
 */
function lengthOf([from, to], scale) {
  if (!scale) return `${distance(from, to).toFixed(1)} px`;
  const { unit, down, across } = scale;
  const length = distance([from[0] * across, from[1] * down], [to[0] * across, to[1] * down]);
  return `${unit === "mm" ? length.toFixed(2) : Number(length.toPrecision(2))} ${unit}`;
}

/** @param {CanvasController} canvas */
export function showReadout(canvas) {
  const { layers, viewport, view, root, tools, pointer } = canvas;
  const file = tools.crosshair ?? (pointer && viewport.toFile(pointer.screen));
  const inside = file && isWithin(file, canvas.photographBox, 0) ? file : null;
  const value = (inside && layers.heatMap()?.at(inside, layers.width, layers.height)) ?? null;
  const lines = {
    position: inside ? `x ${Math.round(inside[0])}  y ${Math.round(inside[1])}` : "",
    value: value === null ? "" : `evidence ${value.toFixed(2)}`,
    zoom: `zoom ${viewport.zoom.toFixed(1)}×`,
    length: view.measure ? `length ${lengthOf(view.measure, layers.data.scale)}` : "",
  };
  for (const [name, line] of Object.entries(lines)) setText(find(root, `[data-readout=${name}]`, HTMLElement), line);
}
