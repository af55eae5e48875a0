// The canvas: what is shown, by which tool it is changed, and all that a command or a gesture may change.

import { find, findAll, setText } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { Candidates } from "./candidates.js";
import { COMMANDS } from "./commands.js";
import { Controls } from "./controls.js";
import { DrawnLesions } from "./drawn_lesions.js";
import { listen } from "./events.js";
import { FellowEye } from "./fellow_eye.js";
import { clamp } from "./geometry.js";
import { Layers } from "./layers.js";
import { newPreferences, newView, pageState } from "./page_state.js";
import { paint } from "./painter.js";
import { showReadout } from "./readout.js";
import { limited, TonedPicture } from "./tone.js";
import { Tools } from "./tools.js";
import { Viewport } from "./viewport.js";

/** @import { Box, Point } from "./geometry.js" */
/** @import { CommandName } from "./commands.js" */
/** @import { CanvasData } from "./layers.js" */
/** @import { Pane } from "./painter.js" */
/** @import { Preferences, View } from "./page_state.js" */
/** @import { Tone } from "./tone.js" */

const SETTLED = 160; // milliseconds without a change after which the picture is drawn finely
const EXPERTS = /** @type {const} */ (["hidden", "beside", "over"]);

export class CanvasController {
  key = "";
  /** The photograph that is shown; "" while one is being opened. */
  image = "";
  view = newView("", 0);
  preferences = newPreferences("");
  viewport = new Viewport();
  layers = new Layers(() => this.changed());
  candidates = new Candidates(this);
  drawn = new DrawnLesions(this);
  tools = new Tools(this);
  toned = new TonedPicture();
  listening = new AbortController();
  /** @type {{ pane: Pane, screen: Point } | null} */
  pointer = null;
  frame = 0;
  /** @type {number | undefined} */
  settling;
  measured = false;
  /** @type {(() => void) | null} */
  onMeasured = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.panes = findAll(root, ".pane:not(.fellow)", HTMLElement).map(paneOf);
    this.controls = new Controls(this);
    this.fellow = new FellowEye(this);
    listen(this, this.listening.signal);
    examination.onChange(() => this.follow(), this.listening.signal);
    const { signal } = this.listening;
    examination.changes.addEventListener("edit", (event) => event instanceof CustomEvent && this.edit(event.detail), { signal });
    examination.mount("canvas", this);
  }

  /**
   * Take the data of a rerun, to be shown when the examination has its snapshot.
   * @param {CanvasData} data
   */
  take(data) {
    this.layers.take(data);
    this.controls.offer(this.layers.viewNames, data.palette);
    if (!pageState.active?.root.isConnected) pageState.active = this;
  }

  /** Show the examination. */
  follow() {
    const { shown } = examination;
    const image = shown.image === this.layers.data.image ? shown.image : "";
    if (image !== this.image) {
      this.close();
      this.image = image;
      this.root.dataset.image = image;
      if (image) this.open(this.layers.data);
    }
    this.candidates.look();
    this.changed();
  }

  /**
   * Choose a lesion with the tool that moves it.
   * @param {string} id
   */
  edit(id) {
    this.tools.set("draw");
    this.drawn.choose(id);
  }

  /** Show nothing until the next photograph comes; how this one was looked at is kept. */
  close() {
    if (this.tools.gesture) this.tools.giveUp();
    this.tools.crosshair = null;
    this.image = "";
    this.view = newView("", 0);
    this.say("");
  }

  /**
   * Begin with an image, or go on with one that was shown before.
   * @param {CanvasData} data
   */
  open({ key, image, width, height, opacity, palette }) {
    const left = pageState.views.get(`${key} ${image}`);
    this.key = key;
    this.root.style.setProperty("--aspect", `${width} / ${height}`);
    this.viewport.show(width, height);
    this.preferences = pageState.preferences.get(key) ?? newPreferences(Object.keys(palette.lesions)[0]);
    this.view = left?.view ?? newView(this.layers.viewNames[0] ?? "", opacity);
    if (left) this.viewport.place = left.place;
    this.drawn.draft = null;
    this.candidates.seen = examination.review.selected;
  }

  /**
   * @param {CommandName} command
   * @param {string} [value]
   */
  run(command, value = "") {
    COMMANDS[command](this, value);
  }

  /** @param {Partial<View>} changes */
  set(changes) {
    Object.assign(this.view, changes);
    this.changed();
  }

  /** @param {Partial<Preferences>} changes */
  prefer(changes) {
    Object.assign(this.preferences, changes);
    this.changed();
  }

  /** Something has changed that controls or panes show. */
  changed() {
    this.controls.refresh();
    this.root.dataset.tool = this.view.tool;
    this.panes[0].element.hidden = !this.showsTwo;
    this.fellow.follow();
    this.root.dataset.side = this.layers.data.side;
    this.root.toggleAttribute("data-both", this.fellow.isShown);
    this.controls.name(this.mainPane.element);
    this.redraw();
  }

  /** Something has changed that panes show. */
  redraw() {
    if (this.image) this.remember();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.paint(true), SETTLED);
    this.frame ||= requestAnimationFrame(() => this.paint(false));
  }

  /** How the photograph is looked at, for when it is shown again. */
  remember() {
    const { key, image, view, preferences, viewport } = this;
    pageState.views.set(`${key} ${image}`, { view, place: viewport.place });
    pageState.preferences.set(key, preferences);
  }

  /** @param {boolean} fine */
  paint(fine) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    for (const pane of this.panes) if (!pane.element.hidden) paint(this, pane, fine);
    if (this.fellow.isShown) this.fellow.paint(fine);
    else this.root.dataset.fellow = "";
    const failure = this.image ? this.layers.failure(this.viewName) : "";
    setText(find(this.root, "[role=alert]", HTMLElement), failure);
    find(this.root, ".waiting", HTMLElement).hidden = Boolean(failure || this.photograph);
    this.root.dataset.selected = examination.chosen?.id ?? "";
    this.root.dataset.outlines = String(this.candidates.visible().length);
    showReadout(this);
  }

  /** The name of the chosen view, or of the first one while the chosen one is made. */
  get viewName() {
    return this.layers.views.has(this.view.name) ? this.view.name : (this.layers.viewNames[0] ?? "");
  }

  /** The shown view in its tone, or null while there is none. */
  get photograph() {
    const bitmap = this.image ? this.layers.photograph(this.viewName) : null;
    return bitmap && this.toned.of(bitmap, this.view.tone);
  }

  /** @param {Tone} tone */
  setTone(tone) {
    this.set({ tone: limited(tone) });
  }

  /**
   * Take a change back, or make it again; the lesion that was chosen may be gone.
   * @param {"undo" | "redo"} way
   */
  goBack(way) {
    const done = { undo: "Taken back", redo: "Made again" };
    const nothing = { undo: "Nothing to take back", redo: "Nothing to make again" };
    this.say((examination.goBack(way) ? done : nothing)[way]);
    if (!this.drawn.chosen) this.set({ lesion: null });
  }

  /** Show the other eye beside this one, or no longer. */
  toggleBoth() {
    const { fellow } = this.layers.data;
    if (!this.image || !fellow) {
      this.say("No photograph of the other eye is known");
      return;
    }
    this.prefer({ both: !this.preferences.both });
    this.say(this.preferences.both ? `With the ${fellow.side} eye for comparison` : "This eye alone");
  }

  /** Delete the chosen lesion, or with the tool of the disc its mark. */
  remove() {
    if (this.view.tool !== "disc") this.drawn.remove();
    else if (this.image && examination.work.disc) {
      examination.setDisc(null);
      this.say("Mark of the optic disc deleted");
    }
  }

  /** @param {string} line */
  say(line) {
    find(this.root, "[role=status]", HTMLElement).textContent = line;
  }

  // ---- what is shown

  /**
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.viewport.pan(dx, dy);
    this.redraw();
  }

  /**
   * @param {number} factor
   * @param {Point} [screen] the point that stays where it is
   */
  zoom(factor, screen) {
    this.viewport.zoomAt(factor, screen);
    this.redraw();
  }

  fit() {
    this.viewport.reset();
    this.fellow.viewport.reset();
    this.redraw();
  }

  /** @param {string} type */
  toggleType(type) {
    if (!this.view.hidden.delete(type)) this.view.hidden.add(type);
    this.changed();
  }

  /**
   * Whether there is a marking or a drawn lesion of a type.
   * @param {string} type
   */
  occurs(type) {
    return this.layers.markedTypes.includes(type) || this.drawn.all.some((lesion) => lesion.type === type);
  }

  /**
   * Show expert markings "over" the evidence, "beside" it or not at all; the next of these where none is named.
   * @param {string} place
   */
  setExperts(place) {
    if (this.layers.markedTypes.length === 0) return;
    const next = EXPERTS[(EXPERTS.indexOf(this.view.experts) + 1) % EXPERTS.length];
    this.set({ experts: EXPERTS.find((one) => one === place) ?? next });
    this.say(`Expert markings ${this.view.experts}`);
  }

  /** @param {Pane} pane */
  showsExperts(pane) {
    const { experts } = this.view;
    if (experts === "over") return pane.evidence;
    return experts === "beside" && (!pane.evidence || !this.showsTwo);
  }

  /** Whether the bare photograph stands beside the one with evidence. */
  get showsTwo() {
    return this.preferences.two && this.layers.hasResult && !this.fellow.isShown;
  }

  get dialog() {
    return find(this.root, "dialog", HTMLDialogElement);
  }

  get dialogOpen() {
    return this.dialog.open;
  }

  showHelp() {
    this.dialog.showModal();
  }

  /**
   * Choose what lies at a point: a lesion of the reader, else a candidate, else nothing.
   * @param {Point} file
   */
  choose(file) {
    const lesion = this.drawn.at(file);
    this.drawn.choose(lesion?.id ?? null);
    this.candidates.choose((lesion ? null : this.candidates.at(file)?.id) ?? null);
  }

  /** @returns {Box} */
  get photographBox() {
    return [-0.5, -0.5, this.layers.width - 0.5, this.layers.height - 0.5];
  }

  /**
   * The point of the photograph that is nearest to a point.
   * @param {Point} file
   * @returns {Point}
   */
  onPhotograph([x, y]) {
    const [x0, y0, x1, y1] = this.photographBox;
    return [clamp(x, x0, x1), clamp(y, y0, y1)];
  }

  // ---- place on the page

  /** The pane that is always shown. */
  get mainPane() {
    return this.panes[this.panes.length - 1];
  }

  focusPane() {
    this.mainPane.element.focus();
  }

  /**
   * The panes have this size now.
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.viewport.resize(width, height);
    this.measured = true;
    this.onMeasured?.();
    this.onMeasured = null;
    this.redraw();
  }

  /**
   * Act as soon as the panes have a size.
   * @param {() => void} act
   */
  whenMeasured(act) {
    if (this.measured) act();
    else this.onMeasured = act;
  }

  leave() {
    this.listening.abort();
    examination.unmount("canvas", this);
    clearTimeout(this.settling);
    cancelAnimationFrame(this.frame);
    this.layers.close();
    this.fellow.cache.keepOnly(new Set());
    if (pageState.active === this) pageState.active = null;
  }
}

/**
 * @param {HTMLElement} pane
 * @returns {Pane}
 */
function paneOf(pane) {
  const canvas = find(pane, "canvas", HTMLCanvasElement);
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Error("no 2D context");
  return { element: pane, canvas, context, evidence: "evidence" in pane.dataset };
}
