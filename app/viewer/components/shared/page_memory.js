// What belongs to the page and not to one component.

/**
 * The object of this name on the page. It is made once, however often scripts of components are loaded.
 * @template T
 * @param {string} name
 * @param {() => T} make
 * @returns {T}
 */
export function onPage(name, make) {
  const page = /** @type {Record<symbol, unknown>} */ (/** @type {unknown} */ (globalThis));
  const slot = Symbol.for(`retina-xai ${name}`);
  page[slot] ??= make();
  return /** @type {T} */ (page[slot]);
}
