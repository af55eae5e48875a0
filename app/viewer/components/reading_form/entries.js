// What the reader has entered and not stored yet: the name, and an entry for each photograph. It is kept in the page, so
// that no rerun, change of page or slow server loses it. Python gets it when it is to be stored.

import { onPage } from "../shared/page_memory.js";

/** @typedef {{ id: string | null, line: string, failed: boolean }} Answer to the reading that was sent under this id */

/**
 * @typedef {object} Entry
 * @property {Record<string, string>} values by field; a field without a value is not entered
 * @property {string | null} sent id of the reading that was sent and not answered yet
 * @property {string | null} session the session of the server that it was sent to
 * @property {Answer | null} answer
 */

const entered = onPage("reading", () => ({
  reader: "",
  /** @type {Map<string, Entry>} by photograph */ entries: new Map(),
  changes: new EventTarget(),
}));

/**
 * The entry of a photograph.
 * @param {string} image
 * @returns {Entry}
 */
export function entryOf(image) {
  /** @type {Entry} */
  const entry = entered.entries.get(image) ?? { values: {}, sent: null, session: null, answer: null };
  entered.entries.set(image, entry);
  return entry;
}

export function readerName() {
  return entered.reader;
}

/** @param {string} name */
export function setReaderName(name) {
  if (name === entered.reader) return;
  entered.reader = name;
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
