// What the reader has said and not stored yet: the name, and a draft for each photograph. It lives in the page, so that
// no rerun, no change of page and no slow server can lose it; Python hears it whole when it is to be stored.

const reading = (globalThis[Symbol.for("retina-xai reading")] ??= {
  reader: "",
  drafts: new Map(), // photograph -> { decision, comment, sent: id of a reading without an answer, session, said }
  told: new EventTarget(), // "reader": the name has changed
});

function draftOf(image) {
  if (!reading.drafts.has(image)) reading.drafts.set(image, { decision: "none", comment: "", sent: null });
  return reading.drafts.get(image);
}

function setReader(name) {
  if (name === reading.reader) return;
  reading.reader = name;
  reading.told.dispatchEvent(new Event("reader"));
}
