// The bytes that Python sent, by name (their SHA-256). They stay in the page and outlive reruns and changes of page.

import { onPage } from "../shared/page_memory.js";

/** @typedef {{ header: string, blobs: Map<string, Blob> }} Sent what one sender holds at present */

const store = onPage("attachments", () => ({
  /** @type {Map<string, Sent>} */ senders: new Map(),
  /** @type {Map<string, ((blob: Blob) => void)[]>} */ waiting: new Map(),
}));

/**
 * The bytes of this name, as soon as they have arrived.
 * @param {string} name
 * @returns {Promise<Blob>}
 */
export function attachment(name) {
  for (const { blobs } of store.senders.values()) {
    const blob = blobs.get(name);
    if (blob) return Promise.resolve(blob);
  }
  return new Promise((resolve) => {
    store.waiting.set(name, [...(store.waiting.get(name) ?? []), resolve]);
  });
}

/**
 * The header of the message whose attachments a sender holds.
 * @param {string} sender
 */
export function headerOf(sender) {
  return store.senders.get(sender)?.header;
}

/**
 * Keep these attachments in place of the sender's former ones, and hand them to those who wait for them.
 * @param {string} sender
 * @param {Sent} sent
 */
export function keepAttachments(sender, sent) {
  store.senders.set(sender, sent);
  for (const [name, blob] of sent.blobs) {
    for (const resolve of store.waiting.get(name) ?? []) resolve(blob);
    store.waiting.delete(name);
  }
}

/** @param {string} sender */
export function dropAttachments(sender) {
  store.senders.delete(sender);
}
