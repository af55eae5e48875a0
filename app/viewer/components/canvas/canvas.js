// The component: one controller per place on the page, kept over reruns. Its data hold the snapshot of the photograph,
// which all components of the page show.

import { find } from "../shared/elements.js";
import { isOutdated, whenGone } from "../shared/component_call.js";
import { browserHistory } from "../shared/browser_history.js";
import { examination } from "../shared/examination.js";
import { keyQueue } from "../shared/key_queue.js";
import { CanvasController } from "./controller.js";
import { pageState } from "./page_state.js";

/** @import { ComponentCall } from "../shared/component_call.js" */
/** @import { CanvasData } from "./layers.js" */

/** @param {ComponentCall<CanvasData>} call */
export default function (call) {
  const { data, parentElement, setStateValue } = call;
  const root = find(parentElement, ".retina-canvas", HTMLElement);
  const controller = pageState.controllers.get(root) ?? new CanvasController(root);
  pageState.controllers.set(root, controller);
  if (!isOutdated(call)) {
    examination.tell = setStateValue;
    controller.take(data);
    examination.take({ ...data.about, image: data.image, candidates: data.candidates, scale: data.scale });
  }
  keyQueue.release();
  browserHistory.follow();
  return () => whenGone(parentElement, () => controller.leave());
}
