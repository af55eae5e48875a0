// Painting one pane: photograph, heat map, outlines, lines.

import { boxOf, pathOf } from "./annotations.js";
import { handlesOf } from "./handles.js";
import { examination } from "../shared/examination.js";
import { Brush } from "./brush.js";
import { lengthOf } from "../shared/scale.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { Viewport } from "./viewport.js" */

/**
 * @typedef {object} Pane
 * @property {HTMLElement} element
 * @property {HTMLCanvasElement} canvas
 * @property {CanvasRenderingContext2D} context
 * @property {boolean} evidence whether the pane shows evidence
 */

const PIXELATED = 6; // device pixels per pixel of the file from which its pixels are shown as they are

/**
 * @param {CanvasController} canvas
 * @param {Pane} pane
 * @param {boolean} fine for the picture that stands still; otherwise fast
 */
export function paint(canvas, pane, fine) {
  const { viewport, layers } = canvas;
  const { context } = pane;
  clear(pane, viewport, fine);
  const { photograph } = canvas;
  if (!photograph) return;
  context.drawImage(photograph, -0.5, -0.5, layers.width, layers.height);
  const brush = new Brush(context, viewport.scale);
  if (pane.evidence) paintHeatMap(canvas, context);
  if (canvas.showsExperts(pane)) paintExperts(canvas, brush);
  paintCandidates(canvas, brush, pane);
  paintDisc(canvas, brush);
  paintDrawn(canvas, brush);
  paintMeasure(canvas, brush);
  const { pointer } = canvas;
  if (pointer && pointer.pane !== pane) brush.cross(viewport.toFile(pointer.screen), layers.palette.candidate);
}

/**
 * Black, and the transform from pixels of the file to device pixels.
 * @param {Pick<Pane, "canvas" | "context">} pane
 * @param {Viewport} viewport
 * @param {boolean} fine
 */
export function clear({ canvas, context }, viewport, fine) {
  const ratio = devicePixelRatio;
  const [width, height] = [Math.round(viewport.width * ratio), Math.round(viewport.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  const scale = viewport.scale * ratio;
  const [x, y] = viewport.toScreen([0, 0]);
  context.setTransform(scale, 0, 0, scale, x * ratio, y * ratio);
  context.imageSmoothingEnabled = scale < PIXELATED;
  context.imageSmoothingQuality = fine ? "high" : "low";
}

/**
 * @param {CanvasController} canvas
 * @param {CanvasRenderingContext2D} context
 */
function paintHeatMap({ layers, view }, context) {
  const heatMap = view.overlay && view.heat ? layers.heatMap() : null;
  if (!heatMap) return;
  context.globalAlpha = view.opacity;
  context.drawImage(heatMap.from(examination.threshold), -0.5, -0.5, layers.width, layers.height);
  context.globalAlpha = 1;
}

/**
 * @param {CanvasController} canvas
 * @param {Brush} brush
 */
function paintExperts({ layers, view }, brush) {
  for (const type of layers.markedTypes) {
    const markings = view.hidden.has(type) ? null : layers.markings(type);
    if (!markings) continue;
    const style = layers.palette.lesions[type];
    brush.stroke(markings.path, style);
    for (const box of markings.boxes) brush.markIfSmall(box, style);
  }
}

/**
 * Outlines beside the evidence, and the chosen one on both panes.
 * @param {CanvasController} canvas
 * @param {Brush} brush
 * @param {Pane} pane
 */
function paintCandidates({ candidates, layers, view }, brush, { evidence }) {
  const { candidate: style, selected: selectedStyle } = layers.palette;
  const selected = candidates.chosen;
  for (const candidate of evidence ? candidates.visible() : []) {
    if (candidate !== selected) brush.stroke(candidate.path, style);
  }
  if (!selected || !(evidence || view.overlay)) return;
  brush.stroke(selected.path, selectedStyle, 3);
  if (!evidence) return;
  brush.label(selected.box, `${selected.id}: ${selected.score.toFixed(2)}`, selectedStyle.colour);
}

/**
 * The optic disc that the reader marked.
 * @param {CanvasController} canvas
 * @param {Brush} brush
 */
function paintDisc({ layers, view }, brush) {
  const { disc } = examination.work;
  if (!disc || !view.overlay) return;
  const { x, y, radius } = disc;
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  brush.stroke(path, layers.palette.disc);
  if (view.tool === "disc") brush.label([x - radius, y - radius, x + radius, y + radius], "optic disc", layers.palette.disc.colour);
}

/**
 * @param {CanvasController} canvas
 * @param {Brush} brush
 */
function paintDrawn({ drawn, view, layers }, brush) {
  const { lesions, selected } = layers.palette;
  for (const lesion of [...drawn.visible(), ...(drawn.draft ? [drawn.draft] : [])]) {
    const style = lesions[lesion.type];
    const chosen = lesion.id === view.lesion;
    brush.stroke(pathOf(lesion), chosen ? { ...style, casing: selected.colour } : style, chosen ? 4 : 3);
    brush.markIfSmall(boxOf(lesion), style);
    if (chosen && view.tool === "draw") for (const point of handlesOf(lesion, brush.scale)) brush.handle(point, selected);
  }
}

/**
 * @param {CanvasController} canvas
 * @param {Brush} brush
 */
function paintMeasure({ view, tools, layers }, brush) {
  const { candidate, selected } = layers.palette;
  if (tools.crosshair) brush.cross(tools.crosshair, candidate);
  if (!view.measure) return;
  const [from, to] = view.measure;
  const line = new Path2D();
  line.moveTo(...from);
  line.lineTo(...to);
  brush.stroke(line, selected);
  brush.label([...to, ...to], lengthOf([from, to], examination.scale), selected.colour);
}
