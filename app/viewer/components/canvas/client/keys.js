// The keys. Letters act wherever the focus is on the page, except in a text field or a list, or (a switch in the
// legend) only while the focus is in the canvas; arrows and editing keys act only there.

const STEP = 40; // CSS pixels of one arrow key's pan
const CROSSHAIR_STEP = 10; // CSS pixels of one arrow key's move of the crosshair

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const ANYWHERE = {
  o: ["overlay"],
  h: ["heat"],
  k: ["candidates"],
  e: ["experts"],
  s: ["two"],
  v: ["tool", "pan"],
  m: ["tool", "measure"],
  d: ["tool", "draw"],
  l: ["nextLesion"],
  ".": ["nextCandidate"],
  ",": ["previousCandidate"],
  "+": ["zoomIn"],
  "=": ["zoomIn"],
  "-": ["zoomOut"],
  0: ["fit"],
  "?": ["help"],
};

const LEGEND = [
  ["o", "Evidence on or off"],
  ["h, k", "Its heat map, its candidates"],
  ["1, 2, 3", "Views: colour, red-free, CLAHE"],
  ["e", "Expert markings: hidden, beside, over"],
  ["5, 6, 7, 8", "Types of lesions on or off, in the order of their buttons"],
  ["s", "One or two panes"],
  ["+, −, wheel", "Zoom (the wheel: at the pointer)"],
  ["0", "Whole photograph"],
  ["Arrows, drag", "Move the photograph; with the middle button in every tool"],
  [". and ,", "Next and previous candidate"],
  ["v, m, d", "Tools: move, measure, draw"],
  ["Arrows in m and d", "Move the crosshair; with Shift by one pixel"],
  ["Enter in m and d", "Begin and end a line, a lesion, or a move of the lesion under the crosshair"],
  ["l", "Next lesion of yours"],
  ["Drag in d", "Draw a lesion; on an outline, or in the chosen lesion: choose and move it"],
  ["Delete", "Delete the chosen lesion"],
  ["Escape", "Give up the line or lesion begun; choose nothing"],
  ["?", "This list"],
];

/** The command [name, value] of a key pressed on the page, or undefined. */
function commandOf(key, viewer) {
  const digit = Number(key);
  const views = viewer.scene.viewNames;
  if (digit >= 1 && digit <= Math.min(4, views.length)) return ["view", views[digit - 1]];
  if (digit >= 5 && digit <= 8) return ["type", Object.keys(LESIONS)[digit - 5]];
  return Object.hasOwn(ANYWHERE, key.toLowerCase()) ? ANYWHERE[key.toLowerCase()] : undefined;
}

/** Act on a key; true if it was one of ours. */
function pressKey(event, viewer) {
  const [target] = event.composedPath();
  const inside = event.composedPath().includes(viewer.root);
  if (isTaken(event)) return false;
  if (viewer.dialogOpen || (!inside && !(viewer.preferences.everywhere && shared.active === viewer))) return false;
  if (inside && target.localName !== "input" && pressInside(event, viewer, target)) return true;
  const command = commandOf(event.key, viewer);
  if (!command) return false;
  viewer.run(...command);
  if (command[0] === "tool") viewer.focusPane();
  return true;
}

function pressInside({ key, shiftKey }, viewer, target) {
  const onPane = viewer.panes.some(({ element }) => element === target);
  const acts = {
    Delete: () => viewer.drawing.remove(),
    Backspace: () => viewer.drawing.remove(),
    Escape: () => viewer.giveUp(),
    ...(onPane && viewer.view.tool !== "pan" ? { Enter: () => viewer.pressCrosshair() } : {}),
  };
  if (Object.hasOwn(ARROWS, key)) viewer.arrow(ARROWS[key], shiftKey);
  else if (Object.hasOwn(acts, key)) acts[key]();
  else return false;
  return true;
}
