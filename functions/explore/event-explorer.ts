import * as z from "zod";
import { CONTEXT_COLUMNS } from "../event/columns.ts";
import { EVENT_TYPES, type JsonObject } from "../event/event.ts";
import { query, question } from "../kit/query.ts";
import { Filters } from "./filter.ts";
import { Instant } from "./instant.ts";
import { after, cursorOf, positionOf } from "./keyset.ts";
import { compileFilters } from "./predicates.ts";

const TABLES = ["events", ...EVENT_TYPES.map((type) => `events_${type}` as const)] as const;
const DEFAULT_RANGE_MS = 7 * 24 * 60 * 60 * 1_000;

/** The body of `POST /query/events`. Without `from` the last 7 days, without `to` until now. A-01, D-03, decision 19a. */
export const EventsBody = z.object({
  table: z.enum(TABLES, { error: `a table is one of ${TABLES.join(", ")}` }),
  filters: Filters.default([]),
  from: Instant.optional(),
  to: Instant.optional(),
  order: z.enum(["asc", "desc"]).default("desc"),
  limit: z.int().min(1).max(1_000).default(100),
  cursor: z
    .string()
    .transform(positionOf)
    .refine((position) => position !== undefined, { error: "this is not a cursor of an earlier answer" })
    .nullish(),
});

/** A row as ClickHouse gives it: the context in its own columns and the rest of it in `context`. */
const StoredRow = z.looseObject({
  message_id: z.string(),
  timestamp: z.string(),
  warnings: z.string(),
  context: z.record(z.string(), z.json()),
});

const events = query({
  sql: "explore/event_explorer",
  params: z.object({ from: z.int(), to: z.int(), limit: z.int() }),
  slots: ["type", "filters", "after", "order"],
  row: StoredRow,
  cacheSeconds: 60,
});

/**
 * Raw events of one workspace, newest first unless asked otherwise, in pages that stay stable while events arrive.
 * Rows are what clients see (decision 14a): properties, traits and context are whole objects, times are UTC.
 */
export const eventExplorer = question({
  name: "event_explorer",
  body: EventsBody,
  query: events,
  input: ({ table, filters, from, to, order, limit, cursor }, now) => ({
    // One row more than asked for tells whether there is a next page.
    params: { from: from ?? (to ?? now) - DEFAULT_RANGE_MS, to: to ?? now, limit: limit + 1 },
    slots: {
      type: ofTable(table),
      filters: compileFilters(filters),
      after: after(cursor ?? undefined, order),
      order: { text: order === "asc" ? "ASC" : "DESC", values: {} },
    },
  }),
  answer: (rows, { limit }) => {
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const more = rows.length > limit && last !== undefined;
    return {
      rows: page.map(clientRow),
      next_cursor: more ? cursorOf({ timestamp: Date.parse(last.timestamp), messageId: last.message_id }) : null,
    };
  },
});

const ofTable = (table: (typeof TABLES)[number]) =>
  table === "events"
    ? { text: "", values: {} }
    : { text: "AND type = {type: String}", values: { type: table.slice("events_".length) } };

/** Puts the context's own columns back into it; an empty one was never sent. */
function clientRow(row: z.output<typeof StoredRow>): JsonObject {
  const { context, warnings, ...rest } = row as JsonObject & { context: JsonObject; warnings: string };
  const whole: JsonObject = { ...context };
  for (const path of CONTEXT_COLUMNS) {
    const column = `context.${path}`;
    const value = rest[column];
    if (value !== undefined && value !== "") whole[path] = value;
    delete rest[column];
  }
  return { ...rest, warnings: warnings === "" ? [] : warnings.split(","), context: whole };
}
