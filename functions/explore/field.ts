import { FRAME_COLUMNS, JSON_COLUMNS } from "../event/columns.ts";

/** How a field compares: a path of a JSON column holds anything, an own column has its one type. */
export type FieldKind = "path" | "text" | "uuid" | "time";

const OWN_COLUMNS = new Map<string, FieldKind>(
  FRAME_COLUMNS.filter(({ name }) => !JSON_COLUMNS.includes(name)).map(({ name, wire }) => [
    name,
    wire === "String" ? "text" : wire === "UUID" ? "uuid" : "time",
  ]),
);

/** Letters, digits and _ of any script: what flattening leaves of a name (decision 13b), at most 255 (13c). */
const PATH = new RegExp(`^(${JSON_COLUMNS.join("|")})\\.[\\p{L}\\p{M}\\p{N}_]{1,255}$`, "u");

/**
 * What a field of a filter is, or undefined when there is no such field: a column of an event (`user_id`,
 * `context.page_url`), or a path of a JSON column (`properties.price`, `traits.plan`, `context.anything`).
 */
export function fieldKind(field: string): FieldKind | undefined {
  return OWN_COLUMNS.get(field) ?? (PATH.test(field) ? "path" : undefined);
}
