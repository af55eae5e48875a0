// How Streamlit calls a component: once for every rerun of the page's script, always with the same parent element.

/**
 * @template D
 * @typedef {object} ComponentCall
 * @property {D} data
 * @property {string} key
 * @property {ShadowRoot | HTMLElement} parentElement
 * @property {(name: string, value: unknown) => void} setStateValue
 * @property {(name: string, value: unknown) => void} setTriggerValue
 */

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
