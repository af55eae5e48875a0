// What a drag does, by tool. A gesture begins at a point, is moved, and ends or is cancelled; mouse and keyboard use the
// same gestures. `file` is a point in pixels of the file, `screen` in CSS pixels of the pane.

import { discBetween, drawnDisk, drawnOutline, middleOf, moved } from "./annotations.js";
import { examination } from "../shared/examination.js";
import { lengthOf } from "../shared/scale.js";
import { handleAt, resized } from "./handles.js";
import { areaOf, distance } from "./geometry.js";

/** @import { Annotation } from "./annotations.js" */
/** @import { CanvasController } from "./controller.js" */
/** @import { Point } from "./geometry.js" */
/** @import { Tone } from "./tone.js" */

/**
 * @typedef {object} Gesture
 * @property {(file: Point, screen: Point, shift: boolean) => void} move
 * @property {() => void} end
 * @property {() => void} cancel
 */

const CLICK = 4; // CSS pixels that the pointer may move in a click
const RING_STEP = 3; // CSS pixels between the corners of a freehand outline
const TONE_SPEED = 0.005; // change of a tone per CSS pixel
const MIN_RADIUS = 3; // CSS pixels; a smaller shape was a slip of the hand

/**
 * Moves the picture; a click chooses what lies there.
 * @param {CanvasController} canvas
 * @param {Point} file
 * @param {Point} start
 * @returns {Gesture}
 */
function panGesture(canvas, file, start) {
  let last = start;
  let dragged = false;
  return {
    move(_, screen) {
      dragged ||= distance(start, screen) > CLICK;
      if (dragged) canvas.pan(screen[0] - last[0], screen[1] - last[1]);
      last = screen;
    },
    end() {
      if (!dragged) canvas.choose(file);
    },
    cancel() {},
  };
}

/**
 * Measures a line.
 * @param {CanvasController} canvas
 * @param {Point} from
 * @returns {Gesture}
 */
function measureGesture(canvas, from) {
  const former = canvas.view.measure;
  let to = from;
  canvas.set({ measure: [from, to] });
  return {
    move(file) {
      to = canvas.onPhotograph(file);
      canvas.set({ measure: [from, to] });
    },
    end() {
      if (distance(from, to) === 0) canvas.set({ measure: former });
      else canvas.say(`Measured ${lengthOf([from, to], examination.scale)}`);
    },
    cancel: () => canvas.set({ measure: former }),
  };
}

/**
 * Draws a disk from its centre.
 * @param {CanvasController} canvas
 * @param {Point} centre
 * @returns {Gesture}
 */
function diskGesture({ drawn, preferences, viewport }, centre) {
  let radius = 0;
  /** @param {Point} file */
  const move = (file) => {
    radius = distance(centre, file);
    drawn.sketch(drawnDisk(preferences.type, centre, radius));
  };
  move(centre);
  return { move, end: () => drawn.finish(radius * viewport.scale >= MIN_RADIUS), cancel: () => drawn.finish(false) };
}

/**
 * Draws a freehand outline.
 * @param {CanvasController} canvas
 * @param {Point} start
 * @returns {Gesture}
 */
function outlineGesture({ drawn, preferences, viewport }, start) {
  const ring = [start];
  /** @param {Point} file */
  const move = (file) => {
    if (distance(ring[ring.length - 1], file) * viewport.scale >= RING_STEP) ring.push(file);
    drawn.sketch(drawnOutline(preferences.type, ring));
  };
  const isLarge = () => ring.length >= 3 && areaOf(ring) * viewport.scale ** 2 >= MIN_RADIUS ** 2;
  move(start);
  return { move, end: () => drawn.finish(isLarge()), cancel: () => drawn.finish(false) };
}

/**
 * Moves a lesion; its middle stays on the photograph.
 * @param {CanvasController} canvas
 * @param {Point} start
 * @param {Annotation} lesion
 * @returns {Gesture}
 */
function moveGesture(canvas, start, lesion) {
  const { drawn } = canvas;
  const middle = middleOf(lesion);
  drawn.choose(lesion.id);
  return {
    move([x, y]) {
      const [newX, newY] = canvas.onPhotograph([middle[0] + x - start[0], middle[1] + y - start[1]]);
      drawn.replace(moved(lesion, newX - middle[0], newY - middle[1]));
    },
    end() {
      if (drawn.chosen) drawn.replace(drawn.within(drawn.chosen));
    },
    cancel: () => drawn.replace(lesion),
  };
}

/**
 * Moves a corner of the box of the chosen lesion.
 * @param {CanvasController} canvas
 * @param {Point} start
 * @param {Annotation} lesion
 * @param {number} corner
 * @returns {Gesture}
 */
function resizeGesture({ drawn }, start, lesion, corner) {
  return {
    move: ([x, y]) => drawn.replace(resized(lesion, corner, x - start[0], y - start[1])),
    end() {
      if (drawn.chosen) drawn.replace(drawn.within(drawn.chosen));
    },
    cancel: () => drawn.replace(lesion),
  };
}

/**
 * A tone after a drag: up is brighter, to the right is more contrast; with Shift, up is more gamma.
 * @param {Tone} tone
 * @param {number} dx in CSS pixels
 * @param {number} dy in CSS pixels
 * @param {boolean} shift
 * @returns {Tone}
 */
export function draggedTone({ brightness, contrast, gamma }, dx, dy, shift) {
  if (shift) return { brightness, contrast, gamma: gamma * Math.exp(-dy * TONE_SPEED) };
  return { brightness: brightness - (dy * TONE_SPEED) / 2, contrast: contrast * Math.exp(dx * TONE_SPEED), gamma };
}

/**
 * Changes the tone of the picture.
 * @param {CanvasController} canvas
 * @param {Point} start
 * @returns {Gesture}
 */
function adjustGesture(canvas, start) {
  const { tone } = canvas.view;
  return {
    move: (_, screen, shift) => canvas.setTone(draggedTone(tone, screen[0] - start[0], screen[1] - start[1], shift)),
    end() {},
    cancel: () => canvas.setTone(tone),
  };
}

/**
 * Marks the optic disc: the line from rim to rim is its diameter.
 * @param {CanvasController} canvas
 * @param {Point} from
 * @returns {Gesture}
 */
function discGesture(canvas, from) {
  const former = examination.work.disc ?? null;
  let radius = 0;
  return {
    move(file) {
      const to = canvas.onPhotograph(file);
      radius = distance(from, to) / 2;
      if (radius > 0) examination.setDisc(discBetween(from, to));
    },
    end() {
      if (radius * canvas.viewport.scale >= MIN_RADIUS) canvas.say("Optic disc marked: sizes are in its diameters where the file has no scale");
      else examination.setDisc(former);
    },
    cancel: () => examination.setDisc(former),
  };
}

/** @type {Record<"pan" | "measure" | "disc" | "draw" | "adjust", (canvas: CanvasController, file: Point, screen: Point) => Gesture>} */
export const GESTURES = {
  pan: panGesture,
  measure: measureGesture,
  disc: discGesture,
  adjust: (canvas, ...[, screen]) => adjustGesture(canvas, screen),
  draw: (canvas, file) => {
    const { chosen } = canvas.drawn;
    const corner = handleAt(chosen, file, canvas.viewport.scale);
    if (chosen && corner >= 0) return resizeGesture(canvas, file, chosen, corner);
    const lesion = canvas.drawn.gripped(file);
    if (lesion) return moveGesture(canvas, file, lesion);
    return canvas.preferences.kind === "disk" ? diskGesture(canvas, file) : outlineGesture(canvas, file);
  },
};
