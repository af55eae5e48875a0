// Attachments become bitmaps or pixels, each once, when it is first needed.

import { attachment } from "../attachments/attachment_store.js";

/** @typedef {{ value: any, failed: boolean }} Item */

/** Things that are made once by name, asynchronously, and kept until they are no longer named. */
export class Cache {
  /** @type {Map<string, Item>} */
  items = new Map();

  /** @param {() => void} onDone is called when a thing was made, or could not be made */
  constructor(onDone) {
    this.onDone = onDone;
  }

  /**
   * The thing of this name, or null while `make` makes it.
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} make
   * @returns {T | null}
   */
  get(name, make) {
    const item = this.items.get(name) ?? this.begin(name, make);
    return item.value;
  }

  /**
   * @param {string} name
   * @param {() => Promise<unknown>} make
   */
  begin(name, make) {
    /** @type {Item} */
    const item = { value: null, failed: false };
    this.items.set(name, item);
    make().then(
      (value) => this.finish(name, item, { value, failed: false }),
      () => this.finish(name, item, { value: null, failed: true }),
    );
    return item;
  }

  /**
   * @param {string} name
   * @param {Item} item
   * @param {Item} result
   */
  finish(name, item, result) {
    if (this.items.get(name) !== item) {
      result.value?.close?.();
      return;
    }
    Object.assign(item, result);
    this.onDone();
  }

  /** @param {string} name */
  hasFailed(name) {
    return Boolean(this.items.get(name)?.failed);
  }

  /**
   * Drop whatever is not named.
   * @param {Set<string>} names
   */
  keepOnly(names) {
    for (const [name, { value }] of this.items) {
      if (names.has(name)) continue;
      value?.close?.();
      this.items.delete(name);
    }
  }
}

/**
 * An attachment as a bitmap.
 * @param {string} name
 */
export async function bitmapOf(name) {
  return createImageBitmap(await attachment(name));
}

/**
 * The pixels of an attachment, with the values that are in the file.
 * @param {string} name
 */
export async function pixelsOf(name) {
  const options = /** @type {const} */ ({ colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const bitmap = await createImageBitmap(await attachment(name), options);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no 2D context");
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
  bitmap.close();
  return pixels;
}

/**
 * An attachment as JSON.
 * @param {string} name
 */
export async function jsonOf(name) {
  return JSON.parse(await (await attachment(name)).text());
}
