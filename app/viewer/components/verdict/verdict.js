// The verdict: quality first, then decision, score and threshold.

import { find, setText } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { viewAt } from "../shared/views.js";

/** @import { ComponentCall } from "../shared/component_call.js" */

const WAITING = { tone: "", quality: "", head: "Judging quality and score …", line: "" };
const EMPTY = { tone: "", quality: "", head: "", line: "" };

class VerdictBox {
  listening = new AbortController();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
  }

  show() {
    const { image, verdict } = examination.shown;
    const { tone, ...lines } = verdict ?? (image ? WAITING : EMPTY);
    this.root.dataset.tone = tone;
    for (const [name, text] of Object.entries(lines)) setText(find(this.root, `.${name}`, HTMLElement), text);
  }
}

/** @param {ComponentCall<null>} call */
export default function (call) {
  return viewAt(call, "verdict", (root) => new VerdictBox(root)).leave;
}
