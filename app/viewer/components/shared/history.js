// What the reader can take back: judgements, types, drawings, finding and grade, for each photograph since it was opened.

/** @import { Review, Work } from "./work.js" */

const STEPS = 100;
const COMMENT = "comment"; // text has an undo of its own

export class History {
  /** @type {string[]} */
  past = [];
  /** @type {string[]} */
  future = [];

  /** @param {Work} work */
  constructor(work) {
    this.present = stateOf(work);
  }

  /**
   * Note a change of something that can be taken back.
   * @param {Work} work
   */
  note(work) {
    const state = stateOf(work);
    if (state === this.present) return;
    this.past = [...this.past, this.present].slice(-STEPS);
    this.present = state;
    this.future = [];
  }

  /**
   * Take the last change back; false if there is none.
   * @param {Work} work
   */
  undo(work) {
    return this.go(work, this.past, this.future);
  }

  /**
   * Make the change again that was taken back last; false if there is none.
   * @param {Work} work
   */
  redo(work) {
    return this.go(work, this.future, this.past);
  }

  /**
   * @param {Work} work
   * @param {string[]} from
   * @param {string[]} to
   */
  go(work, from, to) {
    const state = from.pop();
    if (state === undefined) return false;
    to.push(this.present);
    this.present = state;
    restore(work, JSON.parse(state));
    return true;
  }
}

/**
 * What can be taken back, as text.
 * @param {Work} work
 */
function stateOf({ drawn, disc = null, reviews, values }) {
  const kept = Object.entries(reviews).flatMap(([name, { judged, types, copies }]) => {
    const isUsed = [judged, types, copies].some((one) => Object.keys(one).length > 0);
    return isUsed ? [[name, { judged, types, copies }]] : [];
  });
  const entered = Object.entries(values).filter(([name]) => name !== COMMENT);
  return JSON.stringify({ drawn, disc, reviews: Object.fromEntries(kept), values: Object.fromEntries(entered.toSorted()) });
}

/**
 * @param {Work} work
 * @param {Pick<Work, "drawn" | "disc" | "values"> & { reviews: Record<string, Partial<Review>> }} state
 */
function restore(work, { drawn, disc, reviews, values }) {
  for (const [name, review] of Object.entries(work.reviews)) {
    Object.assign(review, { judged: {}, types: {}, copies: [] }, reviews[name]);
  }
  const comment = COMMENT in work.values ? { [COMMENT]: work.values[COMMENT] } : {};
  Object.assign(work, { drawn, disc, values: { ...values, ...comment } });
}
