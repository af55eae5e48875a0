// Where the panes look. A point of the file has the centre of the first pixel at (0, 0); a point of the screen is in
// CSS pixels from the upper left corner of a pane. With scale s = fit * zoom, the file's point (x, y) is shown at
//     ((x - view.x) * s + width / 2,  (y - view.y) * s + height / 2).

const MOST_ZOOM_PIXELS = 40; // CSS pixels that one pixel of the file may fill
const WHOLE = 1;

class Viewport {
  constructor() {
    this.resize(1, 1);
    this.show(1, 1);
  }

  /** Size of a pane in CSS pixels. */
  resize(width, height) {
    Object.assign(this, { width: Math.max(1, width), height: Math.max(1, height) });
  }

  /** Size of the file, and the whole of it in the middle. */
  show(fileWidth, fileHeight) {
    Object.assign(this, { fileWidth, fileHeight });
    this.reset();
  }

  reset() {
    Object.assign(this, { zoom: WHOLE, x: (this.fileWidth - 1) / 2, y: (this.fileHeight - 1) / 2 });
  }

  get fit() {
    return Math.min(this.width / this.fileWidth, this.height / this.fileHeight);
  }

  get scale() {
    return this.fit * this.zoom;
  }

  toScreen([x, y]) {
    return [(x - this.x) * this.scale + this.width / 2, (y - this.y) * this.scale + this.height / 2];
  }

  toFile([x, y]) {
    return [(x - this.width / 2) / this.scale + this.x, (y - this.height / 2) / this.scale + this.y];
  }

  /** Zoom by a factor; the file's point under `screen` stays there. */
  zoomAt(factor, screen = [this.width / 2, this.height / 2]) {
    const [x, y] = this.toFile(screen);
    this.zoom = clamp(this.zoom * factor, WHOLE, Math.max(WHOLE, MOST_ZOOM_PIXELS / this.fit));
    const [newX, newY] = this.toFile(screen);
    this.lookAt(this.x + x - newX, this.y + y - newY);
  }

  /** Move the picture by CSS pixels. */
  pan(dx, dy) {
    this.lookAt(this.x - dx / this.scale, this.y - dy / this.scale);
  }

  /** Put a point of the file in the middle, as far as the picture then still fills the pane. */
  lookAt(x, y) {
    this.x = centred(x, this.width / this.scale, this.fileWidth);
    this.y = centred(y, this.height / this.scale, this.fileHeight);
  }

  /** Put a box of the file in the middle, at about a quarter of the pane's side. */
  lookAtBox([x0, y0, x1, y1]) {
    const side = Math.max(x1 - x0, y1 - y0, 1);
    const wanted = Math.min(this.width, this.height) / 4 / side / this.fit;
    this.zoom = clamp(wanted, Math.max(WHOLE, Math.min(this.zoom, 4)), 8);
    this.lookAt((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2);
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** A middle from which a window of `seen` pixels shows no more than a quarter of itself beyond `size` pixels. */
function centred(middle, seen, size) {
  const [low, high] = [seen / 4 - 0.5, size - seen / 4 - 0.5];
  return low > high || seen >= size ? (size - 1) / 2 : clamp(middle, low, high);
}
