// The commands of buttons and keys: what each does, and what its control shows.

import { examination } from "../shared/examination.js";
import { isPlain, PLAIN } from "./tone.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { ToolName } from "./tools.js" */
/** @typedef {(canvas: CanvasController, value: string) => void} Act */
/** @typedef {keyof typeof COMMANDS} CommandName */

export const COMMANDS = {
  /** @type {Act} */ overlay: (canvas) => canvas.set({ overlay: !canvas.view.overlay }),
  /** @type {Act} */ heat: (canvas) => canvas.set({ heat: !canvas.view.heat }),
  /** @type {Act} */ candidates: (canvas) => canvas.set({ candidates: !canvas.view.candidates }),
  /** @type {Act} */ opacity: (canvas, percent) => canvas.set({ opacity: Number(percent) / 100 }),
  /** @type {Act} */ view: (canvas, name) => canvas.set({ name }),
  /** @type {Act} */ type: (canvas, type) => canvas.toggleType(type),
  /** @type {Act} */ experts: (canvas, place) => canvas.setExperts(place),
  /** @type {Act} */ tool: (canvas, tool) => canvas.tools.set(/** @type {ToolName} */ (tool)),
  /** @type {Act} */ kind: (canvas, kind) => canvas.prefer({ kind: /** @type {"disk" | "outline"} */ (kind) }),
  /** @type {Act} */ lesionType: (canvas, type) => canvas.drawn.setType(type),
  /** @type {Act} */ deleteLesion: (canvas) => canvas.remove(),
  /** @type {Act} */ plainTone: (canvas) => canvas.setTone(PLAIN),
  /** @type {Act} */ undo: (canvas) => canvas.goBack("undo"),
  /** @type {Act} */ redo: (canvas) => canvas.goBack("redo"),
  /** @type {Act} */ two: (canvas) => canvas.prefer({ two: !canvas.preferences.two }),
  /** @type {Act} */ both: (canvas) => canvas.toggleBoth(),
  /** @type {Act} */ everywhere: (canvas) => canvas.prefer({ everywhere: !canvas.preferences.everywhere }),
  /** @type {Act} */ zoomIn: (canvas) => canvas.zoom(1.4),
  /** @type {Act} */ zoomOut: (canvas) => canvas.zoom(1 / 1.4),
  /** @type {Act} */ fit: (canvas) => canvas.fit(),
  /** @type {Act} */ nextCandidate: (canvas) => canvas.candidates.step(1),
  /** @type {Act} */ previousCandidate: (canvas) => canvas.candidates.step(-1),
  /** @type {Act} */ nextLesion: (canvas) => canvas.drawn.step(),
  /** @type {Act} */ help: (canvas) => canvas.showHelp(),
};

/**
 * Whether a toggle is on.
 * @type {Record<string, (canvas: CanvasController, value: string) => boolean>}
 */
export const PRESSED = {
  overlay: ({ view }) => view.overlay,
  heat: ({ view }) => view.heat,
  candidates: ({ view }) => view.candidates,
  view: ({ viewName }, name) => viewName === name,
  type: ({ view }, type) => !view.hidden.has(type),
  tool: ({ view }, tool) => view.tool === tool,
  kind: ({ preferences }, kind) => preferences.kind === kind,
  two: ({ preferences }) => preferences.two,
  both: ({ preferences }) => preferences.both,
};

/**
 * The value of a list or slider.
 * @type {Record<string, (canvas: CanvasController) => string>}
 */
export const VALUE = {
  opacity: ({ view }) => String(Math.round(view.opacity * 100)),
  experts: ({ view }) => view.experts,
  lesionType: ({ preferences }) => preferences.type,
};

/**
 * Whether a group of controls has anything to control.
 * @type {Record<string, (canvas: CanvasController) => boolean>}
 */
export const SHOWN = {
  evidence: ({ layers }) => layers.hasEvidence || layers.candidates.length > 0,
  two: ({ layers, fellow }) => layers.hasResult && !fellow.isShown,
  fellow: ({ image, layers }) => Boolean(image && layers.data.fellow),
  heat: ({ layers }) => layers.hasEvidence,
  candidates: ({ layers }) => layers.candidates.length > 0,
  experts: ({ layers }) => layers.markedTypes.length > 0,
  draw: ({ view }) => view.tool === "draw",
  disc: ({ image, view }) => Boolean(image && view.tool === "disc" && examination.work.disc),
  tone: ({ view }) => !isPlain(view.tone),
};
