// What goes to Python and what comes back. The reader's lesions are edited here and echoed by the page, possibly some
// edits late: an echo is no news. A list is adopted if it belongs to a new image, or if the page changed it by itself.

const PATIENCE = 300; // milliseconds after which a choice made by holding a key is told

class Exchange {
  constructor() {
    this.begin(null);
  }

  begin(image) {
    Object.assign(this, { image, received: null, sent: [] });
    clearTimeout(this.timer);
  }

  /** The lesions to show in place of the present ones, or null if these stay. */
  adopt(lesions) {
    const text = JSON.stringify(lesions);
    const news = text !== this.received && !this.sent.includes(text);
    if (text === this.sent.at(-1) || news) this.sent = [];
    this.received = text;
    return news ? lesions : null;
  }

  sendDrawn(lesions) {
    this.sent.push(JSON.stringify(lesions));
    this.setStateValue("drawn", { image: this.image, edit: crypto.randomUUID(), value: lesions });
  }

  sendSelected(id, patiently = false) {
    clearTimeout(this.timer);
    const { image } = this;
    const send = () => this.setStateValue("selected", { image, value: id });
    if (patiently) this.timer = setTimeout(send, PATIENCE);
    else send();
  }
}
