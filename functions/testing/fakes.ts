import { RowsRefused } from "../deliver/rows-refused.ts";
import type { Known, Position, Range, Selected, StorePorts } from "../deliver/store-once.ts";
import type { DeadLetter, RejectEvents } from "../event/dead-letter.ts";
import type { CheckedEvent } from "../event/event.ts";
import { decodeFrame } from "../event/frame.ts";
import { valuesOf } from "../event/frame-reader.ts";
import type { Admit, AdmitCall, Claim, IngestPorts, Schemas, SettleClaims } from "../ingest/ports.ts";
import type { Put, PutFrames, PutResult } from "../ingest/publish.ts";
import type { PropertyType, TypedProperty } from "../registry/event-schema.ts";
import type { Source } from "../registry/source.ts";
import { aSource, HOUR, LIMITS } from "./builders.ts";

/** What a scripted call says of each put; `undefined` means stored. A promise holds the call. */
export type PutScript = (puts: readonly Put[]) => (PutResult | "applied" | undefined)[] | Promise<PutResult[]>;

/**
 * A stream in memory. `script` has one entry a call, in order; calls beyond it store everything. "applied" is a put
 * whose answer is lost: written, and said to be unknown. Two puts of one key in a call break the port's promise.
 */
export function aStream(script: PutScript[] = []) {
  const records: { partitionKey: string; record: Buffer }[] = [];
  const calls: (readonly Put[])[] = [];
  let inFlight = 0;
  let inFlightMax = 0;
  const putFrames: PutFrames = async (puts) => {
    if (new Set(puts.map(({ partitionKey }) => partitionKey)).size < puts.length)
      throw new Error("a key twice in one call");
    calls.push(puts);
    inFlightMax = Math.max(inFlightMax, ++inFlight);
    const said = await (script[calls.length - 1]?.(puts) ?? []);
    await Promise.resolve();
    inFlight--;
    return puts.map(({ partitionKey, record }, index) => {
      const result = said[index] ?? "stored";
      if (result === "stored" || result === "applied") records.push({ partitionKey, record: Buffer.from(record) });
      return result === "applied" ? "unknown" : result;
    });
  };
  return {
    putFrames,
    calls,
    records,
    inFlightMax: () => inFlightMax,
    /** Message ids as they lie on the stream, record by record. */
    ids: () => records.map(({ record }) => valuesOf(decodeFrame(record), "message_id").map(String)),
  };
}

/** A stream that keeps the events as they are, and says `results` of them in turn, else that each is stored. */
export function aPublish(results: PutResult[] = []) {
  const published: CheckedEvent[] = [];
  const publish: IngestPorts["publish"] = async (_, events) => {
    published.push(...events);
    return events.map(() => results.shift() ?? "stored");
  };
  return { published, publish };
}

/** Write keys, claims and reports in memory. `sources` by lookup; everything is fresh until it was claimed. */
export function aCache(sources: Record<string, Source> = { "#wk_test": aSource() }) {
  const claims = new Map<string, "pending" | "confirmed">();
  const asked: AdmitCall[] = [];
  const settled: Parameters<SettleClaims>[0][] = [];
  const admit: Admit = async (call) => {
    asked.push(call);
    const said = call.ids.map((id): Claim => {
      const known = claims.get(id);
      if (known === undefined) claims.set(id, "pending");
      return known === undefined ? "fresh" : known === "pending" ? "suspect" : "duplicate";
    });
    return { source: sources[call.lookup] ?? null, claims: said, rate: undefined, limited: undefined };
  };
  const settleClaims: SettleClaims = async (said) => {
    settled.push(said);
    for (const id of said.confirm) claims.set(id, "confirmed");
    for (const id of said.release) if (claims.get(id) === "pending") claims.delete(id);
  };
  return { admit, settleClaims, claims, asked, settled };
}

/** A registry of schemas in memory, shared by all who use it. `away` makes it fail. */
export function aRegistry(known: Record<string, Record<string, PropertyType>> = {}) {
  const types = new Map(Object.entries(known).map(([key, properties]) => [key, new Map(Object.entries(properties))]));
  const learned: TypedProperty[][] = [];
  const state = { away: false, full: false };
  const loaded = new Set<string>();
  const under = (key: string, root: string) =>
    new Map(
      [...(types.get(key) ?? [])]
        .filter(([property]) => property.startsWith(`${root}.`))
        .map(([property, type]) => [property.slice(root.length + 1), type]),
    );
  const schemas: Schemas = {
    known: (_, key) =>
      loaded.has(key)
        ? { properties: under(key, "properties"), traits: under(key, "traits"), full: state.full }
        : undefined,
    load: async (_, keys) => {
      if (state.away) throw new Error("the registry is away");
      for (const key of keys) loaded.add(key);
    },
    learn: async (_, proposed) => {
      if (state.away) throw new Error("the registry is away");
      learned.push([...proposed]);
      for (const { key, property, type } of proposed) {
        const properties = types.get(key) ?? new Map<string, PropertyType>();
        if (!properties.has(property)) properties.set(property, type);
        types.set(key, properties);
      }
    },
  };
  return { schemas, types, learned, state };
}

/** Dead letters in memory; `state.away` makes the queue refuse them. */
export function aDeadLetterQueue() {
  const letters: DeadLetter[] = [];
  const state = { away: false };
  const reject: RejectEvents = async (more) => {
    if (state.away) throw new Error("the queue is away");
    letters.push(...more);
  };
  return { letters, state, reject };
}

/** Every port of ingest over fakes: what a test does not name is quiet and always there. */
export function ingestPorts(given: Partial<IngestPorts> = {}): IngestPorts {
  const cache = aCache();
  return {
    admit: cache.admit,
    settleClaims: cache.settleClaims,
    publish: async (_, events) => events.map(() => "stored" as const),
    reject: aDeadLetterQueue().reject,
    schemas: aRegistry().schemas,
    rulesOf: () => ({ plan: null, suppressed: new Set() }),
    checkPlan: () => () => undefined,
    hashOfPerson: (workspaceId, id) => `${workspaceId}:${id}`,
    placeOf: () => undefined,
    isBot: () => false,
    hashOfAddress: (scope, address) =>
      `ip_${Buffer.from(`${scope}${address}`).toString("hex").slice(0, 32).padEnd(32, "0")}`,
    lookup: { ofKey: (key) => `#${key}`, ofDomain: (name) => `domain:${name}`, ofSite: (id) => `site:${id}` },
    isShown: () => true,
    newId: () => "made-id",
    limits: LIMITS,
    lateAfterMs: 24 * HOUR,
    ack: "durable",
    background: () => {},
    ...given,
  };
}

type Row = Position & { shard: string; workspaceId: string; messageId: string };
/** "none": the insert fails before it does anything. "lost": it is done, and its answer is lost. */
export type InsertFault = "none" | "lost" | undefined;

/** Message ids that the table does not take. */
const POISON = /^poison/;

/**
 * The warehouse's table in memory, with deduplication by token. `faultOf` is asked once an insert. `forgotten` tokens
 * are noted although their rows are not there, as after a server that was killed between the two.
 */
export function aTable(faultOf: () => InsertFault = () => undefined, forgotten: Set<string> = new Set()) {
  const rows: Row[] = [];
  const inserts: { token: string; rows: Row[] }[] = [];
  const looked: { workspaceId: string; ids: string[] }[] = [];
  const letters: DeadLetter[] = [];
  const noted: (Known & { shard: string })[] = [];
  const within = ({ shard, from, to }: Range) =>
    rows.filter((row) => row.shard === shard && row.seq >= from && row.seq <= to);
  const rowsOf = (range: Range, selected: readonly Selected[]): Row[] =>
    selected.flatMap(({ seq, frame, subs }) =>
      valuesOf(frame, "message_id").map((id, place) => ({
        shard: range.shard,
        seq,
        sub: subs[place] ?? -1,
        workspaceId: frame.workspaceId,
        messageId: String(id),
      })),
    );
  const ports: StorePorts = {
    storedPositions: async (range) => within(range).map(({ seq, sub }) => ({ seq, sub })),
    storedCount: async (range) => within(range).length,
    storedMessageIds: async (workspaceId, wanted) => {
      const ids = wanted.map(({ messageId }) => messageId);
      looked.push({ workspaceId, ids });
      return new Set(
        rows
          .filter((row) => row.workspaceId === workspaceId && ids.includes(row.messageId))
          .map((row) => row.messageId),
      );
    },
    reject: async (more) => void letters.push(...more),
    recentSuspects: async (shard) => noted.filter((one) => one.shard === shard),
    noteSuspects: async (shard, known) => void noted.push(...known.map((one) => ({ ...one, shard }))),
    insert: async (range, selected, token) => {
      const fault = faultOf();
      if (fault === "none") throw new Error("the warehouse is away");
      const fresh = rowsOf(range, selected);
      if (fresh.some(({ messageId }) => POISON.test(messageId))) throw new RowsRefused("refused for a test");
      const earlier = inserts.find((insert) => insert.token === token);
      if (earlier && JSON.stringify(earlier.rows) !== JSON.stringify(fresh))
        throw new Error("a token was used for other rows");
      if (!earlier && !forgotten.has(token)) rows.push(...fresh);
      inserts.push({ token, rows: fresh });
      if (fault === "lost") throw new Error("the answer was lost");
    },
  };
  return { ports, rows, inserts, looked, noted, letters };
}
