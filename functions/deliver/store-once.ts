import { createHash } from "node:crypto";
import type { DeadLetter, RejectEvents } from "../event/dead-letter.ts";
import type { Frame } from "../event/frame.ts";
import { eventsIn } from "../event/frame-event.ts";
import { valuesOf } from "../event/frame-reader.ts";
import { selectEvents } from "../event/select-events.ts";
import { log } from "../kit/log.ts";
import { metrics } from "../kit/metrics.ts";
import { letterIdOf } from "./dead-letter.ts";
import type { Piece } from "./prepare.ts";
import { RowsRefused } from "./rows-refused.ts";

/** The exact records of one chunk: sequence numbers have up to 56 digits and stay text. */
export type Range = { stream: string; shard: string; from: string; to: string };

/** The place of a stored event: its record, and its number in the record's frame. */
export type Position = { seq: string; sub: number };

/** How a producer's repeat is found: by message id, near the client's own time (ms UTC; undefined where it had none). */
export type Wanted = { messageId: string; originalTimestamp: number | undefined; receivedAt: number };

/** A message as all copies of it are known. */
export type Known = { workspaceId: string; messageId: string };

/** A piece of a chunk with the events that are to be inserted; `subs` are their numbers in the record's frame. */
export type Selected = { seq: string; frame: Frame; subs: readonly number[] };

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
 * repeats inside the chunk the first wins. The token names the exact events, so a lost answer cannot double them.
 * reliability.md 3.5, variant R. What the table does not take goes to the dead letters. Throws when the other events are not
 * there after the insert.
 */
export const createStoreOnce =
  (ports: StorePorts, now: () => number = Date.now): StoreOnce =>
  async (range, pieces, endsAtMs) => {
    if (pieces.length === 0) return;
    const [present, recent] = await Promise.all([
      ports.storedPositions(range),
      // While the cache is away, or young, and in an import all are suspects: nobody is asked for what nobody needs.
      pieces.some(({ frame }) => frame.suspects.includes(0)) ? ports.recentSuspects(range.shard) : [],
    ]);
    const doubtfulOf = doubts(recent);
    const stored = new Set(present.map(({ seq, sub }) => `${seq}/${sub}`));
    const left = present.length === 0 ? pieces.map(whole) : select(pieces, (position) => !stored.has(position));
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
    await insertAll(ports, { range, pieces, endsAtMs, now, refusals: 0 }, events, present.length);
    count();
  };

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
 * Inserts events in their order. Rows that the table does not take for what they hold are found by halving and leave as
 * dead letters, and the rest is stored: one bad row holds nobody up. `before` is how many of the range are stored already.
 */
async function insertAll(
  ports: StorePorts,
  insertion: Insertion,
  events: readonly Selected[],
  before: number,
): Promise<void> {
  try {
    await insertOnce(ports, insertion, events, before);
  } catch (error) {
    if (!(error instanceof RowsRefused)) throw error;
    const { range } = insertion;
    const present = await ports.storedPositions(range);
    const stored = new Set(present.map(({ seq, sub }) => `${seq}/${sub}`));
    const left = keepLeft(events, stored);
    if (countOf(left) === 1 || ++insertion.refusals > REFUSALS_MAX) {
      await ports.reject(left.flatMap((piece) => lettersOf(range, piece, error.message)));
      return;
    }
    log.warn({ ...range, events: countOf(left), error: error.message }, "rows refused, looking for the bad ones");
    const [first, second] = halves(left);
    await insertAll(ports, insertion, first, present.length);
    await insertAll(ports, insertion, second, await ports.storedCount(range));
  }
}

async function insertOnce(
  ports: StorePorts,
  { range, pieces, endsAtMs, now }: Insertion,
  events: readonly Selected[],
  before: number,
): Promise<void> {
  const wanted = before + countOf(events);
  // A MergeTree that is not replicated notes a token before it commits the part: a server that was killed between the
  // two says "seen" for ever to rows that it does not have. So what an insert claims is counted, and a token that
  // turned out to stand for nothing is left for another. (ClickHouse, MergeTreeSink.cpp: addPart before the rename.)
  for (const token of tokensOf(range, pieces, events)) {
    // A retry may have read the table before an insert of ours that comes late, and cut the range otherwise: two tokens,
    // two copies. So an invocation that is over inserts nothing more (F9).
    const msLeft = endsAtMs - now();
    if (msLeft <= 0) throw new Error("the invocation's time is over, the range is left to its retry");
    await ports.insert(range, events, token, msLeft);
    if ((await ports.storedCount(range)) >= wanted) return;
  }
  throw new Error(`ClickHouse said that it stored ${range.shard} ${range.from}-${range.to}, and it did not`);
}

const countOf = (events: readonly Selected[]) => events.reduce((sum, { subs }) => sum + subs.length, 0);

const keepLeft = (events: readonly Selected[], stored: ReadonlySet<string>): Selected[] =>
  events.map((piece) => keep(piece, (sub) => !stored.has(`${piece.seq}/${sub}`))).filter(({ subs }) => subs.length > 0);

/** By records where there are several, else by the events of the one. */
function halves(events: readonly Selected[]): [Selected[], Selected[]] {
  const middle = Math.ceil(events.length / 2);
  if (events.length > 1) return [events.slice(0, middle), events.slice(middle)];
  return events.reduce<[Selected[], Selected[]]>(
    ([first, second], piece) => {
      const half = Math.ceil(piece.subs.length / 2);
      return [
        [...first, keep(piece, (_, place) => place < half)],
        [...second, keep(piece, (_, place) => place >= half)],
      ];
    },
    [[], []],
  );
}

/** What was refused, event by event: named by its place, so that a retry makes the very same letters. */
function lettersOf({ shard }: Range, { seq, frame, subs }: Selected, message: string): DeadLetter[] {
  const sources = valuesOf(frame, "source_id");
  const received = valuesOf(frame, "received_at");
  return eventsIn(frame).map((event, place) => {
    const sub = subs[place] ?? 0;
    const receivedAt = Number(received[place]);
    return {
      id: letterIdOf(shard, seq, sub, "insert"),
      workspaceId: frame.workspaceId,
      sourceId: String(sources[place]),
      messageId: String(event.messageId),
      type: String(event.type),
      event: String(event.event ?? ""),
      stage: "insert",
      code: "insert_failed",
      field: "",
      message,
      payloadKind: "event",
      payload: JSON.stringify(event),
      attempt: 1,
      trace: `${shard}:${seq}:${sub}`,
      replayId: "",
      receivedAt,
      rejectedAt: receivedAt,
    };
  });
}

const whole = ({ seq, frame }: Piece): Selected => ({ seq, frame, subs: numbers(frame.events) });
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

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

/** `kept` is asked with an event's number in the record's frame and its place among those that are left. */
function keep(selected: Selected, kept: (sub: number, place: number) => boolean): Selected {
  const places = numbers(selected.subs.length).filter((place) => kept(selected.subs[place] ?? 0, place));
  return {
    ...selected,
    frame: selectEvents(selected.frame, places),
    subs: places.map((place) => selected.subs[place] ?? 0),
  };
}

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
