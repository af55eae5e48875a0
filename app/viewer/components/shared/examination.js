// The photograph that is open, as one object: what Python says of it (the snapshot), what the reader did to it, and the
// threshold. All components of the page show this object and nothing else, so that name, picture, verdict, selection
// and reading change together. A photograph that is being opened is shown by nobody until its snapshot has arrived.

import { History } from "./history.js";
import { onPage } from "./page_memory.js";
import { scaleWith } from "./scale.js";
import { enteredThreshold, keepSoon, reviewOf, setEnteredThreshold, takeAnswers, workOf } from "./work.js";

/** @import { Annotation } from "../canvas/annotations.js" */
/** @import { Disc, Scale } from "./scale.js" */
/** @import { Answer, Judgement } from "./work.js" */
/** @typedef {"not reviewed" | "accepted" | "rejected" | "edited"} Standing of a candidate */

/**
 * The result of a search: method and class, figures, areas of candidates, and what was measured at
 * each hundredth of the threshold, or one line for all.
 * @typedef {object} Search
 * @property {[string, string]} question
 * @property {[string, string][]} figures
 * @property {string} told
 * @property {string} caution where the areas do not explain the score; "" otherwise
 * @property {Record<string, string>} remarks on candidates
 * @property {Record<string, number>} areas of candidates in pixels
 * @property {string[]} measured
 */

/**
 * See `snapshot.py`.
 * @typedef {object} Snapshot
 * @property {string} image key of the photograph; "" while none is shown
 * @property {string} name
 * @property {string} place in the list
 * @property {string | null} former key
 * @property {string | null} following key
 * @property {{ tone: string, head: string, quality: string, line: string } | null} verdict
 * @property {string} finding of the system, in the reader's terms; "" if there is none
 * @property {Search | null} search
 * @property {Annotation[]} candidates highest score first
 * @property {Scale | null} scale as the file says or as estimated
 * @property {string} hindrance why no reading can be stored yet; "" if one can
 * @property {string} session of the server
 * @property {Record<string, Answer>} answers by photograph
 * @property {Record<string, string>} names of photographs whose reading failed
 * @property {string | null} asked id of the last request to open a photograph that Python has taken
 * @property {string[]} parts names of the components that must be on the page before keys act
 */

/** @type {Snapshot} */
const NOTHING = {
  ...{ image: "", name: "", place: "", former: null, following: null, verdict: null, finding: "", search: null },
  ...{ candidates: [], scale: null, hindrance: "", session: "", answers: {}, names: {}, asked: null, parts: [] },
};
const COPY = "candidate-";
/** @type {Record<Judgement, Standing>} */
const STANDINGS = { kept: "accepted", deleted: "rejected" };

class Examination {
  snapshot = NOTHING;
  changes = new EventTarget();
  /** @type {{ id: string | null } | null} to open a photograph; without an id, the next snapshot answers it */
  request = null;
  /** @type {Map<string, object>} components on the page, by name */
  mounted = new Map();
  /** @type {Map<string, History>} by photograph */
  histories = new Map();
  /** Whether a change is going on, as in a drag: it is one step of the history. */
  busy = false;
  /** @type {(name: string, value: unknown) => void} */
  tell = () => {};

  get shown() {
    return this.request ? NOTHING : this.snapshot;
  }

  /** From which score on candidates are shown. */
  get threshold() {
    return enteredThreshold();
  }

  get work() {
    return workOf(this.shown.image);
  }

  get review() {
    return reviewOf(this.work, this.shown.search?.question.join(" ") ?? "");
  }

  /** Something has changed that components show. */
  changed() {
    keepSoon();
    this.changes.dispatchEvent(new Event("change"));
  }

  /**
   * Call `act` after every change.
   * @param {() => void} act
   * @param {AbortSignal} [signal]
   */
  onChange(act, signal) {
    this.changes.addEventListener("change", act, { signal });
  }

  /** @param {Partial<Snapshot>} snapshot */
  take(snapshot) {
    this.snapshot = { ...NOTHING, ...snapshot };
    const { asked, session, answers } = this.snapshot;
    if (this.request && [null, asked].includes(this.request.id)) this.request = null;
    takeAnswers(session, answers);
    if (this.shown.image) void this.history; // from here on changes can be taken back
    this.changed();
  }

  /**
   * Open another photograph, unless one is being opened.
   * @param {string | null} to its key
   */
  open(to) {
    const { image } = this.shown;
    if (!image || to === null) return;
    this.request = { id: crypto.randomUUID() };
    this.changed();
    this.tell("open", { id: this.request.id, from: image, to });
  }

  /** A photograph was chosen on another page, and Python was told. */
  expect() {
    this.request = { id: null };
    this.changed();
  }

  /** Whether keys must wait: a photograph is being opened, or a component is not on the page yet. */
  get isAwaited() {
    if (this.request) return true;
    return this.mounted.size > 0 && !this.snapshot.parts.every((name) => this.mounted.has(name));
  }

  /**
   * @param {string} name
   * @param {object} component
   */
  mount(name, component) {
    this.mounted.set(name, component);
    this.changed();
  }

  /**
   * @param {string} name
   * @param {object} component
   */
  unmount(name, component) {
    if (this.mounted.get(name) === component) this.mounted.delete(name);
  }

  // ---- candidates

  /** Those that reach the threshold. */
  get listed() {
    return this.shown.candidates.filter(({ score }) => (score ?? 0) >= this.threshold);
  }

  get chosen() {
    const { selected } = this.review;
    return this.listed.find(({ id }) => id === selected);
  }

  /** What can be taken back on the shown photograph. */
  get history() {
    const { image } = this.shown;
    const history = this.histories.get(image) ?? new History(this.work);
    if (image) this.histories.set(image, history);
    return history;
  }

  /** The reader did something that a reading holds; the answer to an earlier reading no longer holds. */
  edited() {
    this.work.answer = null;
    if (!this.busy) this.history.note(this.work);
    this.changed();
  }

  /**
   * Take the last change back, or make it again; false if there is none.
   * @param {"undo" | "redo"} way
   */
  goBack(way) {
    if (this.busy || !this.shown.image || !this.history[way](this.work)) return false;
    this.work.answer = null;
    this.changed();
    return true;
  }

  /** The scale of lengths and areas. */
  get scale() {
    return scaleWith(this.shown.scale, this.work.disc);
  }

  /** @param {Disc | null} disc */
  setDisc(disc) {
    this.work.disc = disc;
    this.edited();
  }

  /** @param {number} threshold */
  setThreshold(threshold) {
    setEnteredThreshold(threshold);
    this.edited();
  }

  /** @param {string | null} id */
  select(id) {
    if (this.review.selected === id) return;
    this.review.selected = id;
    this.changed();
  }

  /**
   * The id of the next (+1) or former (-1) listed candidate; after the last comes the first.
   * @param {1 | -1} by
   */
  neighbour(by) {
    const { candidates } = this.shown;
    const place = candidates.findIndex(({ id }) => id === this.review.selected);
    const listed = new Set(this.listed);
    let at = place < 0 && by < 0 ? 0 : place;
    for (let i = 0; i < candidates.length; i += 1) {
      at = (at + by + candidates.length) % candidates.length;
      if (listed.has(candidates[at])) return candidates[at].id;
    }
    return null;
  }

  /** @param {string} id */
  copyOf(id) {
    return this.review.copies.find((copy) => copy.id === COPY + id);
  }

  /**
   * @param {string} id
   * @returns {Standing}
   */
  standing(id) {
    if (this.copyOf(id)) return "edited";
    const { judged } = this.review;
    return Object.hasOwn(judged, id) ? STANDINGS[judged[id]] : "not reviewed";
  }

  /** @param {Annotation} candidate */
  typeOf({ id, type }) {
    return this.copyOf(id)?.type ?? this.review.types[id] ?? type;
  }

  /**
   * Accept or reject a candidate, or take that back; its copy, if it was edited, is removed.
   * @param {string} id
   * @param {Judgement} judgement
   */
  judge(id, judgement) {
    const { review } = this;
    const former = review.judged[id];
    review.copies = review.copies.filter((copy) => copy.id !== COPY + id);
    if (former === judgement) delete review.judged[id];
    else review.judged[id] = judgement;
    this.edited();
  }

  /**
   * Set the type of a candidate, which accepts it.
   * @param {string} id
   * @param {string} type
   */
  setType(id, type) {
    const { review } = this;
    review.types[id] = type;
    if (this.copyOf(id)) review.copies = review.copies.map((copy) => (copy.id === COPY + id ? { ...copy, type } : copy));
    else review.judged[id] = "kept";
    this.edited();
  }

  /**
   * Put a copy of a candidate among the reader's lesions, to be edited in the picture.
   * @param {Annotation} candidate
   */
  edit(candidate) {
    const { review } = this;
    const id = COPY + candidate.id;
    if (!this.copyOf(candidate.id)) {
      const { type: lesionType, shape, score } = { ...candidate, type: this.typeOf(candidate) };
      review.copies = [...review.copies, { id, type: lesionType, origin: "candidate", status: "moved", score, shape }];
      delete review.judged[candidate.id];
    }
    this.edited();
    this.changes.dispatchEvent(new CustomEvent("edit", { detail: id }));
  }

  /** The reader's lesions: drawn ones and edited copies of candidates. */
  get lesions() {
    return [...this.work.drawn, ...this.review.copies];
  }

  set lesions(lesions) {
    this.work.drawn = lesions.filter(({ id }) => !id.startsWith(COPY));
    this.review.copies = lesions.filter(({ id }) => id.startsWith(COPY));
    this.edited();
  }
}

export const examination = onPage("examination", () => new Examination());
