// The component that carries bytes from Python to the page; it shows nothing. See attachments.py for the format.

import { dropAttachments, headerOf, keepAttachments } from "./attachment_store.js";
import { whenGone } from "../shared/component_call.js";

/** @import { ComponentCall } from "../shared/component_call.js" */
/** @import { Sent } from "./attachment_store.js" */

const LENGTH_BYTES = 4;

/**
 * The attachments of one message.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Sent}
 */
function unpacked(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
  const blobs = new Map();
  let start = LENGTH_BYTES + length;
  for (const [name, size] of JSON.parse(header)) {
    blobs.set(name, new Blob([bytes.subarray(start, start + size)]));
    start += size;
  }
  return { header, blobs };
}

/** @param {ComponentCall<Uint8Array<ArrayBuffer>>} call */
export default function ({ data, key, parentElement }) {
  const sent = unpacked(data);
  if (headerOf(key) !== sent.header) keepAttachments(key, sent);
  return () => whenGone(parentElement, () => dropAttachments(key));
}
