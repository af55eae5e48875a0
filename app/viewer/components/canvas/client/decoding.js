// Encoded pictures become bitmaps, each once, when first needed.

/** Things that are made once by name and kept until they leave the scene. */
class Shelf {
  /** `onDone` is called when a thing was made, or could not be. */
  constructor(onDone) {
    Object.assign(this, { onDone, items: new Map() });
  }

  /** The thing of this name, or null while it is being made by `make`. */
  get(name, make) {
    if (!this.items.has(name)) this.begin(name, make);
    return this.items.get(name).value;
  }

  begin(name, make) {
    const item = { value: null, failed: false };
    this.items.set(name, item);
    make().then(
      (value) => this.finish(name, item, { value }),
      () => this.finish(name, item, { failed: true }),
    );
  }

  finish(name, item, result) {
    if (this.items.get(name) !== item) return result.value?.close?.();
    Object.assign(item, result);
    return this.onDone();
  }

  hasFailed(name) {
    return Boolean(this.items.get(name)?.failed);
  }

  /** Drop whatever is not named. */
  keepOnly(names) {
    for (const [name, { value }] of this.items) {
      if (names.has(name)) continue;
      value?.close?.();
      this.items.delete(name);
    }
  }
}

async function bitmapOf(name) {
  return createImageBitmap(await picture(name));
}

/** The red-free view: the green channel as grey. */
async function redFreeOf(name) {
  const { data, width, height } = await pixelsOf(name);
  for (let i = 0; i < data.length; i += 4) data[i] = data[i + 2] = data[i + 1];
  return createImageBitmap(new ImageData(data, width, height));
}

/** Pixels of a picture: { data (RGBA), width, height }; numbers are taken as they are in the file. */
async function pixelsOf(name) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(await picture(name), options);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
  bitmap.close();
  return pixels;
}
