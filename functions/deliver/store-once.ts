import { createHash } from "node:crypto";
import type { RejectEvents } from "../event/dead-letter.ts";
import type { Frame } from "../event/frame.ts";
import { valuesOf } from "../event/frame-reader.ts";
import { everyTime } from "../event/frame-times.ts";
import { isSaneTime } from "../event/sane-time.ts";
import { AppError } from "../kit/errors.ts";
import { createInTurn } from "../kit/in-turn.ts";
import { log } from "../kit/log.ts";
import { metrics } from "../kit/metrics.ts";
import { byMonth } from "./by-month.ts";
import { insertLetters } from "./insert-letters.ts";
import { OutOfTime } from "./out-of-time.ts";
import type { Piece } from "./prepare.ts";
import { RowsRefused } from "./rows-refused.ts";
import { countOf, halves, keep, numbers, type Selected } from "./selected.ts";

export type { Selected } from "./selected.ts";

/** The exact records of one chunk: sequence numbers have up to 56 digits and stay text. */
export type Range = { stream: string; shard: string; from: string; to: string };

/** The place of a stored event: its record, and its number in the record's frame. */
export type Position = { seq: string; sub: number };

/** How a producer's repeat is found: by message id, near the client's own time (ms UTC; undefined where it had none). */
export type Wanted = { messageId: string; originalTimestamp: number | undefined; receivedAt: number };

/** A message as all copies of it are known. */
export type Known = { workspaceId: string; messageId: string };

export type StorePorts = {
  /** What a former attempt left of this range. Runs after any insert of this writer that may still be going on. */
  storedPositions: (range: Range) => Promise<Position[]>;
  /** How many events of the range are in the table now. */
  storedCount: (range: Range) => Promise<number>;
  /** The ids of those messages of a workspace that are in the table already. */
  storedMessageIds: (workspaceId: string, wanted: readonly Wanted[]) => Promise<ReadonlySet<string>>;
  /** The suspects of this shard that were noted in the last 15 minutes, or that they are too many to be named. */
  recentSuspects: (shard: string) => Promise<readonly Known[] | "many">;
  /** Notes suspects that are about to be stored; doing it twice changes nothing. */
  noteSuspects: (shard: string, known: readonly Known[]) => Promise<void>;
  /** What the table will never take. Throws unless all are kept. */
  reject: RejectEvents;
  /**
   * One insert under `token`, given up after `msMax`; the same token again is dropped by the engine. Throws `RowsRefused`
   * when the table does not take these rows, anything else when the outcome is unknown.
   */
  insert: (range: Range, selected: readonly Selected[], token: string, msMax: number) => Promise<void>;
};

/** No insert begins, and none goes on, after `endsAtMs` (milliseconds UTC): by then somebody else has the range. */
export type StoreOnce = (range: Range, pieces: readonly Piece[], endsAtMs: number) => Promise<void>;

/**
 * Inserts each event of the range that the table does not hold. A batch that was cut differently is resolved by position
 * (what of this range is there?), a producer's repeat by message id, which only suspects are asked for, and clean events
 * whose suspect repeat was stored in the last 15 minutes: a put that timed out may land after its repeat (decision 15a). Of
 * repeats inside the chunk the first wins. An insert is of one month, and so whole or not there; its token names its exact
 * events, so a lost answer cannot double them. reliability.md 3.5, variant R. What the table does not take goes to the dead
 * letters. Throws when the other events are not there after the insert; `OutOfTime` when there was no time for it.
 *
 * Two invocations of one shard at once (F10). In one process the second waits for the first, and then finds what it left.
 * Of two processes with the very same range the engine takes one insert, by the token. Two that overlap and are cut
 * differently, both between read-back and insert at the same moment, would both be stored: nothing in ClickHouse forbids
 * it, so that much rests on the event-source mapping, which has one batch of a shard in flight (ParallelizationFactor 1),
 * and on `endsAtMs`, by which an invocation that it gave up has ended. It cannot stay unseen: whoever finds more rows in its
 * range than were there and its own fails, aloud, and its batch is not committed.
 */
export function createStoreOnce(ports: StorePorts, now: () => number = Date.now): StoreOnce {
  const inTurn = createInTurn();
  return async (range, pieces, endsAtMs) => {
    if (pieces.length === 0) return;
    await inTurn(`${range.stream}:${range.shard}`, () =>
      storeOnce(ports, { range, pieces, endsAtMs, now, refusals: 0 }),
    );
  };
}

async function storeOnce(ports: StorePorts, insertion: Insertion): Promise<void> {
  const { range, pieces } = insertion;
  const [present, recent] = await Promise.all([
    ports.storedPositions(range),
    // While the cache is away, or young, and in an import all are suspects: nobody is asked for what nobody needs.
    pieces.some(({ frame }) => frame.suspects.includes(0)) ? ports.recentSuspects(range.shard) : [],
  ]);
  const doubtfulOf = doubts(recent);
  const stored = new Set(present.map(({ seq, sub }) => `${seq}/${sub}`));
  const missing = present.length === 0 ? pieces.map(whole) : select(pieces, (position) => !stored.has(position));
  const left = await withoutBrokenClocks(ports, range, missing);
  // A clean copy behind its suspect repeat was left out: it must be once more when only the repeat is stored.
  const there = present.length === 0 ? [] : select(pieces, (position) => stored.has(position));
  const doubtful = new Map(left.map((piece) => [piece, doubtfulOf(piece.frame)]));
  const inDoubt = [...doubtful.values()].some((places) => places.size > 0);
  const selected =
    inDoubt || there.some(({ frame }) => hasSuspects(frame))
      ? await withoutRepeats(ports, left, there, doubtful)
      : left;
  const events = selected.filter(({ subs }) => subs.length > 0);
  // When the chunk is done, so that one that is tried again is not counted twice.
  const count = () => {
    metrics.writer.there(countOf(there));
    metrics.writer.lookedUp([...doubtful.values()].reduce((sum, places) => sum + places.size, 0));
    metrics.writer.repeated(countOf(left) - countOf(events));
  };
  if (events.length === 0) return count();
  const suspects = events.flatMap(suspectsOf);
  // Before the rows: what is noted and not stored costs a look-up, what is stored and not noted may be stored twice.
  if (suspects.length > 0) await ports.noteSuspects(range.shard, suspects);
  let before = present.length;
  for (const month of byMonth(events)) before = await insertAll(ports, insertion, month, before);
  count();
}

/** The door replaces a time that nobody can believe; a frame with one all the same would open partitions of its own. */
async function withoutBrokenClocks(
  ports: StorePorts,
  { shard }: Range,
  pieces: readonly Selected[],
): Promise<readonly Selected[]> {
  if (pieces.every(({ frame }) => everyTime(frame, isSaneTime))) return pieces;
  const sane = pieces.map(({ frame }) => {
    const places: boolean[] = [];
    everyTime(frame, (timestamp, receivedAt) => places.push(isSaneTime(timestamp, receivedAt)) > 0);
    return places;
  });
  const parted = (isKept: boolean) =>
    pieces.map((piece, at) => keep(piece, (_, place) => sane[at]?.[place] === isKept));
  const broken = { message: "The time lies outside 2000-01-01 … 24 hours after it was received.", field: "timestamp" };
  await ports.reject(parted(false).flatMap((piece) => insertLetters(shard, piece, broken)));
  return parted(true);
}

type Insertion = {
  range: Range;
  pieces: readonly Piece[];
  endsAtMs: number;
  now: () => number;
  /** Refused inserts of this chunk so far. */
  refusals: number;
};

/** Beyond so many refused inserts whole groups go to the dead letters: a chunk of nothing but bad rows must end too. */
const REFUSALS_MAX = 200;

/**
 * Inserts events of one month in their order. Rows that the table does not take for what they hold are found by halving
 * and leave as dead letters, and the rest is stored: one bad row holds nobody up. What is too much for the engine's memory
 * is halved too. `before` is how many of the range are stored already; returns how many are then.
 */
async function insertAll(
  ports: StorePorts,
  insertion: Insertion,
  events: readonly Selected[],
  before: number,
): Promise<number> {
  try {
    return await insertOnce(ports, insertion, events, before);
  } catch (error) {
    const isRefused = error instanceof RowsRefused;
    const isTooMuch = error instanceof AppError && error.code === "query_limit" && countOf(events) > 1;
    if (!isRefused && !isTooMuch) throw error;
    const { range } = insertion;
    const present = await ports.storedPositions(range);
    const stored = new Set(present.map(({ seq, sub }) => `${seq}/${sub}`));
    const left = keepLeft(events, stored);
    if (left.length === 0) return present.length;
    if (isRefused && (countOf(left) === 1 || ++insertion.refusals > REFUSALS_MAX)) {
      await ports.reject(left.flatMap((piece) => insertLetters(range.shard, piece, error)));
      return present.length;
    }
    log.warn({ ...range, events: countOf(left), error: error.message }, "rows refused, inserting them in halves");
    let done = present.length;
    for (const half of halves(left).filter((part) => countOf(part) > 0))
      done = await insertAll(ports, insertion, half, done);
    return done;
  }
}

async function insertOnce(
  ports: StorePorts,
  { range, pieces, endsAtMs, now }: Insertion,
  events: readonly Selected[],
  before: number,
): Promise<number> {
  const wanted = before + countOf(events);
  // A MergeTree that is not replicated notes a token before it commits the part: a server that was killed between the
  // two says "seen" for ever to rows that it does not have. So what an insert claims is counted, and a token that
  // turned out to stand for nothing is left for another. (ClickHouse, MergeTreeSink.cpp: addPart before the rename.)
  for (const token of tokensOf(range, pieces, events)) {
    // A retry may have read the table before an insert of ours that comes late, and cut the range otherwise: two tokens,
    // two copies. So an invocation that is over inserts nothing more (F9).
    const msLeft = endsAtMs - now();
    if (msLeft <= 0) throw new OutOfTime();
    await ports.insert(range, events, token, msLeft).catch((error) => {
      throw now() >= endsAtMs ? new OutOfTime({ cause: error }) : error;
    });
    const stored = await ports.storedCount(range);
    if (stored === wanted) return wanted;
    if (stored > wanted)
      throw new Error(
        `another writer is at work in ${range.shard} ${range.from}-${range.to}: ${stored} rows, not ${wanted}`,
      );
  }
  throw new Error(`ClickHouse said that it stored ${range.shard} ${range.from}-${range.to}, and it did not`);
}

const keepLeft = (events: readonly Selected[], stored: ReadonlySet<string>): Selected[] =>
  events.map((piece) => keep(piece, (sub) => !stored.has(`${piece.seq}/${sub}`))).filter(({ subs }) => subs.length > 0);

const whole = ({ seq, frame }: Piece): Selected => ({ seq, frame, subs: numbers(frame.events) });

const hasSuspects = ({ suspects }: Frame) => suspects.includes(1);

const suspectsOf = ({ frame }: Selected): Known[] =>
  hasSuspects(frame)
    ? valuesOf(frame, "message_id").flatMap((id, place) =>
        frame.suspects[place] === 1 ? [{ workspaceId: frame.workspaceId, messageId: String(id) }] : [],
      )
    : [];

/** Tells the places of a frame whose events must be looked up: the suspects, and copies of suspects that are stored already. */
function doubts(recent: readonly Known[] | "many"): (frame: Frame) => ReadonlySet<number> {
  if (recent === "many") return ({ events }) => new Set(numbers(events));
  const noted = new Set(recent.map(({ workspaceId, messageId }) => `${workspaceId} ${messageId}`));
  return (frame) => {
    const places = new Set<number>();
    if (hasSuspects(frame))
      frame.suspects.forEach((suspect, place) => {
        if (suspect === 1) places.add(place);
      });
    if (noted.size > 0)
      valuesOf(frame, "message_id").forEach((id, place) => {
        if (noted.has(`${frame.workspaceId} ${id}`)) places.add(place);
      });
    return places;
  };
}

/** `kept` is asked with an event's position, `seq/sub`. */
const select = (pieces: readonly Piece[], kept: (position: string) => boolean): Selected[] =>
  pieces.map((piece) => keep(whole(piece), (sub) => kept(`${piece.seq}/${sub}`)));

async function withoutRepeats(
  ports: StorePorts,
  left: readonly Selected[],
  there: readonly Selected[],
  doubtful: ReadonlyMap<Selected, ReadonlySet<number>>,
): Promise<Selected[]> {
  const messages = left.map(({ frame }) => messagesOf(frame));
  const suspects = new Map<string, Wanted[]>();
  left.forEach((piece, at) => {
    const { frame } = piece;
    const own = (messages[at] ?? []).filter((_, place) => doubtful.get(piece)?.has(place));
    suspects.set(frame.workspaceId, [...(suspects.get(frame.workspaceId) ?? []), ...own]);
  });
  const known = new Map<string, Set<string>>();
  for (const [workspaceId, wanted] of suspects)
    known.set(workspaceId, new Set(wanted.length > 0 ? await ports.storedMessageIds(workspaceId, wanted) : []));
  for (const { frame } of there)
    for (const { messageId } of messagesOf(frame)) known.get(frame.workspaceId)?.add(messageId);
  // What is kept becomes known: of repeats inside the chunk the first wins.
  return left.map((selected, at) => {
    const ids = known.get(selected.frame.workspaceId) ?? new Set();
    return keep(selected, (_, place) => {
      const id = messages[at]?.[place]?.messageId ?? "";
      return !ids.has(id) && ids.add(id).size > 0;
    });
  });
}

function messagesOf(frame: Frame): Wanted[] {
  const ids = valuesOf(frame, "message_id");
  const originals = valuesOf(frame, "original_timestamp");
  const received = valuesOf(frame, "received_at");
  return ids.map((id, place) => ({
    messageId: String(id),
    originalTimestamp: originals[place] === null ? undefined : Number(originals[place]),
    receivedAt: Number(received[place]),
  }));
}

/** Bumped when the columns of an insert change: rows of another shape are other rows. */
const SHAPE = "v1";

/** Ends the second name of an insert, for when the first stands for nothing. */
export const AGAIN = ":again";

/** The names of what is inserted, exactly: a token used for other rows would lose them in silence. reliability.md 3.3. */
function tokensOf(range: Range, pieces: readonly Piece[], selected: readonly Selected[]): [string, string] {
  const token = tokenOf(range, pieces, selected);
  return [token, `${token}${AGAIN}`];
}

function tokenOf({ stream, shard, from, to }: Range, pieces: readonly Piece[], selected: readonly Selected[]): string {
  const range = `${stream}:${shard}:${from}-${to}:${SHAPE}`;
  const complete =
    selected.length === pieces.length && selected.every(({ subs }, at) => subs.length === pieces[at]?.frame.events);
  if (complete) return range;
  const hash = createHash("sha256");
  for (const { seq, subs } of selected) hash.update(`${seq}:${subs.join(",")};`);
  return `${range}:${hash.digest("hex").slice(0, 32)}`;
}
