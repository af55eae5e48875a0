// Buttons, lists and the slider. Each carries the name of its command in the HTML (data-command).

import { element, find, findAll, setText } from "../shared/elements.js";
import { Brush, MARKER_RISE } from "./brush.js";
import { eyeName } from "./fellow_eye.js";
import { COMMANDS, PRESSED, SHOWN, VALUE } from "./commands.js";
import { FIRST_TYPE_DIGIT, LEGEND } from "./keys.js";

/** @import { CanvasController } from "./controller.js" */
/** @import { CommandName } from "./commands.js" */
/** @import { Colour } from "./heat_map.js" */
/** @import { LesionStyle, Palette } from "./styles.js" */

const SAMPLE = { width: 40, height: 18 }; // CSS pixels
const RAMP_STEP = 15; // grey values

export class Controls {
  offered = "";

  /** @param {CanvasController} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.root = canvas.root;
    fillLegend(find(this.root, ".legend", HTMLElement));
    this.root.addEventListener("click", ({ target }) => this.click(target));
    this.root.addEventListener("input", ({ target }) => this.input(target));
  }

  /** @param {EventTarget | null} target */
  click(target) {
    const button = target instanceof Element ? target.closest("button[data-command]") : null;
    if (button instanceof HTMLElement) this.run(button.dataset.command, button.dataset.value);
  }

  /** @param {EventTarget | null} target */
  input(target) {
    if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) {
      this.run(target.dataset.command, target.value);
    }
  }

  /**
   * @param {string | undefined} command
   * @param {string} [value]
   */
  run(command, value) {
    if (command && Object.hasOwn(COMMANDS, command)) this.canvas.run(/** @type {CommandName} */ (command), value);
  }

  /**
   * Make a button for each view and each type of lesions, where they differ from the present ones.
   * @param {string[]} views
   * @param {Palette} palette
   */
  offer(views, { lesions }) {
    const offered = JSON.stringify([views, lesions]);
    if (offered === this.offered) return;
    this.offered = offered;
    const types = Object.entries(lesions);
    find(this.root, ".views", HTMLElement).replaceChildren(...views.map((name, i) => viewButton(name, i + 1)));
    find(this.root, ".types", HTMLElement).replaceChildren(
      ...types.map(([type, style], i) => typeButton(type, style, FIRST_TYPE_DIGIT + i)),
    );
    find(this.root, "select[data-command=lesionType]", HTMLSelectElement).replaceChildren(
      ...types.map(([value, { label }]) => element("option", { value }, label)),
    );
  }

  /**
   * The colour bar of the heat map.
   * @param {Colour[]} heat the colours of grey values
   */
  showRamp(heat) {
    const ramp = find(this.root, ".ramp", HTMLElement);
    const stops = heat.filter((_, i) => i % RAMP_STEP === 0).map(([r, g, b, opacity]) => `rgb(${r} ${g} ${b} / ${opacity / 255})`);
    const bar = `linear-gradient(to right, ${stops.join()})`;
    ramp.ariaLabel = "Colours of the evidence from 0 to 1";
    if (heat.length > 0 && ramp.dataset.bar !== bar) find(ramp, "i", HTMLElement).style.backgroundImage = bar;
    ramp.dataset.bar = bar;
  }

  /**
   * The name of the pane that is always there, and its eye.
   * @param {HTMLElement} pane
   */
  name(pane) {
    const { layers, fellow, image } = this.canvas;
    const plain = layers.hasResult ? "Photograph with evidence" : "Photograph";
    const name = fellow.isShown ? `${eyeName(layers.data.side)}: this reading` : plain;
    pane.ariaLabel = name;
    setText(find(pane, ".caption", HTMLElement), name);
    setText(find(pane, ".side", HTMLElement), (image && layers.data.side[0]?.toUpperCase()) || "");
  }

  /** Show the present state. */
  refresh() {
    const { root, canvas } = this;
    for (const button of findAll(root, "button[data-command]", HTMLButtonElement)) {
      const { command = "", value = "" } = button.dataset;
      if (command in PRESSED) button.ariaPressed = String(PRESSED[command](canvas, value));
      if (command === "type") button.hidden = !canvas.occurs(value);
    }
    for (const list of findAll(root, "select[data-command]", HTMLSelectElement)) {
      list.value = VALUE[list.dataset.command ?? ""](canvas);
    }
    for (const part of findAll(root, "[data-shown]", HTMLElement)) {
      part.hidden = !SHOWN[part.dataset.shown ?? ""](canvas);
    }
    this.showRamp(canvas.layers.data.heat);
    const opacity = VALUE.opacity(canvas);
    find(root, "[data-command=opacity]", HTMLInputElement).value = opacity;
    find(root, ".opacity-value", HTMLElement).textContent = `${opacity} %`;
    find(root, "[data-command=everywhere]", HTMLInputElement).checked = canvas.preferences.everywhere;
    const { chosen } = canvas.drawn;
    find(root, ".drawing [data-command=deleteLesion]", HTMLButtonElement).disabled = !chosen;
    find(root, ".next-type", HTMLElement).textContent = chosen ? "Chosen lesion" : "Next lesion";
  }
}

/**
 * @param {string} name
 * @param {number} digit its key
 */
function viewButton(name, digit) {
  const button = element("button", { type: "button" }, `${name[0].toUpperCase()}${name.slice(1)}`);
  Object.assign(button.dataset, { command: "view", value: name });
  button.setAttribute("aria-keyshortcuts", String(digit));
  button.append(element("kbd", { ariaHidden: "true" }, String(digit)));
  return button;
}

/**
 * @param {string} type
 * @param {LesionStyle} style
 * @param {number} digit its key
 */
function typeButton(type, style, digit) {
  const button = element("button", { type: "button" });
  Object.assign(button.dataset, { command: "type", value: type });
  button.setAttribute("aria-keyshortcuts", String(digit));
  button.append(sample(style), element("span", {}, style.label));
  return button;
}

/**
 * A picture of the line and the marker of a type.
 * @param {LesionStyle} style
 */
function sample(style) {
  const { width, height } = SAMPLE;
  const picture = element("canvas", { width: 2 * width, height: 2 * height, className: "sample", ariaHidden: "true" });
  const context = picture.getContext("2d");
  if (!context) return picture;
  context.scale(2, 2);
  const brush = new Brush(context, 1);
  const line = new Path2D();
  line.moveTo(16, height / 2);
  line.lineTo(width - 3, height / 2);
  brush.stroke(line, style, 3);
  const below = height / 2 + MARKER_RISE;
  brush.markIfSmall([8, below, 8, below], style);
  return picture;
}

/** @param {HTMLElement} list */
function fillLegend(list) {
  const rows = LEGEND.flatMap(([keys, meaning]) => [element("dt", {}, keys), element("dd", {}, meaning)]);
  list.replaceChildren(...rows);
}
