import type { ShardRecord } from "../../../stacks/local/event-source/kinesis-event.ts";
import type { CheckedEvent } from "../../event/event.ts";
import { aCheckedEvent, aFrame, NOW, seqOf } from "../builders.ts";
import { type Chance, pick } from "./chance.ts";
import type { SentEvent } from "./invariants.ts";

export type ShardOfRecords = {
  records: ShardRecord[];
  /** Each event once, however often a producer repeated it. */
  sent: SentEvent[];
  /** Where the records are that nobody can read. */
  poison: string[];
};

const KEYS = 12;
const LAST_MONTH = NOW - 31 * 24 * 60 * 60 * 1_000;

/**
 * A shard as producers leave it: records of one event or a few, of people who each count their events; some events again,
 * suspect, in a later record, as after an answer that was lost; some of another month, and here and there a record that
 * is no frame.
 */
export function shardOfRecords(chance: Chance, shard: string, workspaceId: string, count: number): ShardOfRecords {
  const [sent, poison, drafts]: [SentEvent[], string[], CheckedEvent[]] = [[], [], []];
  const counters = new Map<string, number>();
  const anEvent = (): CheckedEvent => {
    if (drafts.length > 0 && chance() < 0.06) return { ...pick(chance, drafts.slice(-300)), suspect: true };
    const key = `${shard} ${Math.floor(chance() * KEYS)}`;
    const n = (counters.get(key) ?? 0) + 1;
    counters.set(key, n);
    const one = { id: `${key} ${n}`, key, n, props: `text of ${key} ${n} ☃` };
    sent.push(one);
    const time = chance() < 0.002 ? LAST_MONTH : NOW;
    const draft = aCheckedEvent({
      ...{ messageId: one.id, anonymousId: key, properties: { n, text: one.props }, suspect: chance() < 0.03 },
      ...{ timestamp: time, originalTimestamp: time - 1_000 },
    });
    drafts.push(draft);
    return draft;
  };
  const records = Array.from({ length: count }, (_, index): ShardRecord => {
    const events = chance() < 0.8 ? [anEvent()] : Array.from({ length: 1 + Math.floor(chance() * 4) }, anEvent);
    return { sequenceNumber: seqOf(index), partitionKey: "p", data: aFrame(events, workspaceId), arrivalMs: NOW };
  });
  for (let at = Math.floor(chance() * 50); at < count; at += 200 + Math.floor(chance() * 800)) {
    // Between two records: nothing that was sent is lost with it.
    const data = aFrame([aCheckedEvent()], workspaceId);
    data.writeUInt8(data.readUInt8(data.length - 1) ^ 1, data.length - 1);
    const sequenceNumber = `${seqOf(at).slice(0, -1)}x`;
    records.splice(at, 0, { sequenceNumber, partitionKey: "p", data, arrivalMs: NOW });
  }
  return { records: numbered(records, poison), sent, poison };
}

/** Sequence numbers in the order of the shard; `poison` is told where its records came to lie. */
function numbered(records: readonly ShardRecord[], poison: string[]): ShardRecord[] {
  return records.map((record, index) => {
    if (record.sequenceNumber.endsWith("x")) poison.push(seqOf(index));
    return { ...record, sequenceNumber: seqOf(index) };
  });
}
