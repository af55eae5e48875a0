// The component: one viewer per place on the page, kept over reruns.

const viewers = (shared.viewers ??= new WeakMap());

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".retina-canvas");
  if (!viewers.has(root)) viewers.set(root, new Viewer(root));
  const viewer = viewers.get(root);
  viewer.take(data, setStateValue);
  return () => whenGone(parentElement, () => viewer.leave());
}
