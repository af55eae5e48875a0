// Messages to Python, and the lesions that come back. An edit is sent as the whole list under an id of its own. Python
// checks the list, moves what lies beyond the photograph onto its border, and sends it back with the id of the last
// edit in it. Until that is the id of the last edit sent, what comes is older than what is shown and is ignored.

/** @import { Annotation } from "./annotations.js" */

const DELAY = 300; // milliseconds after which a choice made by holding a key is sent

export class Messages {
  image = "";
  /** @type {string | null} the edit that Python has not confirmed yet */
  pending = null;
  /** The list that Python is known to have, as JSON. */
  known = "";
  /** @type {number | undefined} */
  timer;
  /** @type {(name: string, value: unknown) => void} */
  setStateValue = () => {};

  /**
   * Begin with another image.
   * @param {string} image
   */
  begin(image) {
    this.image = image;
    this.pending = null;
    this.known = "";
    clearTimeout(this.timer);
  }

  /**
   * Whether lesions from Python are news, to be shown in place of the present ones.
   * @param {Annotation[]} lesions
   * @param {string | null} edit the last edit in them
   */
  isNews(lesions, edit) {
    if (this.pending !== null && this.pending !== edit) return false;
    const { known } = this;
    this.pending = null;
    this.known = JSON.stringify(lesions);
    return this.known !== known;
  }

  /** @param {Annotation[]} lesions */
  sendDrawn(lesions) {
    this.pending = crypto.randomUUID();
    this.known = JSON.stringify(lesions);
    this.setStateValue("drawn", { image: this.image, edit: this.pending, value: lesions });
  }

  /**
   * @param {string | null} id of a candidate
   * @param {boolean} later wait whether another choice follows
   */
  sendSelected(id, later) {
    clearTimeout(this.timer);
    const { image } = this;
    const send = () => this.setStateValue("selected", { image, value: id });
    if (later) this.timer = setTimeout(send, DELAY);
    else send();
  }
}
