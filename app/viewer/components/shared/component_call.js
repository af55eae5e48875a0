// How Streamlit calls a component: once for every rerun of the page's script, always with the same parent element.

import { onPage } from "./page_memory.js";

/**
 * @template D
 * @typedef {object} ComponentCall
 * @property {D} data
 * @property {string} key
 * @property {ShadowRoot | HTMLElement} parentElement
 * @property {(name: string, value: unknown) => void} setStateValue
 * @property {(name: string, value: unknown) => void} setTriggerValue
 */

const newest = onPage("newest calls", () => /** @type {WeakMap<object, number>} */ (new WeakMap()));

/**
 * Whether a newer call came before this one. Streamlit awaits the component's module in every call, and calls that wait
 * for a module that is not loaded yet go on in any order.
 * @param {{ data: unknown, parentElement: ShadowRoot | HTMLElement }} call
 */
export function isOutdated({ data, parentElement }) {
  const { revision } = /** @type {{ revision: number }} */ (data);
  if (revision < (newest.get(parentElement) ?? 0)) return true;
  newest.set(parentElement, revision);
  return false;
}

/**
 * Run `leave` if the element has left the page. Streamlit also cleans up after a call that a newer one replaced.
 * @param {ShadowRoot | HTMLElement} parentElement
 * @param {() => void} leave
 */
export function whenGone(parentElement, leave) {
  setTimeout(() => {
    const element = parentElement instanceof ShadowRoot ? parentElement.host : parentElement;
    if (!element.isConnected) leave();
  });
}
