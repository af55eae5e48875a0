// Decision, comment and the button that stores them. Everything acts at once and here; one message carries the whole
// reading. It stays the component's state until a newer one takes its place, so that no rerun can swallow it, and has
// an id, so that Python takes it once.
//
// What is said is said of the photograph that the canvas shows: the page is made from top to bottom, and for a moment
// the canvas shows the next photograph while this panel has only heard of the former one.

const KEYS = { a: ["decide", "agree"], b: ["decide", "disagree"], f: ["store"] };
const NEEDS_VERDICT = "The reading can be stored when the verdict is there.";
const NEEDS_READER = "Enter your name at the top to store readings.";
const RESTARTED = { id: null, failed: true, line: "The viewer was restarted: see whether the reading is stored." };
const panels = (globalThis[Symbol.for("retina-xai reading panels")] ??= new WeakMap());

class Panel {
  constructor(root) {
    this.root = root;
    this.comment = root.querySelector("textarea");
    this.button = root.querySelector(".store");
    this.status = root.querySelector("[role=status]");
    this.listening = new AbortController();
    const { signal } = this.listening;
    for (const button of root.querySelectorAll("[data-decision]")) {
      button.addEventListener("click", () => this.decide(button.dataset.decision));
    }
    this.button.addEventListener("click", () => this.store());
    this.comment.addEventListener("input", () => this.change({ comment: this.comment.value }));
    document.addEventListener("keydown", (event) => this.press(event), { signal });
    reading.told.addEventListener("reader", () => this.show(), { signal });
    shared.told.addEventListener("image", () => this.show(), { signal });
  }

  get draft() {
    return draftOf(shared.shown);
  }

  take(data, setStateValue) {
    Object.assign(this, { data, setStateValue });
    const draft = draftOf(data.image);
    const answer = data.session === draft.session ? data.said : RESTARTED;
    if (draft.sent && [draft.sent, null].includes(answer?.id)) Object.assign(draft, { sent: null, said: answer });
    this.comment.maxLength = data.longest;
    this.show();
  }

  show() {
    const { decision, comment, sent, said } = this.draft;
    for (const button of this.root.querySelectorAll("[data-decision]")) {
      button.setAttribute("aria-pressed", String(button.dataset.decision === decision));
    }
    if (this.comment.value !== comment) this.comment.value = comment;
    this.button.disabled = Boolean(this.missing || sent);
    this.status.dataset.failed = Boolean(said?.failed && !sent);
    const line = sent ? "Storing …" : (said?.line ?? this.missing);
    if (this.status.textContent !== line) this.status.textContent = line;
  }

  /** What has to come before a reading of the photograph can be stored, as a line; "" if nothing. */
  get missing() {
    if (!reading.reader.trim()) return NEEDS_READER;
    return this.data.image === shared.shown && this.data.ready ? "" : NEEDS_VERDICT;
  }

  /** What was said of this reading before is no longer true of it. */
  change(news) {
    Object.assign(this.draft, news, { sent: null, said: null });
    this.show();
  }

  decide(decision) {
    this.change({ decision: this.draft.decision === decision ? "none" : decision });
  }

  store() {
    const { draft } = this;
    if (this.missing || draft.sent) return;
    const { image, session } = this.data;
    Object.assign(draft, { sent: crypto.randomUUID(), session });
    this.show();
    const { decision, comment } = draft;
    this.setStateValue("reading", { id: draft.sent, image, reader: reading.reader.trim(), decision, comment });
  }

  press(event) {
    const key = event.key.toLowerCase();
    if (!Object.hasOwn(KEYS, key) || event.repeat || isTaken(event)) return;
    const [name, value] = KEYS[key];
    this[name](value);
    event.preventDefault();
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".reading");
  if (!panels.has(root)) panels.set(root, new Panel(root));
  const panel = panels.get(root);
  panel.take(data, setStateValue);
  return () => whenGone(parentElement, () => panel.listening.abort());
}
