// The component: one controller per place on the page, kept over reruns.

import { find } from "../shared/elements.js";
import { isOutdated, whenGone } from "../shared/component_call.js";
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
    controller.messages.setStateValue = setStateValue;
    controller.take(data);
  }
  return () => whenGone(parentElement, () => controller.leave());
}
