// The bar: name and place of the shown photograph, previous and next. It also hides what Streamlit shows of another
// photograph: containers whose key names one (STREAMLIT_KEY and the photograph's key).

import { element, find, setText } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { clickByKey, viewAt } from "../shared/views.js";

/** @import { ComponentCall } from "../shared/component_call.js" */

const STREAMLIT_KEY = "st-key-of-";

class Bar {
  listening = new AbortController();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.name = find(root, ".name", HTMLElement);
    this.place = find(root, ".place", HTMLElement);
    this.former = find(root, ".former", HTMLButtonElement);
    this.following = find(root, ".following", HTMLButtonElement);
    this.style = element("style");
    const { signal } = this.listening;
    this.former.addEventListener("click", () => examination.open(examination.shown.former));
    this.following.addEventListener("click", () => examination.open(examination.shown.following));
    clickByKey([this.former, this.following], signal);
    document.head.append(this.style);
    signal.addEventListener("abort", () => this.style.remove());
  }

  show() {
    const { image, name, place, former, following } = examination.shown;
    setText(this.name, image ? name : "Opening …");
    setText(this.place, place);
    this.former.disabled = former === null;
    this.following.disabled = following === null;
    const own = image ? `:not(.${STREAMLIT_KEY}${image})` : "";
    setText(this.style, `[class*="${STREAMLIT_KEY}"]${own} { visibility: hidden; }`);
  }
}

/** @param {ComponentCall<null>} call */
export default function (call) {
  return viewAt(call, "bar", (root) => new Bar(root)).leave;
}
