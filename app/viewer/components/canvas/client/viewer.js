// The canvas itself: what is looked at, by which tool, and everything that a command or a gesture may change.

const SETTLED = 160; // milliseconds without a change after which the picture is drawn finely

class Viewer {
  constructor(root) {
    this.root = root;
    this.preferences = { two: true, everywhere: true, type: Object.keys(LESIONS)[0], kind: "circle" };
    this.view = freshView(null);
    this.viewport = new Viewport();
    this.exchange = new Exchange();
    Object.assign(this, { gesture: null, pointer: null, crosshair: null, frame: 0 });
    this.drawing = new Drawing(this);
    this.candidates = new Candidates(this);
    this.scene = new Scene(() => this.changed());
    this.panes = [...root.querySelectorAll(".pane")].map(paneOf);
    this.controls = new Controls(this);
    this.listening = listen(this);
  }

  /** Show the data of a rerun. */
  take(data, setStateValue) {
    this.exchange.setStateValue = setStateValue;
    const sameImage = this.scene.data.image === data.image;
    this.scene.take(data);
    if (!sameImage) this.open(data);
    if (!this.scene.viewNames.includes(this.view.name)) this.view.name = this.scene.viewNames[0];
    this.drawing.lesions = this.exchange.adopt(data.drawn) ?? this.drawing.lesions;
    this.candidates.goTo(data.goto);
    this.controls.offerViews(this.scene.viewNames);
    if (!shared.active?.root.isConnected) shared.active = this;
    this.changed();
  }

  /** Begin with another image, or go on with the one this canvas was left with. */
  open({ key, image, width, height }) {
    const left = shared.views.get(key);
    this.key = key;
    this.giveUp();
    this.exchange.begin(image);
    this.root.dataset.image = image;
    tellShown(image);
    this.root.style.setProperty("--aspect", `${width} / ${height}`);
    this.viewport.show(width, height);
    if (left) this.preferences = left.preferences;
    this.view = left?.image === image ? left.view : freshView(this.scene.viewNames[0]);
    if (left?.image === image) Object.assign(this.viewport, left.place);
    Object.assign(this.drawing, { lesions: [], draft: null });
  }

  run(command, value) {
    COMMANDS[command](this, value);
  }

  set(changes) {
    Object.assign(this.view, changes);
    this.changed();
  }

  prefer(changes) {
    Object.assign(this.preferences, changes);
    this.changed();
  }

  /** Something changed that controls or panes show. */
  changed() {
    this.controls.refresh();
    this.root.dataset.tool = this.view.tool;
    this.panes[0].element.hidden = !this.preferences.two;
    this.redraw();
  }

  redraw() {
    if (this.key) shared.views.set(this.key, this.left());
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.paint(true), SETTLED);
    this.frame ||= requestAnimationFrame(() => this.paint(false));
  }

  left() {
    const { zoom, x, y } = this.viewport;
    return { image: this.scene.data.image, view: this.view, preferences: this.preferences, place: { zoom, x, y } };
  }

  paint(fine) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    for (const pane of this.panes) if (!pane.element.hidden) paint(this, pane, fine);
    const failure = this.scene.failure(this.view.name);
    setText(this.root.querySelector("[role=alert]"), failure);
    this.root.querySelector(".waiting").hidden = Boolean(failure || this.scene.photograph(this.view.name));
    readOut(this);
  }

  say(line) {
    this.root.querySelector("[role=status]").textContent = line;
  }

  // ---- looking

  pan(dx, dy) {
    this.viewport.pan(dx, dy);
    this.redraw();
  }

  zoom(factor, screen) {
    this.viewport.zoomAt(factor, screen);
    this.redraw();
  }

  fit() {
    this.viewport.reset();
    this.redraw();
  }

  toggleType(type) {
    if (!this.view.hidden.delete(type)) this.view.hidden.add(type);
    this.changed();
  }

  /** Put the experts' markings "hidden", "beside" (on the plain pane) or "over"; the next of these if none is named. */
  setExperts(place) {
    const places = ["hidden", "beside", "over"];
    if (this.scene.markedTypes.length === 0) return;
    this.set({ experts: place ?? places[(places.indexOf(this.view.experts) + 1) % places.length] });
    this.say(`Expert markings ${this.view.experts}`);
  }

  showsExperts(pane) {
    const { experts } = this.view;
    return experts === "over" ? pane.evidence : experts === "beside" && (!pane.evidence || !this.preferences.two);
  }

  showHelp() {
    this.root.querySelector("dialog").showModal();
  }

  get dialogOpen() {
    return this.root.querySelector("dialog").open;
  }

  // ---- tools

  setTool(tool) {
    this.giveUp();
    this.set({ tool });
    this.say({ pan: "Move", measure: "Measure: drag a line", draw: "Draw: drag a lesion" }[tool]);
  }

  /** Choose what lies at a point: a lesion of the reader's, else a candidate, else nothing. */
  pick(file) {
    const lesion = this.drawing.at(file);
    this.drawing.choose(lesion?.id ?? null);
    this.candidates.choose((lesion ? null : this.candidates.at(file)?.id) ?? null);
  }

  /** A line or a lesion begins on the photograph only. */
  begin(tool, file, screen) {
    const outside = distance(file, this.onPhotograph(file)) > 0;
    if (tool === "pan" || !outside) this.gesture = TOOLS[tool](this, file, screen);
  }

  drag(screen) {
    this.gesture?.move(this.onPhotograph(this.viewport.toFile(screen)), screen);
  }

  /** The point of the photograph that is nearest to a point. */
  onPhotograph([x, y]) {
    return [clamp(x, -0.5, this.scene.width - 0.5), clamp(y, -0.5, this.scene.height - 0.5)];
  }

  end() {
    this.gesture?.end();
    this.gesture = null;
    this.changed();
  }

  /** Give up what was begun; else forget the measurement and what was chosen. */
  giveUp() {
    if (this.gesture) this.gesture.cancel();
    else Object.assign(this.view, { measure: null, lesion: null });
    Object.assign(this, { gesture: null, crosshair: null });
    this.changed();
  }

  /** An arrow key: moves the picture, or in the other tools the crosshair. */
  arrow([dx, dy], byPixel) {
    if (this.view.tool === "pan") return this.pan(-dx * STEP, -dy * STEP);
    const step = byPixel ? 1 : CROSSHAIR_STEP / this.viewport.scale;
    const [x, y] = this.crosshair ?? [this.viewport.x, this.viewport.y];
    const { width, height } = this.scene;
    this.crosshair = [clamp(x + dx * step, 0, width - 1), clamp(y + dy * step, 0, height - 1)];
    this.follow(this.crosshair);
    this.gesture?.move(this.crosshair, this.viewport.toScreen(this.crosshair));
    return this.changed();
  }

  /** Keep a point of the file in sight. */
  follow(file) {
    const { width, height } = this.viewport;
    const [x, y] = this.viewport.toScreen(file);
    const beyond = (value, size) => Math.min(value - 20, 0) + Math.max(value - size + 20, 0);
    this.viewport.pan(-beyond(x, width), -beyond(y, height));
  }

  /** Enter: begins at the crosshair, or ends there. */
  pressCrosshair() {
    this.crosshair ??= [this.viewport.x, this.viewport.y];
    if (this.gesture) this.end();
    else this.begin(this.view.tool, this.crosshair, this.viewport.toScreen(this.crosshair));
    this.changed();
  }

  // ---- place on the page

  focusPane() {
    this.panes.at(-1).element.focus();
  }

  /** The panes have a size now. */
  resize(width, height) {
    this.viewport.resize(width, height);
    this.measured = true;
    this.onMeasured?.();
    this.onMeasured = null;
    this.redraw();
  }

  whenMeasured(act) {
    if (this.measured) act();
    else this.onMeasured = act;
  }

  leave() {
    this.listening.abort();
    this.resizing.disconnect();
    clearTimeout(this.settling);
    cancelAnimationFrame(this.frame);
    this.scene.shelf.keepOnly(new Set());
    if (shared.active === this) shared.active = null;
  }
}

function freshView(name) {
  const overlays = { overlay: false, heat: true, candidates: true, opacity: 0.85 };
  const chosen = { selected: null, lesion: null, goto: null };
  return { name, ...overlays, experts: "hidden", hidden: new Set(), tool: "pan", measure: null, ...chosen };
}

function paneOf(element) {
  const canvas = element.querySelector("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  return { element, canvas, context, evidence: "evidence" in element.dataset };
}
