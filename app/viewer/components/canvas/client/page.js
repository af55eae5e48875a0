// What every component has to know of the page it lies in: which keys are others', and when it is really gone.

const TYPING = "textarea, select, [contenteditable], [role=textbox], [role=combobox], [role=listbox], [role=grid]";
const NO_TEXT = new Set(["range", "checkbox", "radio", "button"]);

/** Whether keys pressed here are text or a choice of their own. */
function isTyping(element) {
  if (element?.localName === "input") return !NO_TEXT.has(element.type);
  return Boolean(element?.closest?.(TYPING));
}

/** Whether a key is another's: text, a browser's shortcut, or acted on already. */
function isTaken(event) {
  const [target] = event.composedPath();
  return event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(target);
}

/** Run `leave` if the element is really gone: Streamlit also cleans up after a call that a newer one overtook. */
function whenGone(parentElement, leave) {
  setTimeout(() => {
    if (!(parentElement.host ?? parentElement).isConnected) leave();
  });
}
