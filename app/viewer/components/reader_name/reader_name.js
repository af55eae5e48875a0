// The field for the reader's name. The page holds the name; what Python has is a name that it was told earlier.

import { find } from "../shared/elements.js";
import { onPage } from "../shared/page_memory.js";
import { readerName, setReaderName } from "../shared/work.js";

/** @import { ComponentCall } from "../shared/component_call.js" */

const fields = onPage("reader fields", () => /** @type {WeakSet<Element>} */ (new WeakSet()));

/** @param {ComponentCall<{ name: string, maxLength: number }>} call */
export default function ({ data, parentElement, setStateValue }) {
  const input = find(parentElement, "input", HTMLInputElement);
  const tell = () => setStateValue("name", readerName());
  if (!fields.has(input)) {
    fields.add(input);
    input.maxLength = data.maxLength;
    input.value = readerName();
    input.addEventListener("input", () => setReaderName(input.value));
    input.addEventListener("keydown", ({ key }) => key === "Enter" && input.blur());
  }
  input.onchange = tell;
  const focused = parentElement instanceof ShadowRoot && parentElement.activeElement === input;
  if (readerName() !== data.name && !focused) tell();
}
