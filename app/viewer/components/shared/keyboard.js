// Which keys a component may act on.

const TYPING = "textarea, select, [contenteditable], [role=textbox], [role=combobox], [role=listbox], [role=grid]";
const NO_TEXT = new Set(["range", "checkbox", "radio", "button"]);

/**
 * Whether a pressed key belongs to something else: to text, to a shortcut of the browser, or to an earlier listener.
 * @param {KeyboardEvent} event
 */
export function isTaken(event) {
  return event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(targetOf(event));
}

/**
 * The element inside all shadow roots in which a key was pressed.
 * @param {KeyboardEvent} event
 */
export function targetOf(event) {
  const [target] = event.composedPath();
  return target instanceof Element ? target : null;
}

/**
 * Whether keys pressed in an element are text or a choice of its own.
 * @param {Element | null} target
 */
export function isTyping(target) {
  if (target instanceof HTMLInputElement) return !NO_TEXT.has(target.type);
  return Boolean(target?.closest(TYPING));
}
