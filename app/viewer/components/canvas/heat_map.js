// Evidence as a heat map and as numbers. It comes as a grey picture, 255 = 1.0, with the colour of each grey value:
// Python makes this table (retina_xai/drawing.py), so that the canvas shows what its overlay pictures show.

import { pixelsOf } from "./decoding.js";

/** @import { Point } from "./geometry.js" */
/** @typedef {[number, number, number, number]} Colour red, green, blue, opacity, each 0-255 */

export class HeatMap {
  /**
   * @param {ImageData} grey
   * @param {ImageBitmap} bitmap the colours
   */
  constructor(grey, bitmap) {
    this.grey = grey;
    this.bitmap = bitmap;
  }

  /**
   * The evidence in [0, 1] at a point of a file of this size, or null outside of it.
   * @param {Point} point
   * @param {number} fileWidth
   * @param {number} fileHeight
   */
  at([x, y], fileWidth, fileHeight) {
    const { data, width, height } = this.grey;
    const column = Math.floor(((x + 0.5) * width) / fileWidth);
    const row = Math.floor(((y + 0.5) * height) / fileHeight);
    if (column < 0 || row < 0 || column >= width || row >= height) return null;
    return data[4 * (row * width + column)] / 255;
  }

  close() {
    this.bitmap.close();
  }
}

/**
 * The heat map of an attachment.
 * @param {string} name
 * @param {Colour[]} table the colours of the grey values 0 to 255
 */
export async function heatMapOf(name, table) {
  const grey = await pixelsOf(name);
  const colours = new Uint8ClampedArray(grey.data.length);
  for (let i = 0; i < colours.length; i += 4) colours.set(table[grey.data[i]], i);
  return new HeatMap(grey, await createImageBitmap(new ImageData(colours, grey.width, grey.height)));
}
