// What the canvases of a page share, and how each was last looked at; it outlives reruns and changes of page, and a
// reload, because the tab of the browser keeps it.

import { onPage } from "../shared/page_memory.js";
import { PLAIN } from "./tone.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { Place } from "./viewport.js" */
/** @import { Point } from "./geometry.js" */
/** @import { Tone } from "./tone.js" */

/**
 * What is shown of a photograph and how; it starts anew with another photograph.
 * @typedef {object} View
 * @property {string} name
 * @property {boolean} overlay whether evidence is shown at all
 * @property {boolean} heat
 * @property {boolean} candidates
 * @property {number} opacity
 * @property {"hidden" | "beside" | "over"} experts
 * @property {Set<string>} hidden types of lesions that are not shown
 * @property {"pan" | "measure" | "disc" | "draw" | "adjust"} tool
 * @property {Tone} tone
 * @property {[Point, Point] | null} measure
 * @property {string | null} lesion id of a drawn lesion
 */

/**
 * What stays as it is with another photograph.
 * @typedef {object} Preferences
 * @property {boolean} two whether there are two panes
 * @property {boolean} both whether the other eye is shown beside this one
 * @property {boolean} everywhere whether letters act wherever the focus is
 * @property {string} type of the next drawn lesion
 * @property {"disk" | "outline"} kind of the next drawn lesion
 */

/** @typedef {{ view: View, place: Place }} LeftView */

const KEPT_VIEWS = "retina-xai views 1"; // with a number for the form of what is kept
const MAX_VIEWS_KEPT = 500;

export const pageState = onPage("canvases", () => {
  addEventListener("pagehide", keepViews);
  const { views, preferences } = keptViews();
  return {
    /** @type {WeakMap<Element, CanvasController>} */ controllers: new WeakMap(),
    /** @type {Map<string, LeftView>} by key of a canvas and photograph */ views,
    /** @type {Map<string, Preferences>} by key of a canvas */ preferences,
    /** @type {CanvasController | null} the canvas that letters go to */ active: null,
  };
});

/**
 * What the tab has kept.
 * @returns {{ views: Map<string, LeftView>, preferences: Map<string, Preferences> }}
 */
function keptViews() {
  const found = sessionStorage.getItem(KEPT_VIEWS);
  const { views, preferences } = found ? JSON.parse(found) : { views: [], preferences: [] };
  for (const [, { view }] of views) view.hidden = new Set(view.hidden);
  return { views: new Map(views), preferences: new Map(preferences) };
}

function keepViews() {
  const views = [...pageState.views].slice(-MAX_VIEWS_KEPT);
  const plain = views.map(([name, { view, place }]) => [name, { view: { ...view, hidden: [...view.hidden] }, place }]);
  sessionStorage.setItem(KEPT_VIEWS, JSON.stringify({ views: plain, preferences: [...pageState.preferences] }));
}

/**
 * The view of a photograph that is opened.
 * @param {string} name
 * @param {number} opacity
 * @returns {View}
 */
export function newView(name, opacity) {
  return {
    ...{ name, overlay: true, heat: true, candidates: true, opacity, experts: "hidden", hidden: new Set() },
    ...{ tool: "pan", tone: PLAIN, measure: null, lesion: null },
  };
}

/**
 * @param {string} type
 * @returns {Preferences}
 */
export function newPreferences(type) {
  return { two: true, both: false, everywhere: true, type, kind: "disk" };
}
