// One pane: photograph, evidence, outlines, lines. Shapes are in pixels of the file; widths, dashes and markers keep
// their size on the screen.

const LINE = 2; // CSS pixels
const SMALL = 26; // CSS pixels: a smaller outline is too short to show its dashes, and gets its type's marker
const MARKER = 4.5;
const PIXELATED = 6; // device pixels per pixel of the file from which its pixels are shown as they are

/** Paint `viewer` on a pane { canvas, context, evidence (bool) }; `fine` for the still picture, else fast. */
function paint(viewer, pane, fine) {
  const { viewport, scene, view } = viewer;
  const { context } = pane;
  begin(pane, viewport, fine);
  const photograph = scene.photograph(view.name);
  if (!photograph) return;
  context.drawImage(photograph, -0.5, -0.5, scene.width, scene.height);
  const brush = new Brush(context, viewport.scale);
  if (pane.evidence) paintEvidence(viewer, context);
  if (viewer.showsExperts(pane)) paintExperts(viewer, brush);
  if (pane.evidence) paintCandidates(viewer.candidates, brush);
  paintDrawn(viewer, brush);
  paintMeasure(viewer, brush);
  if (viewer.pointer && viewer.pointer.pane !== pane) brush.cross(viewport.toFile(viewer.pointer.screen));
}

/** Black, with the transform from centred file pixels to device pixels. */
function begin({ canvas, context }, viewport, fine) {
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

function paintEvidence({ scene, view }, context) {
  const evidence = view.overlay && view.heat && scene.evidence();
  if (!evidence) return;
  context.globalAlpha = view.opacity;
  context.drawImage(evidence.bitmap, -0.5, -0.5, scene.width, scene.height);
  context.globalAlpha = 1;
}

function paintExperts({ scene, view }, brush) {
  for (const type of scene.markedTypes) {
    const outlines = !view.hidden.has(type) && scene.outlines(type);
    if (!outlines) continue;
    brush.stroke(outlines.path, LESIONS[type]);
    for (const box of outlines.boxes) brush.markIfSmall(box, LESIONS[type]);
  }
}

function paintCandidates(candidates, brush) {
  const selected = candidates.chosen;
  for (const candidate of candidates.visible()) {
    if (candidate !== selected) brush.stroke(candidate.path, CANDIDATE);
  }
  if (!selected) return;
  brush.stroke(selected.path, SELECTED, 3);
  brush.label(selected.box, `${selected.id}: ${selected.score.toFixed(2)}`, SELECTED.colour);
}

function paintDrawn({ drawing, view }, brush) {
  for (const lesion of [...drawing.visible(), ...(drawing.draft ? [drawing.draft] : [])]) {
    const style = LESIONS[lesion.type];
    const chosen = lesion.id === view.lesion;
    brush.stroke(shapePath(lesion), chosen ? { ...style, casing: SELECTED.colour } : style, chosen ? 4 : 3);
    brush.markIfSmall(shapeBox(lesion), style);
  }
}

function paintMeasure({ view, crosshair }, brush) {
  if (crosshair) brush.cross(crosshair);
  if (!view.measure) return;
  const [from, to] = view.measure;
  const line = new Path2D();
  line.moveTo(...from);
  line.lineTo(...to);
  brush.stroke(line, SELECTED);
  brush.label([...to, ...to], `${distance(from, to).toFixed(1)} px`, SELECTED.colour);
}

/** Strokes of constant width on the screen, each over a casing that sets it off from any ground. */
class Brush {
  constructor(context, scale) {
    Object.assign(this, { context, scale });
  }

  stroke(path, { colour, dash, casing }, width = LINE) {
    const { context, scale } = this;
    context.lineJoin = "round";
    context.setLineDash([]);
    context.lineWidth = (width + 2) / scale;
    context.strokeStyle = casing;
    context.stroke(path);
    context.setLineDash(dash.map((length) => length / scale));
    context.lineWidth = width / scale;
    context.strokeStyle = colour;
    context.stroke(path);
    context.setLineDash([]);
  }

  /** The type's marker above the upper edge of a box that is small on the screen. */
  markIfSmall([x0, y0, x1, y1], { colour, casing, marker }) {
    const { context, scale } = this;
    if (Math.max(x1 - x0, y1 - y0) * scale >= SMALL) return;
    context.save();
    context.translate((x0 + x1) / 2, y0 - (MARKER + LINE + 2) / scale);
    context.scale(MARKER / scale, MARKER / scale);
    const shape = new Path2D();
    MARKERS[marker](shape);
    context.lineWidth = 0.7;
    context.strokeStyle = casing;
    context.stroke(shape);
    context.fillStyle = colour;
    context.fill(shape);
    context.restore();
  }

  /** Text to the right of a box, on a dark ground. */
  label([, y0, x1, y1], text, colour) {
    const { context, scale } = this;
    context.save();
    context.translate(x1 + 8 / scale, (y0 + y1) / 2);
    context.scale(1 / scale, 1 / scale);
    context.font = "600 13px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillStyle = "rgba(0, 0, 0, 0.75)";
    context.fillRect(-4, -10, context.measureText(text).width + 8, 20);
    context.fillStyle = colour;
    context.fillText(text, 0, 0);
    context.restore();
  }

  /** A small cross with a gap in its middle. */
  cross([x, y]) {
    const path = new Path2D();
    const [near, far] = [3 / this.scale, 11 / this.scale];
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      path.moveTo(x + dx * near, y + dy * near);
      path.lineTo(x + dx * far, y + dy * far);
    }
    this.stroke(path, CROSS, 1.5);
  }
}
