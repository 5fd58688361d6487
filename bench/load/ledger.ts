import postgres from "postgres";
import type { Piece } from "../../functions/deliver/prepare.ts";
import type { Range, StorePorts } from "../../functions/deliver/store-once.ts";

/** Stores one chunk of a shard. */
export type StoreChunk = (range: Range, pieces: readonly Piece[]) => Promise<void>;

/**
 * Variant L of reliability.md 3.4, as far as a batch without a fault goes: the ledger is read, the range noted as pending
 * and, after the insert, as committed, each on the condition that nobody else took the shard. Producers' repeats are not
 * removed.
 */
export async function createLedger(url: string, insert: StorePorts["insert"]) {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  await sql`create table ledger (
    stream text, shard text, fence bigint not null, committed_seq text not null default '',
    pending_from text, pending_to text, pending_token text, primary key (stream, shard))`;
  const store: StoreChunk = async (range, pieces) => {
    const { stream, shard, from, to } = range;
    const [held] = await sql`
      insert into ledger (stream, shard, fence) values (${stream}, ${shard}, 1)
      on conflict (stream, shard) do update set fence = ledger.fence + 1 returning fence, committed_seq`;
    if (held?.committed_seq >= from) throw new Error("this range is committed already");
    const token = `${stream}:${shard}:${from}-${to}`;
    const mine = sql`stream = ${stream} and shard = ${shard} and fence = ${held?.fence}`;
    await sql`update ledger set pending_from = ${from}, pending_to = ${to}, pending_token = ${token} where ${mine}`;
    await insert(range, pieces.map(whole), token, INSERT_MS_MAX);
    const done = await sql`update ledger set committed_seq = ${to}, pending_token = null where ${mine}`;
    if (done.count !== 1) throw new Error("somebody else took the shard");
  };
  return { store, close: () => sql.end() };
}

const INSERT_MS_MAX = 60_000;

export const whole = ({ seq, frame }: Piece) => ({
  seq,
  frame,
  subs: Array.from({ length: frame.events }, (_, sub) => sub),
});
