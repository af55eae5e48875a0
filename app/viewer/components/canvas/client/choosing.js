// Lesion candidates: which are shown, which is chosen, and how one is reached.

class Candidates {
  constructor(viewer) {
    this.viewer = viewer;
  }

  /** Those that reach the threshold. */
  listed() {
    const { candidates, data } = this.viewer.scene;
    return candidates.filter(({ score }) => score >= data.threshold);
  }

  visible() {
    const { overlay, candidates } = this.viewer.view;
    return overlay && candidates ? this.listed() : [];
  }

  named(id) {
    return this.viewer.scene.candidates.find((candidate) => candidate.id === id);
  }

  get chosen() {
    return this.named(this.viewer.view.selected);
  }

  /** The smallest of the visible ones at a point of the file. */
  at(file) {
    const reach = REACH / this.viewer.viewport.scale;
    const near = this.visible().filter(({ box }) => isWithin(file, box, reach));
    return near.toSorted((a, b) => boxArea(a.box) - boxArea(b.box))[0];
  }

  /** Choose one, or none, and tell Python. */
  choose(id, patiently = false) {
    const { viewer } = this;
    if (id === viewer.view.selected) return;
    viewer.set({ selected: id });
    if (this.chosen) viewer.say(`Candidate ${id}, score ${this.chosen.score.toFixed(2)}`);
    viewer.exchange.sendSelected(id, patiently);
  }

  /** The one that Python asks for is chosen and looked at, once, without telling Python. */
  goTo(id) {
    const { viewer } = this;
    if (id === viewer.view.goto) return;
    viewer.view.goto = id;
    const candidate = this.named(id);
    if (!candidate) return;
    viewer.view.selected = id;
    viewer.whenMeasured(() => viewer.viewport.lookAtBox(candidate.box));
  }

  /** Choose the next (+1) or former (-1) in Python's order and look at it. */
  step(by) {
    const listed = this.listed();
    if (listed.length === 0) return;
    const start = this.chosen ? listed.indexOf(this.chosen) : Math.min(-by, 0);
    const next = listed.at((start + by) % listed.length);
    this.viewer.viewport.lookAtBox(next.box);
    this.choose(next.id, true);
    this.viewer.redraw();
  }
}

function isWithin([x, y], [x0, y0, x1, y1], reach) {
  return x >= x0 - 0.5 - reach && x < x1 - 0.5 + reach && y >= y0 - 0.5 - reach && y < y1 - 0.5 + reach;
}

function boxArea([x0, y0, x1, y1]) {
  return (x1 - x0) * (y1 - y0);
}
