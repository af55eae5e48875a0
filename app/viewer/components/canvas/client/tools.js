// What a drag does, by tool. A gesture begins at a point, is moved and ends or is cancelled; the mouse and the keyboard
// drive the same gestures. Points come as `file` (pixels of the file) and `screen` (CSS pixels in the pane).

const CLICK = 4; // CSS pixels that a click may wander
const REACH = 10; // CSS pixels around a small thing that count as on it
const POLYGON_STEP = 3; // CSS pixels between the vertices of a freehand line
const LEAST_RADIUS = 3; // CSS pixels below which a circle was a slip of the hand

class PanGesture {
  constructor(viewer, file, screen) {
    Object.assign(this, { viewer, file, start: screen, last: screen, wandered: false });
  }

  move(file, screen) {
    this.wandered ||= distance(this.start, screen) > CLICK;
    if (this.wandered) this.viewer.pan(screen[0] - this.last[0], screen[1] - this.last[1]);
    this.last = screen;
  }

  end() {
    if (!this.wandered) this.viewer.pick(this.file);
  }

  cancel() {}
}

class MeasureGesture {
  constructor(viewer, file) {
    Object.assign(this, { viewer, former: viewer.view.measure });
    viewer.view.measure = [file, file];
  }

  move(file) {
    this.viewer.view.measure = [this.viewer.view.measure[0], file];
    this.viewer.changed();
  }

  end() {
    const [from, to] = this.viewer.view.measure;
    if (distance(from, to) === 0) this.cancel();
    else this.viewer.say(`Measured ${distance(from, to).toFixed(1)} pixels of the file`);
  }

  cancel() {
    this.viewer.view.measure = this.former;
    this.viewer.changed();
  }
}

class CircleGesture {
  constructor(viewer, file) {
    Object.assign(this, { viewer, centre: file });
    this.move(file);
  }

  move(file) {
    const { drawing, preferences } = this.viewer;
    drawing.sketch(circle(preferences.type, this.centre, distance(this.centre, file)));
  }

  end() {
    const { drawing, viewport } = this.viewer;
    drawing.finish(drawing.draft.radius * viewport.scale >= LEAST_RADIUS);
  }

  cancel() {
    this.viewer.drawing.finish(false);
  }
}

class PolygonGesture {
  constructor(viewer, file) {
    Object.assign(this, { viewer, points: [file] });
    this.move(file);
  }

  move(file) {
    const { viewport, preferences, drawing } = this.viewer;
    if (distance(this.points.at(-1), file) * viewport.scale >= POLYGON_STEP) this.points.push(file);
    drawing.sketch(polygon(preferences.type, this.points));
  }

  end() {
    const { scale } = this.viewer.viewport;
    const large = this.points.length >= 3 && areaOf(this.points) * scale ** 2 >= LEAST_RADIUS ** 2;
    this.viewer.drawing.finish(large);
  }

  cancel() {
    this.viewer.drawing.finish(false);
  }
}

class MoveGesture {
  constructor(viewer, file, lesion) {
    Object.assign(this, { viewer, file, lesion });
    viewer.drawing.choose(lesion.id);
  }

  move([x, y]) {
    const middle = middleOf(this.lesion);
    const wanted = [middle[0] + x - this.file[0], middle[1] + y - this.file[1]];
    const [newX, newY] = this.viewer.onPhotograph(wanted);
    this.viewer.drawing.replace(moved(this.lesion, newX - middle[0], newY - middle[1]));
  }

  end() {
    const { drawing } = this.viewer;
    if (JSON.stringify(drawing.chosen) !== JSON.stringify(this.lesion)) drawing.send();
  }

  cancel() {
    this.viewer.drawing.replace(this.lesion);
  }
}

const DRAWING = { circle: CircleGesture, polygon: PolygonGesture };

const TOOLS = {
  pan: (viewer, file, screen) => new PanGesture(viewer, file, screen),
  measure: (viewer, file) => new MeasureGesture(viewer, file),
  draw: (viewer, file) => {
    const lesion = viewer.drawing.gripped(file);
    return lesion ? new MoveGesture(viewer, file, lesion) : new DRAWING[viewer.preferences.kind](viewer, file);
  },
};
