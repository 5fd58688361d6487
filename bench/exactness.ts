import { type Piece, prepare } from "../functions/deliver/prepare.ts";
import { createStoreOnce, type Range } from "../functions/deliver/store-once.ts";
import { env } from "../functions/kit/env.ts";
import { openStores } from "../functions/stores/open.ts";
import { createRandom, type Random } from "../stacks/local/demo/random.ts";
import type { Row } from "./kit/row.ts";
import type { Question } from "./kit/scale.ts";
import { ratioOf, spreadOf } from "./kit/statistics.ts";
import { number } from "./kit/table.ts";
import { type BenchEngine, migratedDatabase, ownCpuSeconds, startEngine } from "./kit/warehouse.ts";
import { recordBacklog } from "./load/backlog.ts";
import { createLedger, type StoreChunk, whole } from "./load/ledger.ts";
import { storeRows } from "./load/stored-rows.ts";

/** How a chunk is stored, and what its events are like. */
type Variant = { what: string; store: StoreChunk; suspects: number; spreadDays?: number };
type Run = { events: number; seconds: number; cpu: number };
type Chunk = { range: Range; pieces: Piece[] };

const SIZES = [1_000, 10_000];
const CHUNKS_PER_RUN = 6;
const COPIED = "copied";
const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * What does exactness cost? The same kind of chunks into a table that holds ten million rows: inserted under a token and
 * nothing else, which is the floor and not exact; by a ledger in Postgres (variant L); and by our writer (variant R), which
 * reads back and counts, with none, one in twenty and all of the events suspects that are looked up (decision 15a).
 */
export const exactness: Question = async ({ scale, seed, say }) => {
  const [engine, postgres] = await Promise.all([startEngine("warehouse"), startEngine("database")]);
  const runs = new Map<string, Run[]>();
  try {
    const { client, name, url } = await migratedDatabase(engine);
    const stores = openStores({ ...env.stores, clickhouse: { ...env.stores.clickhouse, url, database: name } });
    const { warehouse } = stores;
    const storeOnce = createStoreOnce({ ...warehouse, reject: neverRejected });
    const ours: StoreChunk = (range, pieces) => storeOnce(range, pieces, Date.now() + CHUNK_MS_MAX);
    say(`exactness: a table of ${number(scale.storedRows)} rows`);
    for (const { range, pieces } of await chunksOf(`${seed} copied`, scale.storedRows / 50, COPIED, scale.storedRows))
      await ours(range, pieces);
    await storeRows(client, COPIED, scale.storedRows);
    const ledger = await createLedger(postgres.url, warehouse.insert);
    const variants: Variant[] = [
      {
        what: "token only",
        suspects: 0,
        store: (range, pieces) =>
          warehouse.insert(range, pieces.map(whole), `${range.shard}:${range.from}`, CHUNK_MS_MAX),
      },
      { what: "L, ledger in Postgres", suspects: 0, store: ledger.store },
      { what: "R, no suspects", suspects: 0, store: ours },
      { what: "R, 5 % suspects", suspects: 0.05, store: ours },
      { what: "R, all suspects", suspects: 1, store: ours },
      { what: "R, all suspects, over 30 days", suspects: 1, store: ours, spreadDays: 30 },
    ];
    for (let round = 0; round <= scale.rounds; round++) {
      say(`exactness: ${round === 0 ? "warm-up" : `round ${round} of ${scale.rounds}`}`);
      for (const size of SIZES)
        for (const [at, variant] of variants.entries()) {
          const chunks = await chunksOf(
            `${seed} ${round} ${size} ${at}`,
            size * CHUNKS_PER_RUN,
            `v${at}-${size}-${round}`,
            size,
            variant,
          );
          const run = await timed(engine, chunks, variant.store);
          const key = keyOf(size, variant);
          if (round > 0) runs.set(key, [...(runs.get(key) ?? []), run]);
        }
    }
    await ledger.close();
    await client.close();
    return {
      rows: SIZES.flatMap((size) => variants.map((variant) => rowOf(size, variant, variants[0] as Variant, runs))),
      notes: [
        `exactness: into ${number(scale.storedRows)} rows of 30 days on 16 shards; ${CHUNKS_PER_RUN} chunks a round; merges go on.`,
      ],
      measured: Object.fromEntries(runs),
    };
  } finally {
    await Promise.all([engine.stop(), postgres.stop()]);
  }
};

const CHUNK_MS_MAX = 60_000;
const neverRejected = async (letters: readonly unknown[]) => {
  throw new Error(`${letters.length} events were refused`);
};

const keyOf = (size: number, { what }: Variant) => `${number(size)} a chunk, ${what}`;

function rowOf(size: number, variant: Variant, floor: Variant, runs: ReadonlyMap<string, Run[]>): Row {
  const perEvent = (of: Variant, pick: (run: Run) => number) =>
    (runs.get(keyOf(size, of)) ?? []).map((run) => (pick(run) * 1e6) / run.events);
  const [own, least] = [perEvent(variant, ({ seconds }) => seconds), perEvent(floor, ({ seconds }) => seconds)];
  return {
    question: "exactness",
    what: keyOf(size, variant),
    unit: `µs an event (CPU ${number(spreadOf(perEvent(variant, ({ cpu }) => cpu)).median)})`,
    ours: spreadOf(own),
    ...(variant !== floor && { reference: { what: floor.what, figure: spreadOf(least) }, ratio: ratioOf(own, least) }),
  };
}

async function timed(engine: BenchEngine, chunks: readonly Chunk[], store: StoreChunk): Promise<Run> {
  const before = { cpu: ownCpuSeconds() + engine.cpuSeconds(), at: performance.now() };
  for (const { range, pieces } of chunks) await store(range, pieces);
  return {
    events: chunks.reduce((sum, { pieces }) => sum + eventsIn(pieces), 0),
    seconds: (performance.now() - before.at) / 1_000,
    cpu: ownCpuSeconds() + engine.cpuSeconds() - before.cpu,
  };
}

const eventsIn = (pieces: readonly Piece[]) => pieces.reduce((sum, { frame }) => sum + frame.events, 0);

/** New events as chunks of about `size` on a shard of their own, `suspects` of them marked as such. */
async function chunksOf(
  seed: string,
  events: number,
  shard: string,
  size: number,
  { suspects, spreadDays = 0 }: Pick<Variant, "suspects" | "spreadDays"> = { suspects: 0 },
): Promise<Chunk[]> {
  const random = createRandom(`exactness ${seed}`);
  const timeOf = () => Date.now() - Math.floor(random() * spreadDays * DAY_MS);
  const { shards } = await recordBacklog(seed, events, timeOf);
  const records = shards.flat().flatMap(({ Records }) => Records);
  const { pieces } = prepare(records, shard);
  // Two shards' numbers, put behind each other.
  pieces.sort((a, b) => (a.seq < b.seq ? -1 : 1));
  const chunks: Chunk[] = [];
  let open: Piece[] = [];
  for (const [at, piece] of pieces.entries()) {
    open.push({ ...piece, frame: marked(piece, suspects, random) });
    if (eventsIn(open) < size && at < pieces.length - 1) continue;
    const [from = "", to = ""] = [open[0]?.seq, open.at(-1)?.seq];
    chunks.push({ range: { stream: "bench", shard, from, to }, pieces: open });
    open = [];
  }
  return chunks;
}

const marked = ({ frame }: Piece, share: number, random: Random): Piece["frame"] => ({
  ...frame,
  suspects: frame.suspects.map(() => (random() < share ? 1 : 0)),
});
