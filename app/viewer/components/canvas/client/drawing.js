// The reader's own lesions: which there are, which is chosen, and every edit of them.

class Drawing {
  constructor(viewer) {
    Object.assign(this, { viewer, lesions: [], draft: null });
  }

  get chosen() {
    return this.lesions.find(({ id }) => id === this.viewer.view.lesion);
  }

  visible() {
    return this.lesions.filter(({ type }) => !this.viewer.view.hidden.has(type));
  }

  /** The smallest one at a point of the file. */
  at(file) {
    const near = this.visible().filter((lesion) => touches(lesion, file, this.reach));
    return near.toSorted((a, b) => boxArea(shapeBox(a)) - boxArea(shapeBox(b)))[0];
  }

  /** The one that a drag from here moves: the chosen one, or another by its outline; else a drag draws a new one. */
  gripped(file) {
    const { chosen, reach } = this;
    if (chosen && touches(chosen, file, reach)) return chosen;
    return this.visible().findLast((lesion) => onOutline(lesion, file, reach));
  }

  get reach() {
    return REACH / this.viewer.viewport.scale;
  }

  choose(id) {
    this.viewer.set({ lesion: id });
    if (this.chosen) this.viewer.prefer({ type: this.chosen.type });
  }

  /** Choose the next lesion and look at it; while drawing, the crosshair goes there. */
  step() {
    const { viewer } = this;
    const lesions = this.visible();
    if (lesions.length === 0) return;
    const next = lesions[(lesions.indexOf(this.chosen) + 1) % lesions.length];
    const middle = middleOf(next);
    viewer.viewport.lookAt(...middle);
    if (viewer.view.tool === "draw") viewer.crosshair = middle;
    this.choose(next.id);
    viewer.say(`Your lesion: ${LESIONS[next.type].label}`);
  }

  /** The type of what is drawn next, and of the chosen lesion. */
  setType(type) {
    const { chosen } = this;
    this.viewer.prefer({ type });
    if (!chosen || chosen.type === type) return;
    this.viewer.view.hidden.delete(type);
    this.replace({ ...chosen, type });
    this.send();
  }

  replace(lesion) {
    this.lesions = this.lesions.map((other) => (other.id === lesion.id ? lesion : other));
    this.viewer.changed();
  }

  sketch(draft) {
    this.draft = draft;
    this.viewer.changed();
  }

  /** Keep what was sketched, or drop it. It is not chosen: the type chosen next is that of the next lesion. */
  finish(keep) {
    const { draft, viewer } = this;
    this.draft = null;
    this.choose(null);
    if (!keep) return;
    viewer.view.hidden.delete(draft.type);
    this.lesions = [...this.lesions, draft];
    viewer.say(`${LESIONS[draft.type].label} drawn`);
    viewer.changed();
    this.send();
  }

  remove() {
    const { chosen, viewer } = this;
    if (!chosen) return;
    this.lesions = this.lesions.filter((lesion) => lesion !== chosen);
    this.choose(null);
    viewer.say(`${LESIONS[chosen.type].label} deleted`);
    this.send();
  }

  send() {
    this.viewer.exchange.sendDrawn(this.lesions);
  }
}
