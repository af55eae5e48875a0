// Lesion candidates: which are shown, which is chosen, and how one is reached.

import { boxArea, isWithin } from "./geometry.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { Point } from "./geometry.js" */

export class Candidates {
  /** @param {CanvasController} canvas */
  constructor(canvas) {
    this.canvas = canvas;
  }

  /** Those that reach the threshold. */
  listed() {
    const { candidates, data } = this.canvas.layers;
    return candidates.filter(({ score }) => score >= data.threshold);
  }

  visible() {
    const { overlay, candidates } = this.canvas.view;
    return overlay && candidates ? this.listed() : [];
  }

  /** @param {string | null} id */
  withId(id) {
    return this.canvas.layers.candidates.find((candidate) => candidate.id === id);
  }

  get chosen() {
    return this.withId(this.canvas.view.selected);
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
   * Choose one, or none, and tell Python.
   * @param {string | null} id
   * @param {boolean} later tell Python when no other is chosen for a moment
   */
  choose(id, later = false) {
    const { canvas } = this;
    if (id === canvas.view.selected) return;
    canvas.set({ selected: id });
    if (this.chosen) canvas.say(`Candidate ${id}, score ${this.chosen.score.toFixed(2)}`);
    canvas.messages.sendSelected(id, later);
  }

  /**
   * Choose and show the one that Python asks for, once, without telling Python.
   * @param {string | null} id
   */
  goTo(id) {
    const { canvas } = this;
    if (id === canvas.view.goto) return;
    canvas.view.goto = id;
    const candidate = this.withId(id);
    if (!candidate) return;
    canvas.view.selected = id;
    canvas.whenMeasured(() => canvas.viewport.lookAtBox(candidate.box));
  }

  /**
   * Choose the next (+1) or former (-1) in the order of the list and show it.
   * @param {1 | -1} by
   */
  step(by) {
    const listed = this.listed();
    const start = this.chosen ? listed.indexOf(this.chosen) : Math.min(-by, 0);
    const next = listed.at((start + by) % listed.length);
    if (!next) return;
    this.canvas.viewport.lookAtBox(next.box);
    this.choose(next.id, true);
    this.canvas.redraw();
  }
}
