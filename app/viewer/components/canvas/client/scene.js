// The data of one rerun, and the pictures in it, each made when it is first needed and kept while it is named.

const RED_FREE = "red-free";
const BROKEN_VIEW = "cannot be decoded; choose another view or open the photograph again.";
const BROKEN_MARKINGS = "the expert markings cannot be decoded; open the photograph again.";

class Scene {
  /** `onDone` is called when a picture has been made, or could not be. */
  constructor(onDone) {
    this.shelf = new Shelf(onDone);
    this.take({ image: null, width: 1, height: 1, views: [], candidates: [], markings: {} });
  }

  /** Take the data of a rerun. */
  take(data) {
    this.data = data;
    this.views = new Map(data.views);
    this.candidates = data.candidates.map((mark) => ({ ...mark, path: candidatePath(mark) }));
    this.markedTypes = Object.keys(LESIONS).filter((type) => Object.hasOwn(data.markings, type));
    const { viewNames, markedTypes } = this;
    this.shelf.keepOnly(
      new Set([
        ...viewNames.map((name) => this.viewKey(name)),
        ...markedTypes.map((type) => this.outlineKey(type)),
        this.evidenceKey,
      ]),
    );
  }

  get width() {
    return this.data.width;
  }

  get height() {
    return this.data.height;
  }

  get hasEvidence() {
    return Boolean(this.data.evidence);
  }

  /** Names of the views in the order of their keys; the red-free one is derived where it is not given. */
  get viewNames() {
    const names = [...this.views.keys()];
    return names.length === 0 || names.includes(RED_FREE) ? names : names.toSpliced(1, 0, RED_FREE);
  }

  /** The bitmap of a view, or null while it is decoded. */
  photograph(name) {
    const given = this.views.get(name);
    const [first] = this.views.values();
    return this.shelf.get(this.viewKey(name), () => (given ? bitmapOf(given) : redFreeOf(first)));
  }

  /** The evidence, or null where there is none or while it is decoded. */
  evidence() {
    const { evidence, fraction, floor } = this.data;
    return evidence ? this.shelf.get(this.evidenceKey, () => evidenceOf(evidence, fraction, floor)) : null;
  }

  /** The outlines of the experts' markings of a type, or null while they are traced. */
  outlines(type) {
    const { width, height, markings } = this.data;
    return this.shelf.get(this.outlineKey(type), () => outlinesOf(markings[type], width, height));
  }

  viewKey(name) {
    return `view ${name} ${this.views.get(name) ?? [...this.views.values()][0]}`;
  }

  get evidenceKey() {
    return `evidence ${this.data.evidence}`;
  }

  outlineKey(type) {
    return `markings ${type} ${this.data.markings[type]} ${this.data.width} ${this.data.height}`;
  }

  /** What is wrong with the pictures of a view, in one line; empty if nothing is. */
  failure(name) {
    const lines = [
      [this.viewKey(name), `The view “${name}” ${BROKEN_VIEW}`],
      [this.evidenceKey, "The evidence cannot be decoded; compute it again."],
      ...this.markedTypes.map((type) => [this.outlineKey(type), `${LESIONS[type].label}: ${BROKEN_MARKINGS}`]),
    ];
    return lines.find(([key]) => this.shelf.hasFailed(key))?.[1] ?? "";
  }
}

function candidatePath({ contour, box: [x0, y0, x1, y1] }) {
  const path = new Path2D();
  if (contour.length > 2) closed(path, contour);
  else path.rect(x0 - 0.5, y0 - 0.5, x1 - x0, y1 - y0);
  return path;
}
