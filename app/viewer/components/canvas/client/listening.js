// Mouse, wheel, keyboard and size: from the page's events to the viewer's methods.

const WHEEL = 0.0016; // of the logarithm of the zoom per pixel of wheel
const WHEEL_UNITS = [1, 16, 400]; // pixels, lines, pages
const MIDDLE = 1;

/** Listen until the returned controller aborts. */
function listen(viewer) {
  const listening = new AbortController();
  const { signal } = listening;
  for (const pane of viewer.panes) listenToPane(viewer, pane, signal);
  document.addEventListener("keydown", (event) => pressKey(event, viewer) && event.preventDefault(), { signal });
  for (const name of ["focusin", "pointerenter"]) {
    viewer.root.addEventListener(name, () => (shared.active = viewer), { signal });
  }
  viewer.resizing = new ResizeObserver(() => {
    const { clientWidth, clientHeight } = viewer.panes.at(-1).canvas;
    if (clientWidth && clientHeight) viewer.resize(clientWidth, clientHeight);
  });
  viewer.resizing.observe(viewer.panes.at(-1).canvas);
  return listening;
}

function listenToPane(viewer, pane, signal) {
  const { canvas } = pane;
  const handlers = {
    pointerdown: (event) => press(viewer, pane, event),
    pointermove: (event) => move(viewer, pane, event),
    pointerup: () => viewer.end(),
    pointercancel: () => viewer.giveUp(),
    pointerleave: () => {
      viewer.pointer = null;
      viewer.redraw();
    },
  };
  for (const [name, handler] of Object.entries(handlers)) canvas.addEventListener(name, handler, { signal });
  canvas.addEventListener("wheel", (event) => turn(viewer, event), { signal, passive: false });
}

function press(viewer, pane, event) {
  if (event.button > MIDDLE || viewer.gesture) return;
  event.preventDefault();
  pane.element.focus({ preventScroll: true });
  pane.canvas.setPointerCapture(event.pointerId);
  viewer.crosshair = null;
  const tool = event.button === MIDDLE ? "pan" : viewer.view.tool;
  viewer.begin(tool, viewer.viewport.toFile(at(event)), at(event));
}

function move(viewer, pane, event) {
  const screen = at(event);
  viewer.pointer = { pane, screen };
  viewer.root.toggleAttribute("data-grip", Boolean(viewer.drawing.gripped(viewer.viewport.toFile(screen))));
  if (pane.canvas.hasPointerCapture(event.pointerId)) viewer.drag(screen);
  viewer.redraw();
}

function turn(viewer, event) {
  event.preventDefault();
  viewer.zoom(Math.exp(-event.deltaY * WHEEL_UNITS[event.deltaMode] * WHEEL), at(event));
}

function at({ offsetX, offsetY }) {
  return [offsetX, offsetY];
}

/** Show position, evidence, zoom and length. */
function readOut(viewer) {
  const { scene, viewport, view, root } = viewer;
  const file = viewer.crosshair ?? (viewer.pointer && viewport.toFile(viewer.pointer.screen));
  const inside = file && file.every((value, i) => value >= -0.5 && value < [scene.width, scene.height][i] - 0.5);
  const evidence = inside && scene.evidence();
  const value = evidence ? evidenceAt(evidence, file, scene.width, scene.height) : null;
  const lines = {
    position: inside ? `x ${Math.round(file[0])}  y ${Math.round(file[1])}` : "",
    value: value === null ? "" : `evidence ${value.toFixed(2)}`,
    zoom: `zoom ${viewport.zoom.toFixed(1)}×`,
    length: view.measure ? `length ${distance(...view.measure).toFixed(1)} px` : "",
  };
  for (const [name, line] of Object.entries(lines)) setText(root.querySelector(`[data-readout=${name}]`), line);
}

/** Change a text only if it differs: a screen reader reads what is changed. */
function setText(element, line) {
  if (element.textContent !== line) element.textContent = line;
}
