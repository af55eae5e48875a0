// The line below the panes: position, evidence, length and zoom.

import { find, setText } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { lengthOf } from "../shared/scale.js";
import { isWithin } from "./geometry.js";
import { wordsOf } from "./tone.js";

/** @import { CanvasController } from "./controller.js" */

/** The size of the marked optic disc. */
function discLine() {
  const { disc } = examination.work;
  const { unit = "px" } = examination.shown.scale ?? {};
  if (!disc) return "";
  const { x, y, radius } = disc;
  const across = unit === "mm" ? examination.scale : null;
  return `disc ${lengthOf([[x - radius, y], [x + radius, y]], across)}`;
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
    disc: discLine(),
    tone: wordsOf(view.tone),
    length: view.measure ? `length ${lengthOf(view.measure, examination.scale)}` : "",
  };
  for (const [name, line] of Object.entries(lines)) setText(find(root, `[data-readout=${name}]`, HTMLElement), line);
}
