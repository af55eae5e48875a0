// The tools: a gesture from its begin to its end, by mouse or by the crosshair that the arrow keys move.

import { clamp, isWithin } from "./geometry.js";
import { examination } from "../shared/examination.js";
import { draggedTone, GESTURES } from "./gestures.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { Point } from "./geometry.js" */
/** @import { Gesture } from "./gestures.js" */
/** @typedef {keyof typeof GESTURES} ToolName */

const ARROW_STEP = 40; // CSS pixels by which an arrow key moves the picture
const CROSSHAIR_STEP = 10; // CSS pixels by which an arrow key moves the crosshair
const MARGIN = 20; // CSS pixels between the crosshair and the border of the pane
const TONE_STEP = 20; // CSS pixels of a drag that an arrow key stands for
const HINTS = {
  ...{ pan: "Move", measure: "Measure: drag a line", disc: "Disc: drag across the optic disc, from rim to rim", draw: "Draw: drag a lesion" },
  adjust: "Adjust: drag up or down for brightness, left or right for contrast, with Shift for gamma",
};

export class Tools {
  /** @type {Gesture | null} */
  gesture = null;
  /** @type {Point | null} in pixels of the file */
  crosshair = null;

  /** @param {CanvasController} canvas */
  constructor(canvas) {
    this.canvas = canvas;
  }

  /** @param {ToolName} tool */
  set(tool) {
    this.giveUp();
    this.canvas.set({ tool });
    this.canvas.say(HINTS[tool]);
  }

  /**
   * Begin a gesture. A line or a lesion begins on the photograph only.
   * @param {ToolName} tool
   * @param {Point} file
   * @param {Point} screen
   */
  begin(tool, file, screen) {
    const { canvas } = this;
    const anywhere = tool === "pan" || tool === "adjust";
    if (!anywhere && !isWithin(file, canvas.photographBox, 0)) return;
    examination.busy = true;
    this.gesture = GESTURES[tool](canvas, file, screen);
  }

  /**
   * @param {Point} screen
   * @param {boolean} shift
   */
  drag(screen, shift) {
    this.gesture?.move(this.canvas.viewport.toFile(screen), screen, shift);
  }

  end() {
    this.gesture?.end();
    this.rest();
  }

  /** There is no gesture any more; what it changed is one step of the history. */
  rest() {
    const changed = this.gesture !== null;
    this.gesture = null;
    examination.busy = false;
    if (changed && examination.shown.image) examination.history.note(examination.work);
    this.canvas.changed();
  }

  /** Cancel what was begun; else remove the measurement and choose nothing. */
  giveUp() {
    if (this.gesture) this.gesture.cancel();
    else Object.assign(this.canvas.view, { measure: null, lesion: null });
    this.crosshair = null;
    this.rest();
  }

  /**
   * An arrow key: moves the picture, or with the other tools the crosshair.
   * @param {[number, number]} direction
   * @param {boolean} byPixel
   */
  arrow([dx, dy], byPixel) {
    const { viewport, layers, view } = this.canvas;
    if (view.tool === "pan") {
      this.canvas.pan(-dx * ARROW_STEP, -dy * ARROW_STEP);
      return;
    }
    if (view.tool === "adjust") {
      this.canvas.setTone(draggedTone(view.tone, dx * TONE_STEP, dy * TONE_STEP, byPixel));
      return;
    }
    const step = byPixel ? 1 : CROSSHAIR_STEP / viewport.scale;
    const [x, y] = this.crosshair ?? [viewport.x, viewport.y];
    this.crosshair = [clamp(x + dx * step, 0, layers.width - 1), clamp(y + dy * step, 0, layers.height - 1)];
    this.follow(this.crosshair);
    this.gesture?.move(this.crosshair, viewport.toScreen(this.crosshair), byPixel);
    this.canvas.changed();
  }

  /**
   * Move the picture until a point of the file can be seen.
   * @param {Point} file
   */
  follow(file) {
    const { viewport } = this.canvas;
    const [x, y] = viewport.toScreen(file);
    viewport.pan(-beyond(x, viewport.width), -beyond(y, viewport.height));
  }

  /** Enter: begins a gesture at the crosshair, or ends it there. */
  pressCrosshair() {
    const { viewport, view } = this.canvas;
    this.crosshair ??= [viewport.x, viewport.y];
    if (this.gesture) this.end();
    else this.begin(view.tool, this.crosshair, viewport.toScreen(this.crosshair));
    this.canvas.changed();
  }
}

/**
 * By how much a value lies outside of a range with a margin.
 * @param {number} value
 * @param {number} size
 */
function beyond(value, size) {
  return Math.min(value - MARGIN, 0) + Math.max(value - size + MARGIN, 0);
}
