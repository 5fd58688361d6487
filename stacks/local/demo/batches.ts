import { SOURCES, type SourceName } from "./tape.ts";
import type { DemoEvent, DemoType } from "./timeline.ts";

/** Events of one source for one request: the JSON of each, joined by commas, and the type of each by its index. */
export type Batch = { source: SourceName; json: string; types: readonly DemoType[] };

/** What Segment's own clients keep to (500 KB a request), with room for the envelope. */
const EVENTS_MAX = 500;
const BYTES_MAX = 450_000;

/** Gathers the events of each source into requests of at most 500 events or 450 KB, in their order; nothing is left. */
export function* batchesOf(events: Iterable<DemoEvent>): Generator<Batch> {
  const open = new Map(SOURCES.map((source) => [source, emptyOf(source)]));
  for (const event of events) {
    let gathered = open.get(event.source) ?? emptyOf(event.source);
    const bytes = Buffer.byteLength(event.json) + 1;
    if (gathered.types.length === EVENTS_MAX || gathered.bytes + bytes > BYTES_MAX) {
      yield closed(gathered);
      gathered = emptyOf(event.source);
      open.set(event.source, gathered);
    }
    gathered.parts.push(event.json);
    gathered.types.push(event.type);
    gathered.bytes += bytes;
  }
  for (const gathered of open.values()) if (gathered.types.length > 0) yield closed(gathered);
}

type Gathered = { source: SourceName; parts: string[]; types: DemoType[]; bytes: number };
const emptyOf = (source: SourceName): Gathered => ({ source, parts: [], types: [], bytes: 0 });
const closed = ({ source, parts, types }: Gathered): Batch => ({ source, json: parts.join(","), types });
