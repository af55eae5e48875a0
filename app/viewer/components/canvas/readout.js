// The line below the panes: position, evidence, length and zoom.

import { find, setText } from "../shared/elements.js";
import { isWithin, lengthOf } from "./geometry.js";
import { wordsOf } from "./tone.js";

/** @import { CanvasController } from "./controller.js" */

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
    tone: wordsOf(view.tone),
    length: view.measure ? `length ${lengthOf(view.measure, layers.data.scale)}` : "",
  };
  for (const [name, line] of Object.entries(lines)) setText(find(root, `[data-readout=${name}]`, HTMLElement), line);
}
