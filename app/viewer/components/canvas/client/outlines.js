// Outlines of a mask, along the edges of its pixels. Every edge between inside and outside is walked with the inside
// on its right; edges are chained into closed loops, and only their corners are kept.

/** { path, boxes, close } of a mask picture (inside is above 0), in pixels of a file of this size. */
async function outlinesOf(name, fileWidth, fileHeight) {
  const { data, width, height } = await pixelsOf(name);
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && data[4 * (y * width + x)] > 0;
  const loops = loopsOf(inside, width, height);
  const [sx, sy] = [fileWidth / width, fileHeight / height];
  const path = new Path2D();
  const scaled = loops.map((loop) => loop.map(([x, y]) => [x * sx - 0.5, y * sy - 0.5]));
  for (const loop of scaled) closed(path, loop);
  return { path, boxes: scaled.map(boxOfPoints) };
}

/** Closed loops of corners [x, y] around the pixels that are inside; pixel (0, 0) has its corner at (0, 0). */
function loopsOf(inside, width, height) {
  const ends = new Map();
  const start = (x, y) => y * (width + 1) + x;
  const edge = (x0, y0, x1, y1) => {
    const from = start(x0, y0);
    if (!ends.has(from)) ends.set(from, []);
    ends.get(from).push([x1, y1]);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue;
      if (!inside(x, y - 1)) edge(x, y, x + 1, y);
      if (!inside(x + 1, y)) edge(x + 1, y, x + 1, y + 1);
      if (!inside(x, y + 1)) edge(x + 1, y + 1, x, y + 1);
      if (!inside(x - 1, y)) edge(x, y + 1, x, y);
    }
  }
  const loops = [];
  for (const from of ends.keys()) {
    while (ends.get(from).length) loops.push(corners(walk(ends, from, start)));
  }
  return loops;
}

/** The vertices met from one vertex back to it; the edges walked are taken away. */
function walk(ends, from, start) {
  const loop = [];
  let at = from;
  do {
    const [x, y] = ends.get(at).pop();
    loop.push([x, y]);
    at = start(x, y);
  } while (at !== from);
  return loop;
}

/** A loop without the vertices at which it goes straight on. */
function corners(loop) {
  return loop.filter(([x, y], i) => {
    const [x0, y0] = loop.at(i - 1);
    const [x1, y1] = loop[(i + 1) % loop.length];
    return (x - x0) * (y1 - y) !== (y - y0) * (x1 - x);
  });
}

/** [x0, y0, x1, y1] around points. */
function boxOfPoints(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const least = (values) => values.reduce((a, b) => Math.min(a, b));
  const most = (values) => values.reduce((a, b) => Math.max(a, b));
  return [least(xs), least(ys), most(xs), most(ys)];
}
