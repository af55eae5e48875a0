// Score against step, one line per game, drawn as SVG.

import { isOutdated } from "../shared/component_call.js";
import { element, find } from "../shared/elements.js";

/** @import { ComponentCall } from "../shared/component_call.js" */
/** @typedef {{ name: string, points: [number, number][] }} Line step and score of each point */
/** @typedef {{ lines: Line[], steps: number, label: string }} CurveData */

const WIDTH = 320;
const HEIGHT = 120;
const LEFT = 26;
const BELOW = 18;
const STYLES = 4; // styles of lines in score_curve.css
const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function svg(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

/** @param {CurveData} data */
function plot({ lines, steps, label }) {
  const x = (/** @type {number} */ step) => LEFT + (step / Math.max(1, steps)) * (WIDTH - LEFT - 4);
  const y = (/** @type {number} */ score) => 6 + (1 - score) * (HEIGHT - BELOW - 6);
  const frame = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const score of [0, 0.5, 1]) {
    frame.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 4, y1: y(score), y2: y(score) }));
    frame.append(svg("text", { x: LEFT - 5, y: y(score) + 3, "text-anchor": "end" }, String(score)));
  }
  frame.append(svg("text", { x: LEFT, y: HEIGHT - 4 }, "step 0"));
  frame.append(svg("text", { x: WIDTH - 4, y: HEIGHT - 4, "text-anchor": "end" }, String(steps)));
  lines.forEach(({ points, name }, i) => {
    const path = points.map(([step, score]) => `${x(step).toFixed(1)},${y(score).toFixed(1)}`).join(" ");
    const line = svg("polyline", { class: `line line${i % STYLES}`, points: path });
    line.append(svg("title", {}, name));
    frame.append(line);
  });
  return frame;
}

/** @param {ComponentCall<CurveData>} call */
export default function (call) {
  if (isOutdated(call)) return;
  const { data, parentElement } = call;
  const names = data.lines.map(({ name }, i) => element("span", { className: `name name${i % STYLES}` }, name));
  find(parentElement, ".plot", HTMLElement).replaceChildren(plot(data));
  find(parentElement, ".legend", HTMLElement).replaceChildren(...names);
}
