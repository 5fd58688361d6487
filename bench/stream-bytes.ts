import type { PutFrames } from "../functions/ingest/publish.ts";
import type { Row, Target } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { spreadOf } from "./kit/statistics.ts";
import { createEvents, type Ids } from "./load/events.ts";
import { callOf, ingestInto } from "./load/recorded.ts";

/** A put is billed by units of 25 KB, a record at least one. */
const PUT_UNIT_BYTES = 25 * 1_024;
const P6 = (bound: number): Target => ({ name: "P6", of: "ours", at: "most", bound });
const TARGETS: Record<string, Target> = { "10 one": P6(130), "100 one": P6(100) };

/**
 * How many bytes, records and PUT units does an event cost on the stream? Counts, not times: requests one after the
 * other, as Lambda serves them, so that none shares its frames with another.
 */
export const streamBytes: Question = async ({ scale, seed, say }) => {
  const rows: Row[] = [];
  const events = scale.quick ? 2_000 : 20_000;
  for (const ids of ["one", "mixed"] as const satisfies readonly Ids[]) {
    for (const eventsPerRequest of [1, 10, 20, 100]) {
      say(`stream-bytes: ${eventsPerRequest} a request, ${ids === "one" ? "one id" : "mixed ids"}`);
      const next = createEvents(seed, Date.now);
      const counted = { json: 0, bytes: 0, records: 0, units: 0 };
      const putFrames: PutFrames = async (puts) => {
        for (const { record } of puts) {
          counted.bytes += record.length;
          counted.records += 1;
          counted.units += Math.ceil(record.length / PUT_UNIT_BYTES);
        }
        return puts.map(() => "stored");
      };
      const ingest = ingestInto(putFrames);
      for (let sent = 0; sent < events; sent += eventsPerRequest) {
        const call = callOf(next(eventsPerRequest, ids));
        counted.json += call.body.length;
        await ingest(call);
      }
      const target = TARGETS[`${eventsPerRequest} ${ids}`];
      const row = (unit: string, total: number): Row => ({
        question: "stream-bytes",
        what: `${eventsPerRequest} a request, ${ids === "one" ? "one id" : "mixed ids"}`,
        unit,
        ours: spreadOf([total / events]),
      });
      const json = { what: "bytes of JSON", figure: spreadOf([counted.json / events]) };
      rows.push(
        { ...row("bytes/event", counted.bytes), reference: json, ...(target && { target }) },
        row("records/event", counted.records),
        row("PUT units/event", counted.units),
      );
    }
  }
  return { rows, notes: [], measured: { events } };
};
