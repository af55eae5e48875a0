// Buttons and other controls: each carries the name of its command, and shows the state that the command changes.

const COMMANDS = {
  overlay: (viewer) => viewer.set({ overlay: !viewer.view.overlay }),
  heat: (viewer) => viewer.set({ heat: !viewer.view.heat }),
  candidates: (viewer) => viewer.set({ candidates: !viewer.view.candidates }),
  opacity: (viewer, percent) => viewer.set({ opacity: Number(percent) / 100 }),
  view: (viewer, name) => viewer.set({ name }),
  type: (viewer, type) => viewer.toggleType(type),
  experts: (viewer, place) => viewer.setExperts(place),
  tool: (viewer, tool) => viewer.setTool(tool),
  kind: (viewer, kind) => viewer.prefer({ kind }),
  lesionType: (viewer, type) => viewer.drawing.setType(type),
  deleteLesion: (viewer) => viewer.drawing.remove(),
  two: (viewer) => viewer.prefer({ two: !viewer.preferences.two }),
  everywhere: (viewer, on) => viewer.prefer({ everywhere: on }),
  zoomIn: (viewer) => viewer.zoom(1.4),
  zoomOut: (viewer) => viewer.zoom(1 / 1.4),
  fit: (viewer) => viewer.fit(),
  nextCandidate: (viewer) => viewer.candidates.step(1),
  previousCandidate: (viewer) => viewer.candidates.step(-1),
  nextLesion: (viewer) => viewer.drawing.step(),
  help: (viewer) => viewer.showHelp(),
};

/** Whether a toggle is on. */
const PRESSED = {
  overlay: ({ view }) => view.overlay,
  heat: ({ view }) => view.heat,
  candidates: ({ view }) => view.candidates,
  view: ({ view }, name) => view.name === name,
  type: ({ view }, type) => !view.hidden.has(type),
  tool: ({ view }, tool) => view.tool === tool,
  kind: ({ preferences }, kind) => preferences.kind === kind,
  two: ({ preferences }) => preferences.two,
};

const VALUE = {
  opacity: ({ view }) => Math.round(view.opacity * 100),
  experts: ({ view }) => view.experts,
  lesionType: ({ preferences }) => preferences.type,
};

/** Whether a part of the controls has anything to control. */
const SHOWN = {
  evidence: ({ scene }) => scene.hasEvidence || scene.candidates.length > 0,
  heat: ({ scene }) => scene.hasEvidence,
  candidates: ({ scene }) => scene.candidates.length > 0,
  experts: ({ scene }) => scene.markedTypes.length > 0,
  draw: ({ view }) => view.tool === "draw",
};

class Controls {
  constructor(viewer) {
    this.viewer = viewer;
    const { root } = viewer;
    fillTypes(root);
    fillLegend(root.querySelector(".legend"));
    root.addEventListener("click", (event) => this.click(event));
    root.addEventListener("input", (event) => this.input(event));
  }

  click({ target }) {
    const button = target.closest("button[data-command]");
    if (button) this.viewer.run(button.dataset.command, button.dataset.value);
  }

  input({ target }) {
    const { command } = target.dataset;
    if (command) this.viewer.run(command, target.type === "checkbox" ? target.checked : target.value);
  }

  /** Make one button per view. */
  offerViews(names) {
    const group = this.viewer.root.querySelector(".views");
    const shown = [...group.children].map(({ dataset }) => dataset.value);
    if (JSON.stringify(shown) === JSON.stringify(names)) return;
    group.replaceChildren(...names.map((name, i) => viewButton(name, i + 1)));
  }

  refresh() {
    const { root } = this.viewer;
    for (const button of root.querySelectorAll("button[data-command]")) {
      const { command, value } = button.dataset;
      if (command in PRESSED) button.setAttribute("aria-pressed", PRESSED[command](this.viewer, value));
    }
    for (const control of root.querySelectorAll("select[data-command], input[type=range][data-command]")) {
      control.value = VALUE[control.dataset.command](this.viewer);
    }
    root.querySelector("[data-command=everywhere]").checked = this.viewer.preferences.everywhere;
    for (const part of root.querySelectorAll("[data-shown]")) part.hidden = !SHOWN[part.dataset.shown](this.viewer);
    const { chosen } = this.viewer.drawing;
    root.querySelector("[data-command=deleteLesion]").disabled = !chosen;
    root.querySelector(".next-type").textContent = chosen ? "Chosen lesion" : "Next lesion";
    root.querySelector(".opacity-value").textContent = `${VALUE.opacity(this.viewer)} %`;
  }
}

function viewButton(name, digit) {
  const button = element("button", { type: "button" }, `${name[0].toUpperCase()}${name.slice(1)}`);
  Object.assign(button.dataset, { command: "view", value: name });
  button.setAttribute("aria-keyshortcuts", String(digit));
  button.append(element("kbd", { ariaHidden: "true" }, String(digit)));
  return button;
}

/** The toggle and the choice of each type of lesion, with a sample of its line and marker. */
function fillTypes(root) {
  const toggles = Object.entries(LESIONS).map(([type, { label }], i) => {
    const button = element("button", { type: "button" });
    Object.assign(button.dataset, { command: "type", value: type });
    button.setAttribute("aria-keyshortcuts", String(5 + i));
    button.append(sample(LESIONS[type]), element("span", {}, label));
    return button;
  });
  root.querySelector(".types").replaceChildren(...toggles);
  const options = Object.entries(LESIONS).map(([type, { label }]) => element("option", { value: type }, label));
  root.querySelector("[data-command=lesionType]").replaceChildren(...options);
}

const SAMPLE = { width: 40, height: 18 };

function sample(style) {
  const { width, height } = SAMPLE;
  const canvas = element("canvas", { width: 2 * width, height: 2 * height, className: "sample", ariaHidden: "true" });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  const brush = new Brush(context, 1);
  const line = new Path2D();
  line.moveTo(16, height / 2);
  line.lineTo(width - 3, height / 2);
  brush.stroke(line, style, 3);
  const below = height / 2 + MARKER + LINE + 2; // a marker stands above its box
  brush.markIfSmall([8, below, 8, below], style);
  return canvas;
}

function fillLegend(list) {
  const rows = LEGEND.flatMap(([keys, meaning]) => [element("dt", {}, keys), element("dd", {}, meaning)]);
  list.replaceChildren(...rows);
}

function element(name, properties = {}, text = "") {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}
