// The four types of lesions and how each is drawn. Colour, dash and marker all differ, so that none of them is needed
// alone; the colours, those of the package's pictures (orange, green, blue, red), keep a CIEDE2000 distance above 20
// in normal sight, protanopia, deuteranopia and tritanopia (simulated after Machado, Oliveira and Fernandes 2009).
// The casing sets a line off from the retina: dark around light colours, light around dark ones.

const DARK = "rgba(0, 0, 0, 0.8)";
const LIGHT = "rgba(255, 255, 255, 0.9)";

const LESIONS = {
  haemorrhages: { label: "Haemorrhages", colour: "#FCA831", casing: DARK, dash: [9, 4], marker: "circle" },
  hard_exudates: { label: "Hard exudates", colour: "#49DBBB", casing: DARK, dash: [], marker: "square" },
  soft_exudates: { label: "Soft exudates", colour: "#3369E5", casing: LIGHT, dash: [9, 3, 2, 3], marker: "diamond" },
  red_small_dots: { label: "Red small dots", colour: "#C82504", casing: LIGHT, dash: [2, 3], marker: "triangle" },
};

const CANDIDATE = { colour: "#FFFFFF", dash: [], casing: DARK };
const SELECTED = { colour: "#FFF34F", dash: [], casing: DARK };
const CROSS = { colour: "#FFFFFF", dash: [], casing: DARK };

/** Marker shapes around (0, 0), of half width 1. */
const MARKERS = {
  circle: (path) => path.arc(0, 0, 1, 0, 2 * Math.PI),
  square: (path) => path.rect(-0.9, -0.9, 1.8, 1.8),
  diamond: (path) => closed(path, [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]),
  triangle: (path) => closed(path, [[0, -1.2], [1.15, 0.9], [-1.15, 0.9]]),
};

function closed(path, points) {
  points.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
}
