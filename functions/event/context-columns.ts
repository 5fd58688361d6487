import { jsonText } from "../kit/json-text.ts";
import { CONTEXT_COLUMNS } from "./columns.ts";
import type { Json, JsonObject } from "./event.ts";

const INDEX = new Map<string, number>(CONTEXT_COLUMNS.map((path, index) => [path, index]));

/**
 * A flat context as the table keeps it: `own` in the order of CONTEXT_COLUMNS ("" where the path is absent or null),
 * and `rest` as JSON text. An own column holds text: a number or a list under such a path is written as JSON.
 */
export function contextColumnsOf(context: JsonObject): { own: string[]; rest: string } {
  const own = new Array<string>(CONTEXT_COLUMNS.length).fill("");
  const rest: JsonObject = {};
  let more = false;
  for (const path in context) {
    const value = context[path] as Json;
    const index = INDEX.get(path);
    if (index !== undefined)
      own[index] = typeof value === "string" ? value : value === null ? "" : JSON.stringify(value);
    else {
      rest[path] = value;
      more = true;
    }
  }
  return { own, rest: more ? jsonText(rest) : "{}" };
}
