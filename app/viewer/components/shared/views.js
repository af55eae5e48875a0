// Components that show the examination: each is made once for a place on the page and follows every change.

import { whenGone } from "./component_call.js";
import { find } from "./elements.js";
import { examination } from "./examination.js";
import { isTaken } from "./keyboard.js";
import { keyQueue } from "./key_queue.js";
import { onPage } from "./page_memory.js";

/** @import { ComponentCall } from "./component_call.js" */
/** @typedef {{ show: () => void, listening: AbortController }} View */

const views = onPage("views", () => /** @type {WeakMap<Element, View>} */ (new WeakMap()));

/**
 * The view at a place of the page; it is made when the place is new, and ends when the place has gone.
 * @template {View} V
 * @param {ComponentCall<any>} call
 * @param {string} name of the component
 * @param {(root: HTMLElement) => V} make
 */
export function viewAt({ parentElement }, name, make) {
  const root = find(parentElement, `.${name}`, HTMLElement);
  const known = /** @type {V | undefined} */ (views.get(root));
  const view = known ?? make(root);
  if (!known) {
    views.set(root, view);
    const { signal } = view.listening;
    const show = () => {
      root.dataset.image = examination.shown.image;
      view.show();
    };
    examination.onChange(show, signal);
    examination.mount(name, view);
  }
  keyQueue.release();
  const leave = () => {
    view.listening.abort();
    examination.unmount(name, view);
  };
  return { view, leave: () => whenGone(parentElement, leave) };
}

/**
 * Click the button whose shortcut is pressed anywhere on the page.
 * @param {HTMLButtonElement[]} buttons
 * @param {AbortSignal} signal
 */
export function clickByKey(buttons, signal) {
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.repeat || isTaken(event)) return;
    const button = buttons.find((one) => one.getAttribute("aria-keyshortcuts") === event.key.toLowerCase());
    if (!button) return;
    if (!button.disabled) button.click();
    event.preventDefault();
  };
  document.addEventListener("keydown", press, { signal });
}
