// The form for a reading: fields of the HTML with data-field, and the button that stores them. A button with data-value
// is a choice. All of it acts at once in the browser; one message carries the whole reading. The message stays the state
// of the component until a newer one replaces it, so that no rerun loses it, and it has an id, so that Python takes it
// once. The form is always that of the photograph that the canvas shows.

import { find, findAll, setText } from "../shared/elements.js";
import { isTaken } from "../shared/keyboard.js";
import { isOutdated, whenGone } from "../shared/component_call.js";
import { onPage } from "../shared/page_memory.js";
import { onPhotographChange, shownPhotograph } from "../shared/shown_photograph.js";
import { entryOf, onReaderChange, readerName } from "./entries.js";

/** @import { ComponentCall } from "../shared/component_call.js" */
/** @import { Answer } from "./entries.js" */

/**
 * @typedef {object} FormState
 * @property {string} session of the server
 * @property {string} image
 * @property {Record<string, number>} maxLengths of texts, by field
 * @property {boolean} ready whether there is a verdict
 * @property {Answer | null} answer
 */

const NEEDS_VERDICT = "The reading can be stored when the verdict is there.";
const NEEDS_READER = "Enter your name at the top to store readings.";
/** @type {Answer} */
const RESTARTED = { id: null, failed: true, line: "The viewer was restarted: check whether the reading is stored." };

class ReadingForm {
  /** @type {FormState} */
  data = { session: "", image: "", maxLengths: {}, ready: false, answer: null };
  /** @type {(reading: object) => void} */
  send = () => {};
  listening = new AbortController();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.button = find(root, ".store", HTMLButtonElement);
    this.status = find(root, "[role=status]", HTMLElement);
    this.texts = findAll(root, "textarea[data-field]", HTMLTextAreaElement);
    this.choices = findAll(root, "button[data-field]", HTMLButtonElement);
    const { signal } = this.listening;
    for (const button of this.choices) button.addEventListener("click", () => this.choose(button));
    for (const text of this.texts) text.addEventListener("input", () => this.enter(fieldOf(text), text.value));
    this.button.addEventListener("click", () => this.store());
    document.addEventListener("keydown", (event) => this.press(event), { signal });
    onReaderChange(() => this.show(), signal);
    onPhotographChange(() => this.show(), signal);
  }

  get entry() {
    return entryOf(shownPhotograph());
  }

  /** @param {FormState} data */
  take(data) {
    this.data = data;
    const entry = entryOf(data.image);
    const answer = data.session === entry.session ? data.answer : RESTARTED;
    if (entry.sent && answer && [entry.sent, null].includes(answer.id)) Object.assign(entry, { sent: null, answer });
    for (const text of this.texts) text.maxLength = data.maxLengths[fieldOf(text)];
    this.show();
  }

  show() {
    const { values, sent, answer } = this.entry;
    for (const button of this.choices) button.ariaPressed = String(values[fieldOf(button)] === button.dataset.value);
    for (const text of this.texts) {
      const value = values[fieldOf(text)] ?? "";
      if (text.value !== value) text.value = value;
    }
    this.button.disabled = Boolean(this.missing || sent);
    this.status.dataset.failed = String(Boolean(answer?.failed && !sent));
    setText(this.status, sent ? "Storing …" : (answer?.line ?? this.missing));
  }

  /** What is missing before a reading of the photograph can be stored, in one line; "" if nothing is. */
  get missing() {
    if (!readerName().trim()) return NEEDS_READER;
    return this.data.image === shownPhotograph() && this.data.ready ? "" : NEEDS_VERDICT;
  }

  /**
   * Set the value of a field; an answer to the former values no longer holds.
   * @param {string} field
   * @param {string} value "" for none
   */
  enter(field, value) {
    const { entry } = this;
    if (value) entry.values[field] = value;
    else delete entry.values[field];
    Object.assign(entry, { sent: null, answer: null });
    this.show();
  }

  /**
   * Take a choice, or take it back.
   * @param {HTMLButtonElement} button
   */
  choose(button) {
    const field = fieldOf(button);
    const { value = "" } = button.dataset;
    this.enter(field, this.entry.values[field] === value ? "" : value);
  }

  store() {
    const { entry } = this;
    if (this.missing || entry.sent) return;
    const { image, session } = this.data;
    Object.assign(entry, { sent: crypto.randomUUID(), session });
    this.show();
    this.send({ id: entry.sent, image, values: { ...entry.values, reader: readerName().trim() } });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.repeat || isTaken(event)) return;
    const key = event.key.toLowerCase();
    const buttons = [...this.choices, this.button];
    const button = buttons.find((one) => one.getAttribute("aria-keyshortcuts") === key);
    if (!button) return;
    button.click();
    event.preventDefault();
  }
}

/** @param {HTMLElement} element */
function fieldOf({ dataset }) {
  return dataset.field ?? "";
}

const forms = onPage("reading forms", () => /** @type {WeakMap<Element, ReadingForm>} */ (new WeakMap()));

/** @param {ComponentCall<FormState>} call */
export default function (call) {
  const { data, parentElement, setStateValue } = call;
  const root = find(parentElement, ".reading", HTMLElement);
  const form = forms.get(root) ?? new ReadingForm(root);
  forms.set(root, form);
  if (!isOutdated(call)) {
    form.send = (reading) => setStateValue("reading", reading);
    form.take(data);
  }
  return () => whenGone(parentElement, () => form.listening.abort());
}
