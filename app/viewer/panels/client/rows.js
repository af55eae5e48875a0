// A table of which one row is chosen: by a click, or by arrow keys and Enter on the button that is its first cell. All
// texts are set as text. It is no grid, in which letters would not reach the canvas' keys.

const tables = (globalThis[Symbol.for("retina-xai rows")] ??= new WeakMap());
const MOVES = {
  ArrowDown: (place) => place + 1,
  ArrowUp: (place) => place - 1,
  Home: () => 0,
  End: () => Infinity,
  PageDown: (place) => place + 10,
  PageUp: (place) => place - 10,
};

function cell(name, text, column) {
  const element = document.createElement(name);
  element.textContent = text;
  if (column.numeric) element.className = "numeric";
  if (name === "th") element.scope = "col";
  return element;
}

function rowOf({ id, cells, tone, name }, columns) {
  const row = document.createElement("tr");
  row.dataset.id = id;
  if (tone) row.dataset.tone = tone;
  if (name) row.title = name;
  row.append(...cells.map((text, i) => cell("td", text, columns[i])));
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: cells[0], tabIndex: -1 });
  row.firstChild.replaceChildren(button);
  return row;
}

function buttonOf(row) {
  return row.querySelector("button");
}

class Rows {
  constructor(root) {
    this.root = root;
    this.body = root.querySelector("tbody");
    this.body.addEventListener("click", ({ target }) => this.choose(target.closest("tr")));
    this.body.addEventListener("keydown", (event) => this.press(event));
  }

  show({ label, columns, rows, selected, height }) {
    const text = JSON.stringify([columns, rows]);
    this.root.querySelector("table").setAttribute("aria-label", label);
    this.root.style.setProperty("--height", height);
    if (text !== this.text) this.fill(columns, rows);
    this.text = text;
    this.mark(selected);
  }

  fill(columns, rows) {
    const focused = this.body.contains(this.root.getRootNode().activeElement);
    const head = document.createElement("tr");
    head.append(...columns.map((column) => cell("th", column.label, column)));
    this.root.querySelector("thead").replaceChildren(head);
    this.body.replaceChildren(...rows.map((row) => rowOf(row, columns)));
    this.refocus = focused;
  }

  mark(selected) {
    const rows = [...this.body.children];
    for (const row of rows) {
      row.setAttribute("aria-current", String(row.dataset.id === selected));
      buttonOf(row).setAttribute("aria-pressed", String(row.dataset.id === selected));
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

  /** Scroll the table, and nothing else, until a row is seen. */
  reveal(row) {
    const head = this.root.querySelector("thead").offsetHeight;
    const { scrollTop, clientHeight } = this.root;
    if (row.offsetTop - head < scrollTop) this.root.scrollTop = row.offsetTop - head;
    else if (row.offsetTop + row.offsetHeight > scrollTop + clientHeight) {
      this.root.scrollTop = row.offsetTop + row.offsetHeight - clientHeight;
    }
  }

  choose(row) {
    if (row) this.setTriggerValue("chosen", row.dataset.id);
  }

  press(event) {
    const row = event.target.closest("tr");
    const rows = [...this.body.children];
    if (Object.hasOwn(MOVES, event.key)) {
      const place = Math.min(Math.max(MOVES[event.key](rows.indexOf(row)), 0), rows.length - 1);
      buttonOf(rows[place]).focus();
      event.preventDefault();
    }
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".rows");
  if (!tables.has(root)) tables.set(root, new Rows(root));
  const rows = tables.get(root);
  rows.setTriggerValue = setTriggerValue;
  rows.show(data);
}
