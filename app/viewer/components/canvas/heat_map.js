// Evidence as a heat map and as numbers. It comes as a grey picture, 255 = 1.0, with the colour of each grey value:
// Python makes this table (retina_xai/drawing.py), so that the canvas shows what its overlay pictures show.

import { pixelsOf } from "./decoding.js";

/** @import { Point } from "./geometry.js" */
/** @typedef {[number, number, number, number]} Colour red, green, blue, opacity, each 0-255 */

export class HeatMap {
  cut = -1;

  /**
   * @param {ImageData} grey
   * @param {Colour[]} table the colours of the grey values 0 to 255
   */
  constructor(grey, table) {
    this.grey = grey;
    this.table = table;
    this.picture = new OffscreenCanvas(grey.width, grey.height);
  }

  /**
   * The colours of the evidence that reaches a threshold.
   * @param {number} threshold in [0, 1]
   */
  from(threshold) {
    const cut = Math.round(255 * threshold);
    if (cut !== this.cut) {
      const { data, width, height } = this.grey;
      const colours = new Uint32Array(width * height);
      const table = this.table.map((colour, i) => (i < cut ? 0 : word(colour)));
      for (let i = 0; i < colours.length; i += 1) colours[i] = table[data[4 * i]];
      const image = new ImageData(new Uint8ClampedArray(colours.buffer), width, height);
      this.picture.getContext("2d")?.putImageData(image, 0, 0);
      this.cut = cut;
    }
    return this.picture;
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
    this.picture.width = 0;
  }
}

/**
 * The bytes of a colour in memory, as one number.
 * @param {Colour} colour
 */
function word(colour) {
  return new Uint32Array(new Uint8ClampedArray(colour).buffer)[0];
}

/**
 * The heat map of an attachment.
 * @param {string} name
 * @param {Colour[]} table the colours of the grey values 0 to 255
 */
export async function heatMapOf(name, table) {
  return new HeatMap(await pixelsOf(name), table);
}
