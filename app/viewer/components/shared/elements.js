// Finding, making and changing elements of a page.

/**
 * The first element of this kind that a selector finds.
 * @template {Element} E
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => E} kind
 * @returns {E}
 */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`${selector}: no ${kind.name} in the component's HTML`);
  return found;
}

/**
 * All elements of this kind that a selector finds.
 * @template {Element} E
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => E} kind
 * @returns {E[]}
 */
export function findAll(root, selector, kind) {
  const isOfKind = /** @type {(found: Element) => found is E} */ ((found) => found instanceof kind);
  return [...root.querySelectorAll(selector)].filter(isOfKind);
}

/**
 * A new element with these properties and this text.
 * @template {keyof HTMLElementTagNameMap} N
 * @param {N} name
 * @param {Partial<HTMLElementTagNameMap[N]>} [properties]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[N]}
 */
export function element(name, properties = {}, text = "") {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}

/**
 * Change a text only if it differs: a screen reader reads every change.
 * @param {Element} changed
 * @param {string} text
 */
export function setText(changed, text) {
  if (changed.textContent !== text) changed.textContent = text;
}
