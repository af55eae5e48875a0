// Keys that are pressed while a photograph is being opened, or before a component is on the page, wait and act when
// everything is there. So a fast reader loses no key, and no key acts on the former photograph.

import { examination } from "./examination.js";
import { isTaken } from "./keyboard.js";
import { onPage } from "./page_memory.js";

const MAX_WAITING = 100;

class KeyQueue {
  /** @type {KeyboardEventInit[]} */
  waiting = [];

  constructor() {
    globalThis.addEventListener("keydown", (event) => this.hold(event), { capture: true });
    examination.onChange(() => void Promise.resolve().then(() => this.release()));
  }

  /** @param {KeyboardEvent} event */
  hold(event) {
    const { key, code, shiftKey } = event;
    if (!examination.isAwaited || key.length !== 1 || key === " " || isTaken(event)) return;
    if (!event.repeat && this.waiting.length < MAX_WAITING) this.waiting.push({ key, code, shiftKey });
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  release() {
    while (this.waiting.length > 0 && !examination.isAwaited) {
      const pressed = { ...this.waiting.shift(), bubbles: true, composed: true, cancelable: true };
      document.body.dispatchEvent(new KeyboardEvent("keydown", pressed));
    }
  }
}

export const keyQueue = onPage("key queue", () => new KeyQueue());
