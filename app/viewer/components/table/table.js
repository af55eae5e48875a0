// The component of a table of which one row is chosen. A table whose rows open photographs says so in its data: keys that
// are pressed from then on wait for the photograph.

import { isOutdated } from "../shared/component_call.js";
import { find } from "../shared/elements.js";
import { examination } from "../shared/examination.js";
import { keyQueue } from "../shared/key_queue.js";
import { onPage } from "../shared/page_memory.js";
import { SelectableTable } from "./selectable_table.js";

/** @import { ComponentCall } from "../shared/component_call.js" */
/** @import { TableData } from "./selectable_table.js" */

const tables = onPage("tables", () => /** @type {WeakMap<Element, SelectableTable>} */ (new WeakMap()));

/** @param {ComponentCall<TableData & { opens: boolean }>} call */
export default function (call) {
  if (isOutdated(call)) return;
  const { data, parentElement, setTriggerValue } = call;
  const root = find(parentElement, ".rows", HTMLElement);
  const table = tables.get(root) ?? new SelectableTable(root);
  tables.set(root, table);
  table.tell = (id) => {
    if (data.opens) examination.expect();
    setTriggerValue("chosen", id);
  };
  table.show(data);
  keyQueue.release();
}
