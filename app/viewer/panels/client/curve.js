// Score against step, one line per game, drawn as SVG.

const WIDTH = 320;
const HEIGHT = 120;
const LEFT = 26;
const BELOW = 18;
const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

function drawn({ lines, steps, label }) {
  const x = (step) => LEFT + (step / Math.max(1, steps)) * (WIDTH - LEFT - 4);
  const y = (score) => 6 + (1 - score) * (HEIGHT - BELOW - 6);
  const frame = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const score of [0, 0.5, 1]) {
    frame.append(shape("line", { class: "grid", x1: LEFT, x2: WIDTH - 4, y1: y(score), y2: y(score) }));
    frame.append(shape("text", { x: LEFT - 5, y: y(score) + 3, "text-anchor": "end" }, String(score)));
  }
  frame.append(shape("text", { x: LEFT, y: HEIGHT - 4 }, "step 0"));
  frame.append(shape("text", { x: WIDTH - 4, y: HEIGHT - 4, "text-anchor": "end" }, String(steps)));
  lines.forEach(({ points, name }, i) => {
    const path = points.map(([step, score]) => `${x(step).toFixed(1)},${y(score).toFixed(1)}`).join(" ");
    const line = shape("polyline", { class: `line line${i % 4}`, points: path });
    line.append(shape("title", {}, name));
    frame.append(line);
  });
  return frame;
}

function legend(lines) {
  return lines.map(({ name }, i) => {
    const entry = document.createElement("span");
    entry.className = `name name${i % 4}`;
    entry.textContent = name;
    return entry;
  });
}

export default function ({ data, parentElement }) {
  parentElement.querySelector(".plot").replaceChildren(drawn(data));
  parentElement.querySelector(".legend").replaceChildren(...legend(data.lines));
}
