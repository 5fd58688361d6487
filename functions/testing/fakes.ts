import type { Position, Range, Selected, StorePorts } from "../deliver/store-once.ts";
import { decodeFrame } from "../event/frame.ts";
import { valuesOf } from "../event/frame-reader.ts";
import type { Admit, Claim, SettleClaims } from "../ingest/ingest.ts";
import type { Put, PutFrames, PutResult } from "../ingest/publish.ts";
import type { Source } from "../registry/source.ts";
import { aSource } from "./builders.ts";

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

/** Write keys and claims in memory. `sources` by key hash; everything is fresh until it was claimed. */
export function aCache(sources: Record<string, Source> = { "#wk_test": aSource() }) {
  const claims = new Map<string, "pending" | "confirmed">();
  const asked: { keyHash: string; ids: readonly string[] }[] = [];
  const settled: { confirm: readonly string[]; release: readonly string[] }[] = [];
  const admit: Admit = async (keyHash, ids) => {
    asked.push({ keyHash, ids });
    const said = ids.map((id): Claim => {
      const known = claims.get(id);
      if (known === undefined) claims.set(id, "pending");
      return known === undefined ? "fresh" : known === "pending" ? "suspect" : "duplicate";
    });
    return { source: sources[keyHash] ?? null, requestId: `r${asked.length}`, claims: said };
  };
  const settleClaims: SettleClaims = async (_workspaceId, _requestId, { confirm, release }) => {
    settled.push({ confirm, release });
    for (const id of confirm) claims.set(id, "confirmed");
    for (const id of release) claims.delete(id);
  };
  return { admit, settleClaims, claims, asked, settled };
}

type Row = Position & { shard: string; workspaceId: string; messageId: string };
/** "none": the insert fails before it does anything. "lost": it is done, and its answer is lost. */
export type InsertFault = "none" | "lost" | undefined;

/**
 * The warehouse's table in memory, with deduplication by token. `faultOf` is asked once an insert. `forgotten` tokens
 * are noted although their rows are not there, as after a server that was killed between the two.
 */
export function aTable(faultOf: () => InsertFault = () => undefined, forgotten: Set<string> = new Set()) {
  const rows: Row[] = [];
  const inserts: { token: string; rows: Row[] }[] = [];
  const looked: { workspaceId: string; ids: string[] }[] = [];
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
    insert: async (range, selected, token) => {
      const fault = faultOf();
      if (fault === "none") throw new Error("the warehouse is away");
      const fresh = rowsOf(range, selected);
      const earlier = inserts.find((insert) => insert.token === token);
      if (earlier && JSON.stringify(earlier.rows) !== JSON.stringify(fresh))
        throw new Error("a token was used for other rows");
      if (!earlier && !forgotten.has(token)) rows.push(...fresh);
      inserts.push({ token, rows: fresh });
      if (fault === "lost") throw new Error("the answer was lost");
    },
  };
  return { ports, rows, inserts, looked };
}
