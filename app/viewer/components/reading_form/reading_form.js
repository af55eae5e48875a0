// Decision, comment and the button that stores them. All of it acts at once in the browser; one message carries the
// whole reading. The message stays the state of the component until a newer one replaces it, so that no rerun loses it,
// and it has an id, so that Python takes it once. The form is always that of the photograph that the canvas shows.

import { find, findAll, setText } from "../shared/elements.js";
import { isTaken } from "../shared/keyboard.js";
import { whenGone } from "../shared/component_call.js";
import { onPage } from "../shared/page_memory.js";
import { onPhotographChange, shownPhotograph } from "../shared/shown_photograph.js";
import { draftOf, onReaderChange, readerName } from "./drafts.js";

/** @import { ComponentCall } from "../shared/component_call.js" */
/** @import { Answer, Draft } from "./drafts.js" */

/**
 * @typedef {object} FormData
 * @property {string} session of the server
 * @property {string} image
 * @property {number} maxLength of a comment
 * @property {boolean} ready whether there is a verdict
 * @property {Answer | null} answer
 */

const NEEDS_VERDICT = "The reading can be stored when the verdict is there.";
const NEEDS_READER = "Enter your name at the top to store readings.";
/** @type {Answer} */
const RESTARTED = { id: null, failed: true, line: "The viewer was restarted: check whether the reading is stored." };

class ReadingForm {
  /** @type {FormData} */
  data = { session: "", image: "", maxLength: 0, ready: false, answer: null };
  /** @type {(reading: object) => void} */
  send = () => {};
  listening = new AbortController();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.comment = find(root, "textarea", HTMLTextAreaElement);
    this.button = find(root, ".store", HTMLButtonElement);
    this.status = find(root, "[role=status]", HTMLElement);
    this.decisions = findAll(root, "[data-decision]", HTMLButtonElement);
    const { signal } = this.listening;
    for (const button of this.decisions) {
      button.addEventListener("click", () => this.decide(/** @type {Draft["decision"]} */ (button.dataset.decision)));
    }
    this.button.addEventListener("click", () => this.store());
    this.comment.addEventListener("input", () => this.change({ comment: this.comment.value }));
    document.addEventListener("keydown", (event) => this.press(event), { signal });
    onReaderChange(() => this.show(), signal);
    onPhotographChange(() => this.show(), signal);
  }

  get draft() {
    return draftOf(shownPhotograph());
  }

  /** @param {FormData} data */
  take(data) {
    this.data = data;
    const draft = draftOf(data.image);
    const answer = data.session === draft.session ? data.answer : RESTARTED;
    if (draft.sent && answer && [draft.sent, null].includes(answer.id)) Object.assign(draft, { sent: null, answer });
    this.comment.maxLength = data.maxLength;
    this.show();
  }

  show() {
    const { decision, comment, sent, answer } = this.draft;
    for (const button of this.decisions) button.ariaPressed = String(button.dataset.decision === decision);
    if (this.comment.value !== comment) this.comment.value = comment;
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
   * Change the draft; an answer to the former one no longer holds.
   * @param {Partial<Draft>} changes
   */
  change(changes) {
    Object.assign(this.draft, changes, { sent: null, answer: null });
    this.show();
  }

  /** @param {Draft["decision"]} decision */
  decide(decision) {
    this.change({ decision: this.draft.decision === decision ? "none" : decision });
  }

  store() {
    const { draft } = this;
    if (this.missing || draft.sent) return;
    const { image, session } = this.data;
    Object.assign(draft, { sent: crypto.randomUUID(), session });
    this.show();
    const { sent, decision, comment } = draft;
    this.send({ id: sent, image, reader: readerName().trim(), decision, comment });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.repeat || isTaken(event)) return;
    const key = event.key.toLowerCase();
    if (key === "a") this.decide("agree");
    else if (key === "b") this.decide("disagree");
    else if (key === "f") this.store();
    else return;
    event.preventDefault();
  }
}

const forms = onPage("reading forms", () => /** @type {WeakMap<Element, ReadingForm>} */ (new WeakMap()));

/** @param {ComponentCall<FormData>} call */
export default function ({ data, parentElement, setStateValue }) {
  const root = find(parentElement, ".reading", HTMLElement);
  const form = forms.get(root) ?? new ReadingForm(root);
  forms.set(root, form);
  form.send = (reading) => setStateValue("reading", reading);
  form.take(data);
  return () => whenGone(parentElement, () => form.listening.abort());
}
