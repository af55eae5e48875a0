// The photograph of the other eye beside the open one. It can be looked at and zoomed on its own, and nothing else:
// lesions, judgements and the reading are always of the open photograph.

import { pathOf } from "./annotations.js";
import { Brush } from "./brush.js";
import { Cache, bitmapOf } from "./decoding.js";
import { element, find, setText } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { isTaken } from "../shared/keyboard.js";
import { workOf } from "../shared/work.js";
import { clear } from "./painter.js";
import { Viewport } from "./viewport.js";

/** @import { Annotation } from "./annotations.js" */
/** @import { CanvasController } from "./controller.js" */
/** @import { Point } from "./geometry.js" */

/**
 * See `_fellow` in canvas.py.
 * @typedef {object} Fellow
 * @property {string} image
 * @property {string} name
 * @property {string} side
 * @property {boolean} asked whether Python was told to show it
 * @property {string} view name of an attachment; "" until it is there
 * @property {number} width
 * @property {number} height
 * @property {{ tone?: string, head?: string, line?: string }} verdict
 * @property {Annotation[]} candidates
 * @property {string} question of the candidates
 * @property {string} fault
 */

const WHEEL_STEP = 1.15;
const KEY_STEP = 40; // CSS pixels
/** @type {Record<string, (eye: FellowEye) => void>} */
const KEYS = {
  "+": ({ viewport }) => viewport.zoomAt(1.4),
  "-": ({ viewport }) => viewport.zoomAt(1 / 1.4),
  0: ({ viewport }) => viewport.reset(),
  ArrowLeft: ({ viewport }) => viewport.pan(KEY_STEP, 0),
  ArrowRight: ({ viewport }) => viewport.pan(-KEY_STEP, 0),
  ArrowUp: ({ viewport }) => viewport.pan(0, KEY_STEP),
  ArrowDown: ({ viewport }) => viewport.pan(0, -KEY_STEP),
};

/** @param {string} side */
export function eyeName(side) {
  return side ? `${side[0].toUpperCase()}${side.slice(1)} eye` : "";
}

export class FellowEye {
  viewport = new Viewport();
  image = "";
  /** @type {Point | null} where a drag was last */
  held = null;
  /** @type {{ data: object | null, both: boolean }} what Python was told, and on which message */
  told = { data: null, both: false };

  /** @param {CanvasController} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.cache = new Cache(() => canvas.changed());
    this.element = find(canvas.root, ".fellow", HTMLElement);
    this.picture = find(this.element, "canvas", HTMLCanvasElement);
    const context = this.picture.getContext("2d", { alpha: false });
    if (!context) throw new Error("no 2D context");
    this.context = context;
    this.listen(canvas.listening.signal);
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const { picture, viewport } = this;
    /** @type {(name: keyof HTMLElementEventMap, act: (event: any) => void) => void} */
    const on = (name, act) => picture.addEventListener(name, act, { signal, passive: false });
    on("pointerdown", (event) => this.grab(event));
    on("pointermove", ({ offsetX, offsetY }) => this.drag([offsetX, offsetY]));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) on(name, () => (this.held = null));
    on("wheel", (event) => {
      event.preventDefault();
      viewport.zoomAt(event.deltaY < 0 ? WHEEL_STEP : 1 / WHEEL_STEP, [event.offsetX, event.offsetY]);
      this.canvas.redraw();
    });
    this.element.addEventListener("keydown", (event) => this.press(event), { signal });
    const resizing = new ResizeObserver(() => {
      viewport.resize(picture.clientWidth, picture.clientHeight);
      this.canvas.redraw();
    });
    resizing.observe(picture);
    signal.addEventListener("abort", () => resizing.disconnect());
  }

  /** @param {PointerEvent} event */
  grab(event) {
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.picture.setPointerCapture(event.pointerId);
    this.held = [event.offsetX, event.offsetY];
  }

  /** @param {Point} to */
  drag(to) {
    if (!this.held) return;
    this.viewport.pan(to[0] - this.held[0], to[1] - this.held[1]);
    this.held = to;
    this.canvas.redraw();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (isTaken(event) || !Object.hasOwn(KEYS, event.key)) return;
    KEYS[event.key](this);
    event.preventDefault();
    this.canvas.redraw();
  }

  /** @returns {Fellow | null} that of the shown photograph, if there is one */
  get fellow() {
    return this.canvas.image ? this.canvas.layers.data.fellow : null;
  }

  /** Whether it stands beside the photograph. */
  get isShown() {
    return this.canvas.preferences.both && this.fellow !== null;
  }

  /** Show what is to be shown, and tell Python if it does not know. */
  follow() {
    const { fellow, isShown } = this;
    this.element.hidden = !isShown;
    if (fellow) this.tell(fellow);
    if (fellow && (fellow.image !== this.image || fellow.width !== this.viewport.fileWidth)) this.open(fellow);
    this.cache.keepOnly(new Set(fellow ? [fellow.view] : []));
    if (fellow && isShown) this.describe(fellow);
  }

  /**
   * Tell Python once for each of its messages whether the eye is to be shown, where it does not know.
   * @param {Fellow} fellow
   */
  tell({ asked }) {
    const { data } = this.canvas.layers;
    const { both } = this.canvas.preferences;
    if (asked === both || (this.told.data === data && this.told.both === both)) return;
    this.told = { data, both };
    examination.tell("both", both);
  }

  /** @param {Fellow} fellow */
  open({ image, width, height }) {
    this.image = image;
    this.viewport.show(width, height);
    this.element.style.setProperty("--aspect", `${width} / ${height}`);
  }

  /** @param {Fellow} fellow */
  describe({ name, side, verdict, fault }) {
    const { head = "Judging quality and score …", line = "" } = verdict;
    this.element.ariaLabel = `${eyeName(side)}, for comparison: ${name}. ${fault || head}`;
    setText(find(this.element, ".side", HTMLElement), side[0].toUpperCase());
    const lines = [`${eyeName(side)}, for comparison only`, name, fault || head, fault ? "" : line];
    const text = find(this.element, ".about", HTMLElement);
    if (text.textContent === lines.join("")) return;
    text.replaceChildren(...lines.map((one) => element("span", {}, one)));
    text.dataset.tone = verdict.tone ?? "";
  }

  /** @param {boolean} fine */
  paint(fine) {
    const { fellow, viewport, context, canvas } = this;
    const bitmap = fellow?.view ? this.cache.get(fellow.view, () => bitmapOf(fellow.view)) : null;
    find(this.element, ".loading", HTMLElement).hidden = Boolean(bitmap || fellow?.fault);
    clear({ canvas: this.picture, context }, viewport, fine);
    this.canvas.root.dataset.fellow = fellow && bitmap ? fellow.image : "";
    if (!fellow || !bitmap) return;
    context.drawImage(bitmap, -0.5, -0.5, fellow.width, fellow.height);
    if (!canvas.view.overlay) return;
    const brush = new Brush(context, viewport.scale);
    const { candidate, lesions } = canvas.layers.palette;
    const { left, drawn } = findingsOf(fellow);
    if (canvas.view.candidates) for (const one of left) brush.stroke(pathOf(one), candidate);
    for (const one of drawn) brush.stroke(pathOf(one), lesions[one.type], 3);
    this.element.dataset.outlines = String(left.length);
  }
}

/**
 * Candidates that reach the threshold and were neither rejected nor edited, and what the reader drew, as they are shown
 * when that photograph is open.
 * @param {Fellow} fellow
 */
function findingsOf({ image, candidates, question }) {
  const { drawn, reviews } = workOf(image);
  const { judged, copies } = reviews[question] ?? { judged: {}, copies: [] };
  const edited = new Set(copies.map(({ id }) => id));
  const left = candidates.filter(
    ({ id, score }) => (score ?? 0) >= examination.threshold && judged[id] !== "deleted" && !edited.has(`candidate-${id}`),
  );
  return { left, drawn: [...drawn, ...copies] };
}
