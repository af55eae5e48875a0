// Evidence, a grey picture with 255 = 1.0, as a heat map and as numbers. Drawn like the package's overlay pictures:
// matplotlib's "viridis" of evidence / maximum, opacity growing with its square root; what does not count as evidence
// (below `fraction` of the maximum, or not above `floor`) is not drawn.

const VIRIDIS = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];

/** viridis at t in [0, 1] as [r, g, b] in 0-255. */
function viridis(t) {
  const position = clamp(t, 0, 1) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(position), VIRIDIS.length - 2);
  return VIRIDIS[i].map((low, c) => low + (VIRIDIS[i + 1][c] - low) * (position - i));
}

/** { width, height, values, bitmap, close } of an evidence picture. */
async function evidenceOf(name, fraction, floor) {
  const { data, width, height } = await pixelsOf(name);
  const values = new Uint8Array(width * height).map((_, i) => data[4 * i]);
  const colours = heatColours(values, fraction, floor);
  const bitmap = await createImageBitmap(new ImageData(colours, width, height));
  return { width, height, values, bitmap, close: () => bitmap.close() };
}

/** RGBA of grey values. */
function heatColours(values, fraction, floor) {
  const peak = values.reduce((a, b) => Math.max(a, b), 0);
  const table = Array.from({ length: 256 }, (_, value) => {
    const shown = value >= fraction * peak && value > floor * 255;
    return shown ? [...viridis(value / peak), 255 * Math.sqrt(value / peak)] : [0, 0, 0, 0];
  });
  const colours = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, i) => colours.set(table[value], 4 * i));
  return colours;
}

/** Evidence in [0, 1] at a point of a file of this size, or null outside of it. */
function evidenceAt(evidence, [x, y], fileWidth, fileHeight) {
  const column = Math.floor(((x + 0.5) * evidence.width) / fileWidth);
  const row = Math.floor(((y + 0.5) * evidence.height) / fileHeight);
  if (column < 0 || row < 0 || column >= evidence.width || row >= evidence.height) return null;
  return evidence.values[row * evidence.width + column] / 255;
}
