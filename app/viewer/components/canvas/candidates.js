// Lesion candidates in the picture: which are shown, and how one is chosen and reached.

import { examination } from "../shared/examination.js";
import { boxArea, isWithin } from "./geometry.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { Candidate } from "./layers.js" */
/** @import { Point } from "./geometry.js" */

export class Candidates {
  /** @type {string | null} the chosen candidate that the picture was moved to last */
  seen = null;

  /** @param {CanvasController} canvas */
  constructor(canvas) {
    this.canvas = canvas;
  }

  /** Those whose outlines are drawn: the rejected ones are not, and edited ones are among the reader's lesions. */
  visible() {
    const { overlay, candidates } = this.canvas.view;
    if (!overlay || !candidates) return [];
    const drawn = examination.listed.filter(({ id }) => ["not reviewed", "accepted"].includes(examination.standing(id)));
    const ids = new Set(drawn.map(({ id }) => id));
    return this.canvas.layers.candidates.filter(({ id }) => ids.has(id));
  }

  /** @returns {Candidate | undefined} */
  get chosen() {
    const { chosen } = examination;
    return chosen && this.canvas.layers.candidates.find(({ id }) => id === chosen.id);
  }

  /**
   * The smallest of the visible ones at a point of the file.
   * @param {Point} file
   */
  at(file) {
    const { reach } = this.canvas.viewport;
    const near = this.visible().filter(({ box }) => isWithin(file, box, reach));
    return near.toSorted((a, b) => boxArea(a.box) - boxArea(b.box))[0];
  }

  /**
   * Choose one that can be seen, or none; the picture does not move.
   * @param {string | null} id
   */
  choose(id) {
    this.seen = id;
    examination.select(id);
    if (this.chosen) this.tell(this.chosen);
  }

  /** Show the chosen candidate, if another was chosen than the picture shows. */
  look() {
    const { canvas } = this;
    const id = examination.chosen?.id ?? null;
    if (id === this.seen) return;
    this.seen = id;
    const { chosen } = this;
    if (!chosen) return;
    canvas.whenMeasured(() => canvas.viewport.lookAtBox(chosen.box));
    this.tell(chosen);
  }

  /** @param {Candidate} candidate */
  tell({ id, score }) {
    this.canvas.say(`Candidate ${id}, score ${score.toFixed(2)}`);
  }

  /**
   * Choose the next (+1) or former (-1) in the order of the list and show it.
   * @param {1 | -1} by
   */
  step(by) {
    const next = examination.neighbour(by);
    if (next !== null) examination.select(next);
  }
}
