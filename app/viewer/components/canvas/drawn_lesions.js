// The reader's own lesions: which there are, which is chosen, and every edit of them.

import { boxOf, isOnOutline, middleOf, touches } from "./annotations.js";
import { examination } from "../shared/examination.js";
import { boxArea, clamp } from "./geometry.js";

/** @import { Annotation } from "./annotations.js" */
/** @import { CanvasController } from "./controller.js" */
/** @import { Point } from "./geometry.js" */

export class DrawnLesions {
  /** @type {Annotation | null} what is being drawn */
  draft = null;

  /** @param {CanvasController} canvas */
  constructor(canvas) {
    this.canvas = canvas;
  }

  get all() {
    return examination.lesions;
  }

  set all(lesions) {
    examination.lesions = lesions;
  }

  get chosen() {
    return this.all.find(({ id }) => id === this.canvas.view.lesion);
  }

  visible() {
    return this.all.filter(({ type }) => !this.canvas.view.hidden.has(type));
  }

  /**
   * The smallest one at a point of the file.
   * @param {Point} file
   */
  at(file) {
    const near = this.visible().filter((lesion) => touches(lesion, file, this.canvas.viewport.reach));
    return near.toSorted((a, b) => boxArea(boxOf(a)) - boxArea(boxOf(b)))[0];
  }

  /**
   * The one that a drag from here moves: the chosen one, or another by its outline. Elsewhere a drag draws a new one.
   * @param {Point} file
   */
  gripped(file) {
    const { chosen, canvas } = this;
    const { reach } = canvas.viewport;
    if (chosen && touches(chosen, file, reach)) return chosen;
    return this.visible().findLast((lesion) => isOnOutline(lesion, file, reach));
  }

  /** @param {string | null} id */
  choose(id) {
    this.canvas.set({ lesion: id });
    if (this.chosen) this.canvas.prefer({ type: this.chosen.type });
  }

  /** Choose the next lesion and show it; while drawing, the crosshair goes there. */
  step() {
    const { canvas, chosen } = this;
    const lesions = this.visible();
    if (lesions.length === 0) return;
    const next = lesions[((chosen ? lesions.indexOf(chosen) : -1) + 1) % lesions.length];
    const middle = middleOf(next);
    canvas.viewport.lookAt(middle);
    if (canvas.view.tool === "draw") canvas.tools.crosshair = middle;
    this.choose(next.id);
    canvas.say(`Your lesion: ${this.label(next)}`);
  }

  /** @param {Annotation} lesion */
  label({ type }) {
    return this.canvas.layers.palette.lesions[type].label;
  }

  /**
   * Set the type of the lesion that is drawn next, and of the chosen lesion.
   * @param {string} type
   */
  setType(type) {
    const { chosen } = this;
    this.canvas.prefer({ type });
    if (!chosen || chosen.type === type) return;
    this.canvas.view.hidden.delete(type);
    this.replace({ ...chosen, type });
  }

  /** @param {Annotation} lesion */
  replace(lesion) {
    this.all = this.all.map((other) => (other.id === lesion.id ? lesion : other));
  }

  /** @param {Annotation} draft */
  sketch(draft) {
    this.draft = draft;
    this.canvas.changed();
  }

  /**
   * Keep what was sketched and choose it, or drop it.
   * @param {boolean} keep
   */
  finish(keep) {
    const { draft, canvas } = this;
    this.draft = null;
    this.choose(null);
    if (!keep || !draft) return;
    canvas.view.hidden.delete(draft.type);
    this.all = [...this.all, this.within(draft)];
    this.choose(draft.id);
    canvas.say(`${this.label(draft)} drawn`);
  }

  remove() {
    const { chosen, canvas } = this;
    if (!chosen) return;
    this.all = this.all.filter((lesion) => lesion !== chosen);
    this.choose(null);
    canvas.say(`${this.label(chosen)} deleted`);
  }

  /**
   * The lesion with points beyond the photograph moved onto its border.
   * @param {Annotation} lesion
   * @returns {Annotation}
   */
  within(lesion) {
    const { shape } = lesion;
    if (shape.kind === "disk") return lesion;
    const [x0, y0, x1, y1] = this.canvas.photographBox;
    /** @type {(point: Point) => Point} */
    const inside = ([x, y]) => [clamp(x, x0, x1), clamp(y, y0, y1)];
    return { ...lesion, shape: { ...shape, rings: shape.rings.map((ring) => ring.map(inside)) } };
  }
}
