// The photograph that the canvas shows. Streamlit updates the components of a page one after another: for a moment the
// canvas shows the next photograph while other components have only heard of the former one.

import { onPage } from "./page_memory.js";

const shown = onPage("shown photograph", () => ({ name: "", changes: new EventTarget() }));

export function shownPhotograph() {
  return shown.name;
}

/** @param {string} name */
export function setShownPhotograph(name) {
  shown.name = name;
  shown.changes.dispatchEvent(new Event("change"));
}

/**
 * Call `act` whenever the canvas shows another photograph.
 * @param {() => void} act
 * @param {AbortSignal} signal
 */
export function onPhotographChange(act, signal) {
  shown.changes.addEventListener("change", act, { signal });
}
