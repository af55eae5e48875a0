// Lesions drawn by the reader: { id, type, kind: "circle" | "polygon", points, radius } in pixels of the file.

const DECIMALS = 100; // coordinates are kept to a hundredth of a pixel

function circle(type, centre, radius) {
  return { id: crypto.randomUUID(), type, kind: "circle", points: [centre.map(rounded)], radius: rounded(radius) };
}

function polygon(type, points) {
  const kept = points.map((point) => point.map(rounded));
  return { id: crypto.randomUUID(), type, kind: "polygon", points: kept, radius: 0 };
}

function moved(lesion, dx, dy) {
  return { ...lesion, points: lesion.points.map(([x, y]) => [rounded(x + dx), rounded(y + dy)]) };
}

function shapePath({ kind, points, radius }) {
  const path = new Path2D();
  if (kind === "circle") path.arc(...points[0], radius, 0, 2 * Math.PI);
  else closed(path, points);
  return path;
}

function shapeBox({ kind, points, radius }) {
  const [x0, y0, x1, y1] = boxOfPoints(points);
  return kind === "circle" ? [x0 - radius, y0 - radius, x1 + radius, y1 + radius] : [x0, y0, x1, y1];
}

function middleOf(lesion) {
  const [x0, y0, x1, y1] = shapeBox(lesion);
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

/** Whether a point is in the shape, or within `reach` of its middle. */
function touches(lesion, point, reach) {
  if (distance(point, middleOf(lesion)) <= reach) return true;
  return lesion.kind === "circle" ? distance(point, lesion.points[0]) <= lesion.radius : enclosed(point, lesion.points);
}

/** Whether a point is within `reach` of the shape's outline. */
function onOutline({ kind, points, radius }, point, reach) {
  if (kind === "circle") return Math.abs(distance(point, points[0]) - radius) <= reach;
  return points.some((end, i) => distanceToLine(point, points.at(i - 1), end) <= reach);
}

function distanceToLine([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return distance([x, y], [x0 + along * dx, y0 + along * dy]);
}

function enclosed([x, y], points) {
  let inside = false;
  points.forEach(([x1, y1], i) => {
    const [x0, y0] = points.at(i - 1);
    if (y0 > y !== y1 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) inside = !inside;
  });
  return inside;
}

/** Area of a polygon. */
function areaOf(points) {
  return Math.abs(points.reduce((sum, [x, y], i) => sum + points.at(i - 1)[0] * y - x * points.at(i - 1)[1], 0)) / 2;
}

function distance([x0, y0], [x1, y1]) {
  return Math.hypot(x1 - x0, y1 - y0);
}

function rounded(value) {
  return Math.round(value * DECIMALS) / DECIMALS;
}
