// The result of a search: its figures, the threshold, the table of candidates, and what the reader says of the chosen one.

import { element, find, setText } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { areaText, areaUnit } from "../shared/scale.js";
import { clickByKey, viewAt } from "../shared/views.js";
import { SelectableTable } from "../table/selectable_table.js";

/** @import { Annotation } from "../canvas/annotations.js" */
/** @import { ComponentCall } from "../shared/component_call.js" */
/** @import { Judgement } from "../shared/work.js" */
/** @typedef {[name: string, label: string][]} LesionNames */

const LISTED = 300;
/** @param {string} unit */
const columns = (unit) => [
  { label: "No.", numeric: true },
  { label: "review", numeric: false, brief: true },
  { label: "evidence", numeric: true },
  { label: "effect", numeric: true },
  { label: unit ? `area ${unit}` : "area", numeric: true },
  { label: "type", numeric: false },
];
const SIGNS = { "not reviewed": "○ ", accepted: "✓ ", rejected: "✕ ", edited: "✎ " };

class CandidatesView {
  listening = new AbortController();
  /** @type {Map<string, string>} */
  labels = new Map();
  question = "";

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.slider = find(root, "input", HTMLInputElement);
    this.type = find(root, ".type", HTMLSelectElement);
    this.table = new SelectableTable(find(root, ".rows", HTMLElement));
    this.table.tell = (id) => examination.select(id);
    this.accept = this.judging(".accept", "kept");
    this.reject = this.judging(".reject", "deleted");
    this.edit = find(root, ".edit", HTMLButtonElement);
    this.edit.addEventListener("click", () => examination.chosen && examination.edit(examination.chosen));
    this.type.addEventListener("change", () => {
      if (examination.chosen) examination.setType(examination.chosen.id, this.type.value);
    });
    this.slider.addEventListener("input", () => examination.setThreshold(Number(this.slider.value)));
    clickByKey([this.accept, this.reject, this.edit], this.listening.signal);
  }

  /**
   * @param {string} selector
   * @param {Judgement} judgement
   */
  judging(selector, judgement) {
    const button = find(this.root, selector, HTMLButtonElement);
    button.addEventListener("click", () => {
      if (examination.chosen) examination.judge(examination.chosen.id, judgement);
    });
    return button;
  }

  /** @param {LesionNames} names */
  offer(names) {
    if (this.labels.size > 0) return;
    this.labels = new Map(names);
    this.type.replaceChildren(...names.map(([value, label]) => element("option", { value }, label)));
  }

  show() {
    const { search } = examination.shown;
    find(this.root, ".search", HTMLElement).hidden = !search;
    this.showFigures(search?.figures ?? []);
    setText(find(this.root, ".told", HTMLElement), search?.told ?? "");
    setText(find(this.root, ".caution", HTMLElement), search?.caution ?? "");
    this.slider.value = String(examination.threshold);
    setText(find(this.root, "output", HTMLElement), examination.threshold.toFixed(2));
    const measured = search?.measured[Math.round(100 * examination.threshold)] ?? search?.measured[0] ?? "";
    setText(find(this.root, ".measured", HTMLElement), measured);
    this.showTable();
    this.showChosen();
  }

  /** @param {[string, string][]} figures */
  showFigures(figures) {
    const list = find(this.root, ".figures", HTMLElement);
    const text = JSON.stringify(figures);
    if (list.dataset.shown === text) return;
    list.dataset.shown = text;
    list.replaceChildren(...figures.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  }

  showTable() {
    const { listed, shown } = examination;
    const reviewed = listed.filter(({ id }) => examination.standing(id) !== "not reviewed").length;
    const more = listed.length > LISTED ? `, the first ${LISTED} are listed` : "";
    const none = shown.candidates.length > 0 ? "No candidate reaches the threshold." : "No evidence, so no candidates.";
    const count = `${listed.length} candidates, ${reviewed} reviewed${more}.`;
    setText(find(this.root, ".count", HTMLElement), listed.length > 0 ? count : none);
    find(this.root, ".rows", HTMLElement).hidden = listed.length === 0;
    this.table.show({
      label: "Lesion candidates",
      columns: columns(areaUnit(examination.scale)),
      rows: listed.slice(0, LISTED).map((candidate) => this.row(candidate)),
      selected: examination.chosen?.id ?? null,
      height: "max(10.5rem, 100vh - 37rem)",
    });
  }

  /** @param {Annotation} candidate */
  row(candidate) {
    const { id, score, effect } = candidate;
    const standing = examination.standing(id);
    const type = examination.typeOf(candidate);
    const area = areaText(examination.shown.search?.areas[id] ?? 0, examination.scale);
    const numbers = [(score ?? 0).toFixed(2), effect?.toFixed(2) ?? "", area];
    const remark = examination.shown.search?.remarks[id] ?? "";
    const cells = [id, (remark ? "⚠ " : "") + SIGNS[standing] + standing, ...numbers, this.labels.get(type) ?? type];
    return { id, cells, tone: standing === "rejected" ? "struck" : "", name: remark };
  }

  showChosen() {
    const { chosen } = examination;
    const standing = chosen ? examination.standing(chosen.id) : "";
    for (const control of [this.type, this.accept, this.reject, this.edit]) control.disabled = !chosen;
    this.type.disabled ||= standing === "rejected";
    this.type.ariaLabel = chosen ? `Type of candidate ${chosen.id}` : "Type of the chosen candidate";
    if (chosen) this.type.value = examination.typeOf(chosen);
    setText(find(this.root, ".remark", HTMLElement), (chosen && examination.shown.search?.remarks[chosen.id]) ?? "");
    this.accept.ariaPressed = String(standing === "accepted");
    this.reject.ariaPressed = String(standing === "rejected");
    this.edit.ariaPressed = String(standing === "edited");
  }
}

/** @param {ComponentCall<{ types: LesionNames }>} call */
export default function (call) {
  const { view, leave } = viewAt(call, "candidates", (root) => new CandidatesView(root));
  view.offer(call.data.types);
  view.show();
  return leave;
}
