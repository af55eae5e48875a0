// A table of which one row is chosen: by a click, or by arrow keys and Enter on the button that is its first cell. All
// texts are set as text. It has not the role of a grid, from which letters would not reach the keys of the canvas.

import { element, find } from "../shared/elements.js";

/** @typedef {{ label: string, numeric: boolean, brief?: boolean }} Column brief: a sign, and words where there is room */
/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string[]} cells
 * @property {string} tone
 * @property {string} name
 * @property {string} [picture] address of a small picture before the first cell
 * @property {string} [group] heading before the first of the rows that have the same one
 */
/**
 * @typedef {object} TableData
 * @property {string} label
 * @property {Column[]} columns
 * @property {Row[]} rows
 * @property {string | null} selected
 * @property {string} height a CSS length; "" for a table that scrolls with the page
 */

/** @type {Record<string, (place: number) => number>} */
const MOVES = {
  ArrowDown: (place) => place + 1,
  ArrowUp: (place) => place - 1,
  Home: () => 0,
  End: () => Infinity,
  PageDown: (place) => place + 10,
  PageUp: (place) => place - 10,
};

/** @param {Column} column */
function headCell({ label, numeric }) {
  return element("th", { scope: "col", className: numeric ? "numeric" : "" }, label);
}

/**
 * @param {string} text
 * @param {Column} column
 */
function cellElement(text, { numeric, brief }) {
  if (!brief) return element("td", { className: numeric ? "numeric" : "" }, text);
  const cell = element("td");
  const place = text.search(/[a-z]/);
  cell.append(text.slice(0, place), element("span", { className: "words" }, text.slice(place)));
  return cell;
}

/**
 * @param {Row} row
 * @param {Column[]} columns
 */
function rowElement({ id, cells, tone, name, picture }, columns) {
  const row = element("tr", { title: name });
  row.dataset.id = id;
  if (tone) row.dataset.tone = tone;
  row.append(...cells.map((text, i) => cellElement(text, columns[i])));
  row.cells[0].replaceChildren(element("button", { type: "button", tabIndex: -1 }, cells[0]));
  if (picture) row.cells[0].prepend(element("img", { loading: "lazy", src: picture, alt: "" }));
  return row;
}

/**
 * @param {string} text
 * @param {number} width number of columns
 */
function headingElement(text, width) {
  const row = element("tr", { className: "group" });
  row.append(element("th", { colSpan: width, scope: "rowgroup" }, text));
  return row;
}

/**
 * Make these the children of an element. Those that are there already stay: an element that is moved loses the focus,
 * and a long table is laid out anew.
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} children
 */
function replaceChanged(parent, children) {
  const kept = new Set(children);
  for (const child of [...parent.children]) if (!(child instanceof HTMLElement && kept.has(child))) child.remove();
  let place = parent.firstElementChild;
  for (const child of children) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** @param {Element} row */
function buttonOf(row) {
  return find(row, "button", HTMLButtonElement);
}

export class SelectableTable {
  shown = "";
  refocus = false;
  /** @type {WeakMap<HTMLElement, string>} what each row shows */
  contents = new WeakMap();
  /** @type {string | null} */
  selected = null;
  /** @type {(id: string) => void} */
  tell = () => {};

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.table = find(root, "table", HTMLTableElement);
    this.head = find(root, "thead", HTMLElement);
    this.body = find(root, "tbody", HTMLElement);
    this.body.addEventListener("click", ({ target }) => this.choose(rowAt(target)));
    this.body.addEventListener("keydown", (event) => this.press(event));
  }

  /** @param {TableData} data */
  show({ label, columns, rows, selected, height }) {
    const content = JSON.stringify([columns, rows]);
    this.table.ariaLabel = label;
    this.root.style.setProperty("--height", height || "none");
    this.root.toggleAttribute("data-flows", !height);
    if (content !== this.shown) this.fill(columns, rows);
    this.shown = content;
    this.mark(selected);
  }

  /**
   * @param {Column[]} columns
   * @param {Row[]} rows
   */
  fill(columns, rows) {
    const page = this.root.getRootNode();
    this.refocus = page instanceof ShadowRoot && this.body.contains(page.activeElement);
    const head = element("tr");
    head.append(...columns.map(headCell));
    this.head.replaceChildren(head);
    replaceChanged(this.body, this.elements(columns, rows));
  }

  /**
   * Rows with the headings of their groups; a row that shows the same as before is the same element.
   * @param {Column[]} columns
   * @param {Row[]} rows
   */
  elements(columns, rows) {
    const known = new Map(this.rows.map((row) => [row.dataset.id, row]));
    const heads = new Map([...this.body.querySelectorAll(".group")].map((row) => [row.textContent, row]));
    return rows.flatMap((row, i) => {
      const text = JSON.stringify([columns, row]);
      const old = known.get(row.id);
      const made = old && this.contents.get(old) === text ? old : rowElement(row, columns);
      this.contents.set(made, text);
      if (!row.group || row.group === rows[i - 1]?.group) return [made];
      const head = heads.get(row.group);
      return [head instanceof HTMLElement ? head : headingElement(row.group, columns.length), made];
    });
  }

  /** The rows without the headings of groups. */
  get rows() {
    const isRow = /** @type {(child: Element) => child is HTMLElement} */ ((child) => child instanceof HTMLElement && Boolean(child.dataset.id));
    return [...this.body.children].filter(isRow);
  }

  /** @param {string | null} selected */
  mark(selected) {
    const { rows } = this;
    for (const row of rows) {
      row.setAttribute("aria-current", String(row.dataset.id === selected));
      buttonOf(row).ariaPressed = String(row.dataset.id === selected);
      buttonOf(row).tabIndex = -1;
    }
    const chosen = rows.find((row) => row.dataset.id === selected);
    const entry = chosen ?? rows[0];
    if (entry) buttonOf(entry).tabIndex = 0;
    if (entry && this.refocus) buttonOf(entry).focus();
    this.refocus = false;
    if (chosen && selected !== this.selected) this.reveal(chosen);
    this.selected = selected;
  }

  /**
   * Scroll the table, and nothing else, until a row can be seen.
   * @param {HTMLElement} row
   */
  reveal(row) {
    if (this.root.hasAttribute("data-flows")) {
      row.scrollIntoView({ block: "nearest" });
      return;
    }
    const head = this.head.offsetHeight;
    const { scrollTop, clientHeight } = this.root;
    const below = row.offsetTop + row.offsetHeight;
    if (row.offsetTop - head < scrollTop) this.root.scrollTop = row.offsetTop - head;
    else if (below > scrollTop + clientHeight) this.root.scrollTop = below - clientHeight;
  }

  /** @param {HTMLElement | null} row */
  choose(row) {
    if (row?.dataset.id !== undefined) this.tell(row.dataset.id);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const row = rowAt(event.target);
    if (!row || !Object.hasOwn(MOVES, event.key)) return;
    const { rows } = this;
    const place = Math.min(Math.max(MOVES[event.key](rows.indexOf(row)), 0), rows.length - 1);
    buttonOf(rows[place]).focus();
    event.preventDefault();
  }
}

/**
 * @param {EventTarget | null} target
 * @returns {HTMLElement | null}
 */
function rowAt(target) {
  return target instanceof Element ? target.closest("tr") : null;
}
