// The address of the page, which names the shown photograph, and the back and forward buttons of the browser.
//
// The page writes the address, not Python: an address that a former run of the script sends late would be taken for a
// press of the buttons. A photograph that the reader opens is a new entry. Where another photograph is shown than the
// address names, and the reader opened none, as after a new start of the server, that of the address is opened.

import { examination } from "./examination.js";
import { onPage } from "./page_memory.js";

const ADDRESS = "photograph";

class BrowserHistory {
  /** @type {string | null} the photograph that is to be opened because the address names it */
  wanted = null;
  /** @type {string | null} the photograph of the address that was asked for last, in vain if it is not shown then */
  tried = null;
  /** @type {object | null} that asks for the photograph of the address */
  request = null;
  /** Whether the reader asked for the photograph that is shown next. */
  asked = false;

  constructor() {
    globalThis.addEventListener("popstate", (event) => this.go(event), { capture: true });
    examination.onChange(() => void Promise.resolve().then(() => this.follow()));
  }

  /** @returns {string | null} the photograph that the address names */
  get named() {
    return new globalThis.URL(document.URL).searchParams.get(ADDRESS);
  }

  /**
   * The reader has pressed back or forward. Between photographs this is kept from Streamlit, which would run the script
   * for the former one.
   * @param {Event} event
   */
  go(event) {
    if (this.named && examination.mounted.has("canvas")) event.stopImmediatePropagation();
    this.wanted = this.named;
    this.asked = false;
    this.follow();
  }

  /** Bring the address and the shown photograph together. */
  follow() {
    if (examination.request) {
      this.asked ||= examination.request !== this.request;
      return;
    }
    const { image, session } = examination.shown;
    if (!image || !session || !examination.mounted.has("canvas")) return;
    const { named, wanted } = this;
    if (image !== named) this.settle(image, named, wanted);
    else this.rest();
  }

  /**
   * @param {string} image that is shown
   * @param {string | null} named by the address
   * @param {string | null} wanted that was asked for because the address names it
   */
  settle(image, named, wanted) {
    const url = new globalThis.URL(document.URL);
    url.searchParams.set(ADDRESS, image);
    const failed = wanted !== null && this.tried === wanted;
    if (named && !this.asked && !failed) {
      this.wanted = named;
      this.tried = named;
      examination.open(named);
      this.request = examination.request;
      this.asked = false;
      return;
    }
    if (named && this.asked) globalThis.history.pushState({}, "", url);
    else globalThis.history.replaceState({}, "", url);
    this.rest();
  }

  rest() {
    Object.assign(this, { wanted: null, asked: false, tried: null });
  }
}

export const browserHistory = onPage("browser history", () => new BrowserHistory());
