// The layers of the shown photograph: views, heat map, candidates and expert markings. Python sends them with every
// rerun; pictures are decoded when they are first needed and kept while they are named.

import { boxOf, pathOf } from "./annotations.js";
import { Cache, bitmapOf, jsonOf } from "./decoding.js";
import { heatMapOf } from "./heat_map.js";

/** @import { Annotation } from "./annotations.js" */
/** @import { Fellow } from "./fellow_eye.js" */
/** @import { Box } from "./geometry.js" */
/** @import { Colour } from "./heat_map.js" */
/** @import { Scale } from "../shared/scale.js" */
/** @import { Palette } from "./styles.js" */
/** @import { Snapshot } from "../shared/examination.js" */

/**
 * The data of a rerun, see `_data` in canvas.py. Views, evidence and experts are names of attachments.
 * @typedef {object} CanvasData
 * @property {string} key
 * @property {string} image
 * @property {number} width
 * @property {number} height
 * @property {[string, string][]} views
 * @property {string | null} evidence
 * @property {Colour[]} heat the colours of grey values
 * @property {number} opacity of the heat map at first
 * @property {Annotation[]} candidates
 * @property {Record<string, string>} experts by type
 * @property {string} fault why the photograph cannot be shown; "" if it can
 * @property {Scale | null} scale size of a pixel on the retina
 * @property {string} side the eye; "" if it is not known
 * @property {Fellow | null} fellow the photograph of the other eye
 * @property {Partial<Snapshot>} about the rest of the snapshot
 * @property {Palette} palette
 */

/** @typedef {Annotation & { score: number, path: Path2D, box: Box }} Candidate */
/** @typedef {{ path: Path2D, boxes: Box[] }} Markings */

const BROKEN_VIEW = "cannot be decoded; choose another view or open the photograph again.";
const BROKEN_MARKINGS = "the expert markings cannot be read; open the photograph again.";

/** @type {CanvasData} */
const NO_DATA = {
  ...{ key: "", image: "", width: 1, height: 1, views: [], evidence: null, heat: [], opacity: 0, candidates: [] },
  ...{ experts: {}, fault: "", scale: null, about: {}, side: "", fellow: null },
  palette: { lesions: {}, candidate: blank(), selected: blank(), disc: blank() },
};

export class Layers {
  data = NO_DATA;
  /** @type {Map<string, string>} */
  views = new Map();
  /** @type {Candidate[]} */
  candidates = [];
  /** @type {string[]} */
  markedTypes = [];

  /** @param {() => void} onDone is called when a layer was decoded, or could not be */
  constructor(onDone) {
    this.cache = new Cache(onDone);
  }

  /**
   * Take the data of a rerun.
   * @param {CanvasData} data
   */
  take(data) {
    this.data = data;
    this.views = new Map(data.views);
    this.candidates = data.candidates.map(asCandidate);
    this.markedTypes = Object.keys(data.palette.lesions).filter((type) => Object.hasOwn(data.experts, type));
    const views = this.viewNames.map((name) => this.viewKey(name));
    const experts = this.markedTypes.map((type) => this.expertsKey(type));
    this.cache.keepOnly(new Set([...views, ...experts, this.evidenceKey]));
  }

  get width() {
    return this.data.width;
  }

  get height() {
    return this.data.height;
  }

  get palette() {
    return this.data.palette;
  }

  get hasEvidence() {
    return Boolean(this.data.evidence);
  }

  /** Whether there is anything to show beside the photograph. */
  get hasResult() {
    return this.hasEvidence || this.candidates.length > 0 || this.markedTypes.length > 0;
  }

  /** Names of the views in the order of their keys. */
  get viewNames() {
    return [...this.views.keys()];
  }

  /**
   * The bitmap of a view, or null while it is decoded.
   * @param {string} name
   */
  photograph(name) {
    return this.cache.get(this.viewKey(name), () => bitmapOf(this.views.get(name) ?? ""));
  }

  /** The heat map, or null where there is none or while it is decoded. */
  heatMap() {
    const { evidence, heat } = this.data;
    return evidence ? this.cache.get(this.evidenceKey, () => heatMapOf(evidence, heat)) : null;
  }

  /**
   * The expert markings of a type, or null while they are read.
   * @param {string} type
   */
  markings(type) {
    return this.cache.get(this.expertsKey(type), () => markingsOf(this.data.experts[type]));
  }

  /** @param {string} name */
  viewKey(name) {
    return `view ${this.views.get(name)}`;
  }

  get evidenceKey() {
    return `evidence ${this.data.evidence}`;
  }

  /** @param {string} type */
  expertsKey(type) {
    return `experts ${this.data.experts[type]}`;
  }

  /**
   * What is wrong with the layers, in one line; empty if nothing is.
   * @param {string} view the view that is shown
   */
  failure(view) {
    if (this.data.fault) return this.data.fault;
    const lines = [
      [this.viewKey(view), `The view “${view}” ${BROKEN_VIEW}`],
      [this.evidenceKey, "The evidence cannot be decoded; compute it again."],
      ...this.markedTypes.map((type) => [
        this.expertsKey(type),
        `${this.palette.lesions[type].label}: ${BROKEN_MARKINGS}`,
      ]),
    ];
    return lines.find(([key]) => this.cache.hasFailed(key))?.[1] ?? "";
  }

  close() {
    this.cache.keepOnly(new Set());
  }
}

/**
 * @param {Annotation} annotation
 * @returns {Candidate}
 */
function asCandidate(annotation) {
  return { ...annotation, score: annotation.score ?? 0, path: pathOf(annotation), box: boxOf(annotation) };
}

/**
 * The markings in an attachment: a JSON list of annotations.
 * @param {string} name
 * @returns {Promise<Markings>}
 */
async function markingsOf(name) {
  /** @type {Annotation[]} */
  const annotations = await jsonOf(name);
  const path = new Path2D();
  for (const annotation of annotations) path.addPath(pathOf(annotation));
  return { path, boxes: annotations.map(boxOf) };
}

function blank() {
  return { colour: "#000", casing: "#000", dash: [] };
}
