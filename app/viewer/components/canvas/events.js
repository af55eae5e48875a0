// Mouse, wheel, keyboard and size: from the events of the page to the methods of the canvas.

import { handleAt } from "./handles.js";
import { pressKey } from "./keys.js";
import { pageState } from "./page_state.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { Point } from "./geometry.js" */
/** @import { Pane } from "./painter.js" */

const WHEEL = 0.0016; // change of the logarithm of the zoom per pixel of the wheel
const WHEEL_UNITS = [1, 16, 400]; // pixels, lines, pages
const MIDDLE = 1;
const RIGHT = 2;
/** @type {Record<number, "pan" | "adjust">} */
const BUTTONS = { [MIDDLE]: "pan", [RIGHT]: "adjust" };

/**
 * Listen until the signal aborts.
 * @param {CanvasController} canvas
 * @param {AbortSignal} signal
 */
export function listen(canvas, signal) {
  for (const pane of canvas.panes) listenToPane(canvas, pane, signal);
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (pressKey(event, canvas)) event.preventDefault();
  };
  document.addEventListener("keydown", onKey, { signal });
  for (const name of ["focusin", "pointerenter"]) {
    canvas.root.addEventListener(name, () => (pageState.active = canvas), { signal });
  }
  const measured = canvas.mainPane.canvas;
  const resizing = new ResizeObserver(() => {
    if (measured.clientWidth && measured.clientHeight) canvas.resize(measured.clientWidth, measured.clientHeight);
  });
  resizing.observe(measured);
  signal.addEventListener("abort", () => resizing.disconnect());
}

/**
 * @param {CanvasController} canvas
 * @param {Pane} pane
 * @param {AbortSignal} signal
 */
function listenToPane(canvas, pane, signal) {
  const target = pane.canvas;
  const leave = () => {
    canvas.pointer = null;
    canvas.redraw();
  };
  target.addEventListener("pointerdown", (event) => press(canvas, pane, event), { signal });
  target.addEventListener("pointermove", (event) => move(canvas, pane, event), { signal });
  target.addEventListener("pointerup", () => canvas.tools.end(), { signal });
  target.addEventListener("pointercancel", () => canvas.tools.giveUp(), { signal });
  target.addEventListener("pointerleave", leave, { signal });
  target.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  target.addEventListener("wheel", (event) => turn(canvas, event), { signal, passive: false });
}

/**
 * @param {CanvasController} canvas
 * @param {Pane} pane
 * @param {PointerEvent} event
 */
function press(canvas, pane, event) {
  if (event.button > RIGHT || canvas.tools.gesture) return;
  event.preventDefault();
  pane.element.focus({ preventScroll: true });
  pane.canvas.setPointerCapture(event.pointerId);
  canvas.tools.crosshair = null;
  const tool = BUTTONS[event.button] ?? canvas.view.tool;
  canvas.tools.begin(tool, canvas.viewport.toFile(placeOf(event)), placeOf(event));
}

/**
 * @param {CanvasController} canvas
 * @param {Pane} pane
 * @param {PointerEvent} event
 */
function move(canvas, pane, event) {
  const screen = placeOf(event);
  canvas.pointer = { pane, screen };
  canvas.root.dataset.corner = String(handleAt(canvas.drawn.chosen, canvas.viewport.toFile(screen), canvas.viewport.scale));
  canvas.root.toggleAttribute("data-grip", Boolean(canvas.drawn.gripped(canvas.viewport.toFile(screen))));
  if (pane.canvas.hasPointerCapture(event.pointerId)) canvas.tools.drag(screen, event.shiftKey);
  canvas.redraw();
}

/**
 * @param {CanvasController} canvas
 * @param {WheelEvent} event
 */
function turn(canvas, event) {
  event.preventDefault();
  canvas.zoom(Math.exp(-event.deltaY * WHEEL_UNITS[event.deltaMode] * WHEEL), placeOf(event));
}

/**
 * @param {MouseEvent} event
 * @returns {Point}
 */
function placeOf({ offsetX, offsetY }) {
  return [offsetX, offsetY];
}
