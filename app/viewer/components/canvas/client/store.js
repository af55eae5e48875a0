// What outlives a rerun and a change of page: encoded pictures by name, and how each canvas was last looked at.
// Both components of this package share it; it lives in the page and never leaves it.

const shared = (globalThis[Symbol.for("retina-xai canvas")] ??= {
  slots: new Map(), // sender -> { header, pictures: Map(name -> Blob) }
  waiting: new Map(), // name -> functions that wait for the picture
  views: new Map(), // key of a canvas -> { image, view, preferences }
  active: null, // the canvas that single-letter keys go to
  shown: null, // the image that the last canvas shows
  told: new EventTarget(), // "image": it shows another one
});

/** The encoded picture of this name, as soon as it has arrived. */
function picture(name) {
  for (const { pictures } of shared.slots.values()) {
    if (pictures.has(name)) return Promise.resolve(pictures.get(name));
  }
  return new Promise((resolve) => {
    shared.waiting.set(name, [...(shared.waiting.get(name) ?? []), resolve]);
  });
}

/** Keep these pictures in place of the sender's former ones, and hand them to whoever waits. */
function keepPictures(sender, header, pictures) {
  shared.slots.set(sender, { header, pictures });
  for (const [name, blob] of pictures) {
    for (const resolve of shared.waiting.get(name) ?? []) resolve(blob);
    shared.waiting.delete(name);
  }
}

/** Tell the other components which image the reader sees. */
function tellShown(image) {
  shared.shown = image;
  shared.told.dispatchEvent(new Event("image"));
}
