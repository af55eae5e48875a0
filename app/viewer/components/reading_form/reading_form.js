// The form for a reading: fields of the HTML with data-field, and the buttons that store them. A button with data-value
// is a choice. All of it acts at once in the browser; one message carries the whole reading with all that the reader did
// to the lesions, under the key of the photograph that is shown. The message stays the state of the component until a
// newer one replaces it, so that no rerun loses it, and it has an id, so that Python takes it once.

import { isOutdated } from "../shared/component_call.js";
import { find, findAll, setText } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { isTaken } from "../shared/keyboard.js";
import { clickByKey, viewAt } from "../shared/views.js";
import { failures, onReaderChange, readerName } from "../shared/work.js";

/** @import { ComponentCall } from "../shared/component_call.js" */
/** @typedef {{ maxLengths: Record<string, number> }} FormData of texts, by field */

const NEEDS_READER = "Enter your name at the top to store readings.";
const NEEDS_FINDING = "Choose your finding first: Refer (r), No referable DR (t) or Ungradable (u).";

class ReadingForm {
  listening = new AbortController();
  /** @type {(reading: object) => void} */
  send = () => {};
  /** What is missing, after the reader tried to store. */
  refused = "";

  /** @param {HTMLElement} root */
  constructor(root) {
    this.stores = findAll(root, ".store, .store-next", HTMLButtonElement);
    this.status = find(root, "[role=status]", HTMLElement);
    this.texts = findAll(root, "textarea[data-field]", HTMLTextAreaElement);
    this.choices = findAll(root, "button[data-field]", HTMLButtonElement);
    this.cycles = findAll(root, "[data-cycle]", HTMLElement);
    const { signal } = this.listening;
    for (const button of this.choices) button.addEventListener("click", () => this.choose(button));
    for (const text of this.texts) text.addEventListener("input", () => this.enter(fieldOf(text), text.value));
    const [store, storeNext] = this.stores;
    store.addEventListener("click", () => this.store());
    storeNext.addEventListener("click", () => this.store() && examination.open(examination.shown.following));
    clickByKey([...this.choices, ...this.stores], signal);
    document.addEventListener("keydown", (event) => this.press(event), { signal });
    onReaderChange(() => this.show(), signal);
  }

  /** @param {FormData} data */
  take({ maxLengths }) {
    for (const text of this.texts) text.maxLength = maxLengths[fieldOf(text)];
  }

  show() {
    const { shown, work } = examination;
    const { values, sent } = work;
    for (const button of this.choices) button.ariaPressed = String(values[fieldOf(button)] === button.dataset.value);
    for (const text of this.texts) {
      const value = values[fieldOf(text)] ?? "";
      if (text.value !== value) text.value = value;
    }
    for (const control of [...this.choices, ...this.texts]) control.disabled = !shown.image;
    for (const button of this.stores) button.disabled = !shown.image || Boolean(sent);
    this.showStatus();
  }

  showStatus() {
    const { shown, work } = examination;
    const elsewhere = failures().find(({ image }) => image !== shown.image);
    if (!this.missing) this.refused = "";
    const { sent, answer } = work;
    let line = answer?.line ?? (this.refused || this.missing || this.agreement);
    if (sent) line = "Storing …";
    if (elsewhere) line += ` ${shown.names[elsewhere.image] ?? "Another photograph"} is not stored: ${elsewhere.line}`;
    this.status.dataset.failed = String(Boolean(elsewhere || this.refused || (answer?.failed && !sent)));
    setText(this.status, shown.image ? line : "");
  }

  /** What is missing before a reading of the photograph can be stored, in one line; "" if nothing is. */
  get missing() {
    const { shown, work } = examination;
    if (shown.hindrance) return shown.hindrance;
    if (!readerName().trim()) return NEEDS_READER;
    return work.values.finding ? "" : NEEDS_FINDING;
  }

  get agreement() {
    const { shown, work } = examination;
    if (!shown.finding) return "The system gave no decision.";
    return work.values.finding === shown.finding ? "You agree with the system." : "You differ from the system.";
  }

  /**
   * Set the value of a field; an answer to the former values no longer holds.
   * @param {string} field
   * @param {string} value "" for none
   */
  enter(field, value) {
    const { work } = examination;
    if (value) work.values[field] = value;
    else delete work.values[field];
    Object.assign(work, { sent: null, answer: null });
    examination.changed();
  }

  /**
   * Take a choice, or take it back.
   * @param {HTMLButtonElement} button
   */
  choose(button) {
    const field = fieldOf(button);
    const { value = "" } = button.dataset;
    this.enter(field, examination.work.values[field] === value ? "" : value);
  }

  /** Send the reading; whether it was sent. */
  store() {
    const { shown, work, review, threshold } = examination;
    if (work.sent || !shown.image) return false;
    this.refused = this.missing;
    if (!this.refused) {
      Object.assign(work, { sent: crypto.randomUUID(), session: shown.session, answer: null });
      const values = { ...work.values, reader: readerName().trim() };
      const edits = { drawn: examination.lesions, judged: review.judged, types: review.types, disc: work.disc ?? null };
      const question = shown.search?.question ?? null;
      this.send({ id: work.sent, image: shown.image, values, edits, threshold, question });
    }
    examination.changed();
    return !this.refused;
  }

  /**
   * A key that goes on to the next value of a field.
   * @param {KeyboardEvent} event
   */
  press(event) {
    if (event.repeat || isTaken(event) || !examination.shown.image) return;
    const key = event.key.toLowerCase();
    const field = this.cycles.find((one) => one.getAttribute("aria-keyshortcuts") === key)?.dataset.cycle;
    if (!field) return;
    const values = this.choices.filter((one) => fieldOf(one) === field).map(({ dataset }) => dataset.value ?? "");
    const now = values.indexOf(examination.work.values[field]);
    this.enter(field, values[now + 1] ?? "");
    event.preventDefault();
  }
}

/** @param {HTMLElement} element */
function fieldOf({ dataset }) {
  return dataset.field ?? "";
}

/** @param {ComponentCall<FormData>} call */
export default function (call) {
  const { view, leave } = viewAt(call, "reading_form", (root) => new ReadingForm(root));
  if (!isOutdated(call)) {
    view.send = (reading) => call.setStateValue("reading", reading);
    view.take(call.data);
  }
  return leave;
}
