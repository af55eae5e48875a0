// Brightness, contrast and gamma of the shown picture. The file is not changed, nor what the network sees.

/**
 * @typedef {object} Tone
 * @property {number} brightness added to values in [0, 1]
 * @property {number} contrast factor about the middle grey
 * @property {number} gamma exponent of its inverse: above 1, dark parts become lighter
 */

/** @type {Readonly<Tone>} */
export const PLAIN = Object.freeze({ brightness: 0, contrast: 1, gamma: 1 });
const LIMITS = { brightness: [-0.8, 0.8], contrast: [0.2, 5], gamma: [0.2, 5] };

/**
 * A tone whose values are within their limits.
 * @param {Tone} tone
 * @returns {Tone}
 */
export function limited({ brightness, contrast, gamma }) {
  return { brightness: within("brightness", brightness), contrast: within("contrast", contrast), gamma: within("gamma", gamma) };
}

/** @param {Tone} tone */
export function isPlain({ brightness, contrast, gamma }) {
  return brightness === 0 && contrast === 1 && gamma === 1;
}

/**
 * A tone in words; "" for the picture as it is.
 * @param {Tone} tone
 */
export function wordsOf(tone) {
  if (isPlain(tone)) return "";
  const { brightness, contrast, gamma } = tone;
  const sign = brightness < 0 ? "−" : "+";
  return `brightness ${sign}${Math.abs(brightness).toFixed(2)}, contrast ×${contrast.toFixed(2)}, gamma ${gamma.toFixed(2)}`;
}

/** A picture with another tone. The last one is kept. */
export class TonedPicture {
  /** @type {ImageBitmap | null} */
  source = null;
  /** @type {ImageData | null} */
  pixels = null;
  words = "";
  canvas = new OffscreenCanvas(1, 1);

  /**
   * @param {ImageBitmap} source
   * @param {Tone} tone
   */
  of(source, tone) {
    const words = wordsOf(tone);
    if (!words) return source;
    if (source !== this.source) this.take(source);
    if (words !== this.words && this.pixels) this.paint(this.pixels, tone);
    this.words = words;
    return this.canvas;
  }

  /** @param {ImageBitmap} source */
  take(source) {
    const { width, height } = source;
    Object.assign(this.canvas, { width, height });
    const context = this.context;
    context.drawImage(source, 0, 0);
    this.source = source;
    this.pixels = context.getImageData(0, 0, width, height);
    this.words = "";
  }

  /**
   * @param {ImageData} pixels
   * @param {Tone} tone
   */
  paint({ data, width, height }, tone) {
    const table = tableOf(tone);
    const changed = new Uint8ClampedArray(data.length);
    for (let i = 0; i < data.length; i += 4) {
      changed[i] = table[data[i]];
      changed[i + 1] = table[data[i + 1]];
      changed[i + 2] = table[data[i + 2]];
      changed[i + 3] = data[i + 3];
    }
    this.context.putImageData(new ImageData(changed, width, height), 0, 0);
  }

  get context() {
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("no 2D context");
    return context;
  }
}

/**
 * The new value of each value of a channel.
 * @param {Tone} tone
 */
function tableOf({ brightness, contrast, gamma }) {
  const values = Array.from({ length: 256 }, (_, i) => ((i / 255) ** (1 / gamma) - 0.5) * contrast + 0.5 + brightness);
  return new Uint8ClampedArray(values.map((value) => 255 * value));
}

/**
 * @param {keyof Tone} name
 * @param {number} value
 */
function within(name, value) {
  const [low, high] = LIMITS[name];
  return Math.min(Math.max(value, low), high);
}
