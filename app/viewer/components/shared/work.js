// What the reader has entered and not stored yet: the name, the threshold, and the work on each photograph. The page holds
// it, so that no rerun, change of page or slow server loses it, and the tab of the browser keeps it, so that no reload
// does. Python gets it when a reading is stored.

import { onPage } from "./page_memory.js";

/** @import { Annotation } from "../canvas/annotations.js" */
/** @import { Disc } from "./scale.js" */
/** @typedef {"kept" | "deleted"} Judgement accepted or rejected */
/** @typedef {{ id: string | null, line: string, failed: boolean }} Answer to the reading that was sent under this id */

/**
 * What the reader did to the candidates of one search.
 * @typedef {object} Review
 * @property {string | null} selected
 * @property {Record<string, Judgement>} judged by id of a candidate; others are not reviewed
 * @property {Record<string, string>} types that the reader gave
 * @property {Annotation[]} copies of candidates, which the reader edits
 */

/**
 * @typedef {object} Work
 * @property {Annotation[]} drawn
 * @property {Disc | null} [disc] the optic disc that the reader marked
 * @property {Record<string, Review>} reviews by method and class
 * @property {Record<string, string>} values of the form; a field without a value is not entered
 * @property {string | null} sent id of the reading that was sent and not answered yet
 * @property {string | null} session the session of the server that it was sent to
 * @property {Answer | null} answer
 */

const KEPT = "retina-xai work 1"; // with a number for the form of what is kept
const DELAY = 100; // milliseconds in which several changes are kept at once

const entered = onPage("work", () => {
  const { reader, threshold, works } = kept();
  const timer = /** @type {number | undefined} */ (undefined);
  addEventListener("pagehide", keep);
  return { reader, threshold, works: new Map(Object.entries(works)), changes: new EventTarget(), timer };
});

/**
 * What the tab has kept.
 * @returns {{ reader: string, threshold: number, works: Record<string, Work> }} by photograph
 */
function kept() {
  const found = sessionStorage.getItem(KEPT);
  return found ? JSON.parse(found) : { reader: "", threshold: 0, works: {} };
}

function keep() {
  const { reader, threshold, works, timer } = entered;
  clearTimeout(timer);
  entered.timer = undefined;
  sessionStorage.setItem(KEPT, JSON.stringify({ reader, threshold, works: Object.fromEntries(works) }));
}

/** Keep everything in the tab, soon. */
export function keepSoon() {
  entered.timer ??= setTimeout(keep, DELAY);
}

export function enteredThreshold() {
  return entered.threshold;
}

/** @param {number} threshold */
export function setEnteredThreshold(threshold) {
  entered.threshold = threshold;
}

/** @returns {Work} */
function newWork() {
  return { drawn: [], disc: null, reviews: {}, values: {}, sent: null, session: null, answer: null };
}

/**
 * The work on a photograph; work on none is not kept.
 * @param {string} image
 */
export function workOf(image) {
  const work = entered.works.get(image) ?? newWork();
  if (image) entered.works.set(image, work);
  return work;
}

/**
 * The review of a search; where there was none, it is not kept.
 * @param {Work} work
 * @param {string} question
 */
export function reviewOf(work, question) {
  const review = work.reviews[question] ?? { selected: null, judged: {}, types: {}, copies: [] };
  if (question) work.reviews[question] = review;
  return review;
}

/**
 * Take the answers of a session of the server, by photograph. A session that knows nothing of a reading that was sent
 * to another one cannot answer it.
 * @param {string} session
 * @param {Record<string, Answer>} answers
 */
export function takeAnswers(session, answers) {
  for (const [image, work] of entered.works) {
    const answer = work.session === session ? answers[image] : RESTARTED;
    if (work.sent && answer && [work.sent, null].includes(answer.id)) Object.assign(work, { sent: null, answer });
  }
}

/** @type {Answer} */
const RESTARTED = { id: null, failed: true, line: "The page lost the viewer before the answer: check whether the reading is stored." };

/** Photographs whose reading could not be stored, with the answer. */
export function failures() {
  return [...entered.works].flatMap(([image, { answer }]) => (answer?.failed ? [{ image, line: answer.line }] : []));
}

export function readerName() {
  return entered.reader;
}

/** @param {string} name */
export function setReaderName(name) {
  if (name === entered.reader) return;
  entered.reader = name;
  keepSoon();
  entered.changes.dispatchEvent(new Event("reader"));
}

/**
 * Call `act` whenever the reader enters another name.
 * @param {() => void} act
 * @param {AbortSignal} signal
 */
export function onReaderChange(act, signal) {
  entered.changes.addEventListener("reader", act, { signal });
}
