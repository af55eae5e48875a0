// The keys of the canvas. Letters and digits act wherever the focus is on the page, except in a text field or a list;
// a switch in the list of keys keeps them to the canvas. Arrows and editing keys act only while the focus is in it.

import { isTaken, isTyping, targetOf } from "../shared/keyboard.js";
import { pageState } from "./page_state.js";

/** @import { CommandName } from "./commands.js" */
/** @import { CanvasController } from "./controller.js" */
/** @typedef {[CommandName, string?]} Command name and value */

const MAX_VIEWS = 3;
/** The digit of the first type of lesions. */
export const FIRST_TYPE_DIGIT = 5;

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @type {Record<string, Command>} */
const ANYWHERE = {
  o: ["overlay"],
  h: ["heat"],
  k: ["candidates"],
  e: ["experts"],
  s: ["two"],
  4: ["both"],
  v: ["tool", "pan"],
  m: ["tool", "measure"],
  d: ["tool", "draw"],
  z: ["tool", "disc"],
  a: ["tool", "adjust"],
  b: ["plainTone"],
  l: ["nextLesion"],
  ".": ["nextCandidate"],
  ",": ["previousCandidate"],
  "+": ["zoomIn"],
  "=": ["zoomIn"],
  "-": ["zoomOut"],
  0: ["fit"],
  "?": ["help"],
};

/** Keys and what they do, for the list of keys. */
export const LEGEND = [
  ["o", "Evidence on or off"],
  ["h, k", "Heat map on or off, candidates on or off"],
  ["1, 2, 3", "Views: colour, red-free, CLAHE"],
  ["4", "The other eye beside this one, for comparison; all other keys act on this one"],
  ["e", "Expert markings: hidden, beside, over"],
  ["5, 6, 7, 8, 9", "Types of lesions on or off, in the order of their buttons"],
  ["s", "One or two panes"],
  ["+, −, wheel", "Zoom (the wheel: at the pointer)"],
  ["0", "Whole photograph"],
  ["Arrows, drag", "Move the photograph; with the middle button in every tool"],
  [". and ,", "Next and previous candidate"],
  ["v, m, d", "Tools: move, measure, draw"],
  ["z", "Tool: mark the optic disc. Drag from rim to rim; lengths and areas are then in diameters of this disc"],
  ["Arrows in m, d and z", "Move the crosshair; with Shift by one pixel"],
  ["Enter in m, d and z", "Begin and end a line, a lesion, the disc, or a move of the lesion or handle under the crosshair"],
  ["a", "Tool: adjust. Drag, or arrows: up and down brightness, left and right contrast, with Shift gamma"],
  ["Right drag", "Adjust brightness and contrast, in every tool"],
  ["b", "Brightness, contrast and gamma of the file"],
  ["Ctrl+Z, Ctrl+Y", "Take the last change back; make it again"],
  ["l", "Your next lesion"],
  ["Drag in d", "Draw a lesion; on an outline, or in the chosen lesion: choose and move it; on a handle: change its size"],
  ["Delete", "Delete the chosen lesion; with z, the mark of the disc"],
  ["Escape", "Cancel the line or lesion that was begun; choose nothing"],
  ["n, p", "Next and previous photograph"],
  ["c, x, w", "Candidate: accept, reject, edit"],
  ["r, t, u", "Finding: refer, no referable DR, ungradable"],
  ["y, i", "Grade, macular oedema: next value"],
  ["f, j", "Store the reading; store it and open the next photograph"],
  ["g, q", "Find evidence; cancel the search"],
  ["?", "This list"],
];

/**
 * Act on a key that was pressed anywhere on the page; true if it was one of the canvas.
 * @param {KeyboardEvent} event
 * @param {CanvasController} canvas
 */
export function pressKey(event, canvas) {
  if (event.defaultPrevented || canvas.dialogOpen) return false;
  const way = wayOf(event);
  if (way) canvas.run(way);
  if (way || isTaken(event)) return Boolean(way);
  const inside = event.composedPath().includes(canvas.root);
  if (!inside && !(canvas.preferences.everywhere && pageState.active === canvas)) return false;
  const target = targetOf(event);
  if (inside && !(target instanceof HTMLInputElement) && pressInside(event, canvas, target)) return true;
  const command = commandOf(event.key, canvas);
  if (!command) return false;
  canvas.run(...command);
  if (command[0] === "tool") canvas.focusPane();
  return true;
}

/**
 * Whether the keys that were pressed take a change back or make it again; in text they belong to the text.
 * @param {KeyboardEvent} event
 * @returns {"undo" | "redo" | null}
 */
function wayOf(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || isTyping(targetOf(event))) return null;
  const key = event.key.toLowerCase();
  if (key === "y" || (key === "z" && event.shiftKey)) return "redo";
  return key === "z" ? "undo" : null;
}

/**
 * The command of a letter, digit or sign.
 * @param {string} key
 * @param {CanvasController} canvas
 * @returns {Command | undefined}
 */
function commandOf(key, { layers }) {
  const digit = Number(key);
  const views = layers.viewNames.slice(0, MAX_VIEWS);
  const types = Object.keys(layers.palette.lesions);
  if (key !== "0" && views[digit - 1]) return ["view", views[digit - 1]];
  if (key !== " " && types[digit - FIRST_TYPE_DIGIT]) return ["type", types[digit - FIRST_TYPE_DIGIT]];
  const letter = key.toLowerCase();
  return Object.hasOwn(ANYWHERE, letter) ? ANYWHERE[letter] : undefined;
}

/**
 * Act on an arrow or editing key; true if it was one.
 * @param {KeyboardEvent} event
 * @param {CanvasController} canvas
 * @param {Element | null} target
 */
function pressInside({ key, shiftKey }, canvas, target) {
  const onPane = canvas.panes.some(({ element }) => element === target);
  if (Object.hasOwn(ARROWS, key)) canvas.tools.arrow(ARROWS[key], shiftKey);
  else if (key === "Delete" || key === "Backspace") canvas.remove();
  else if (key === "Escape") canvas.tools.giveUp();
  else if (key === "Enter" && onPane && canvas.view.tool !== "pan") canvas.tools.pressCrosshair();
  else return false;
  return true;
}
