import * as z from "zod";
import type { LiveEvent, LiveEntry as LiveRequest } from "../ingest/report.ts";
import { eachAtOnce } from "../kit/at-once.ts";
import { AppError } from "../kit/errors.ts";
import { query, type RunQuery } from "../kit/query.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { LiveEntry, ReadLive } from "./live-events.ts";
import { isCut, requestOf } from "./live-view.ts";

/** What happened to an event at one place on its way, in words for a person. `at` is ISO 8601, UTC. */
export type TraceStep = {
  at: string;
  stage: string;
  outcome: string;
  words: string;
  code?: string;
  field?: string;
} & Readonly<Record<string, unknown>>;

/**
 * The way of one event. `complete` is false when a verdict of the door may be missing: the cache is away, the view of a
 * source begins after the event came, or a batch that came since was too large for it.
 */
export type Trace = { message_id: string; found: boolean; complete: boolean; steps: TraceStep[] };

export const storedEvent = query({
  sql: "explore/trace_event",
  params: z.object({ message_id: z.string() }),
  slots: [],
  row: z.object({
    source_id: z.string(),
    type: z.string(),
    event: z.string(),
    timestamp: z.string(),
    received_at: z.string(),
    warnings: z.string(),
  }),
  cacheSeconds: 0,
});

export type TracePorts = {
  runQuery: RunQuery;
  readLive: ReadLive;
  sourceIdsOf: (workspaceId: string) => Promise<string[]>;
  letters: Pick<DeadLetters, "heads" | "replaysOf">;
};
export type TraceOf = (workspaceId: string, messageId: string) => Promise<Trace>;

/** A source's live view has about a thousand requests. */
const REQUESTS_MAX = 1_000;
const LETTERS_MAX = 100;
/** Sources that are read at once: one of them may hold some megabytes. */
const SOURCES_AT_ONCE = 4;

/**
 * What happened to a message id of this workspace: the verdicts of its last requests, its row in the table, its dead
 * letters and their replays, in the order of time. B-04, decision 14b. Throws `unavailable` when the table is away.
 */
export const createTraceOf =
  ({ runQuery, readLive, sourceIdsOf, letters: deadLetters }: TracePorts): TraceOf =>
  async (workspaceId, messageId) => {
    const params = { message_id: messageId };
    const [live, rows, letters] = await Promise.all([
      sourceIdsOf(workspaceId).then((sourceIds) => requestsWith(messageId, sourceIds, readLive)),
      runQuery(storedEvent, workspaceId, { params, slots: {} }),
      deadLetters.heads(workspaceId, { message_id: messageId }, LETTERS_MAX),
    ]);
    const replays = await deadLetters.replaysOf(
      workspaceId,
      letters.map(({ id }) => id),
    );
    const replayed = new Set(replays.map(({ replay_id, letter_id }) => `${replay_id}:${letter_id}`));
    const refusedAt = new Map(letters.map(({ trace, rejected_at }) => [trace, rejected_at]));

    const door = live.found.map((verdict) => doorStep(verdict, replayed, refusedAt));
    const accepted = door.find(({ outcome }) => outcome === "accepted")?.at ?? replays[0]?.at;
    const steps = [
      ...door,
      ...letters.map(letterStep),
      ...replays.map(replayStep),
      ...rows.map((row) => storedStep(row, accepted)),
    ];
    steps.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : rankOf(a) - rankOf(b)));
    const first = Date.parse(steps[0]?.at ?? iso(0));
    return { message_id: messageId, found: steps.length > 0, complete: first > live.blindUntil, steps };
  };

/** Of one moment: first the door's word, then what was kept. */
const RANKS = ["door", "dead_letter", "replay", "table"];
const rankOf = ({ stage }: TraceStep) => RANKS.indexOf(stage);

type Verdict = { writtenAt: number; sourceId: string; request: LiveRequest; event: LiveEvent };

/** What the views have of an event, and the moment (ms) up to which they may lack some of it. */
type Seen = { found: Verdict[]; blindUntil: number };

async function requestsWith(messageId: string, sourceIds: readonly string[], readLive: ReadLive): Promise<Seen> {
  const found: Verdict[] = [];
  let blindUntil = -1;
  try {
    await eachAtOnce(sourceIds, SOURCES_AT_ONCE, async (sourceId) => {
      const entries = await readLive(sourceId, undefined, REQUESTS_MAX);
      blindUntil = Math.max(blindUntil, blindUntilOf(entries));
      for (const entry of entries) found.push(...verdictsIn(entry, sourceId, messageId));
    });
    return { found: found.sort((a, b) => a.writtenAt - b.writtenAt), blindUntil };
  } catch (error) {
    if (error instanceof AppError && error.code === "unavailable") return { found, blindUntil: Infinity };
    throw error;
  }
}

/** A full view has lost what was before its first entry, and a cut entry is of a batch that it does not list. */
function blindUntilOf(entries: readonly LiveEntry[]): number {
  const [oldest] = entries;
  const lost = oldest && entries.length >= REQUESTS_MAX ? writtenAtOf(oldest) : -1;
  return Math.max(lost, ...entries.filter(({ entry }) => isCut(entry)).map(writtenAtOf));
}

const writtenAtOf = ({ id }: LiveEntry) => Number(id.split("-")[0]);

function verdictsIn(live: LiveEntry, sourceId: string, messageId: string): Verdict[] {
  const { entry } = live;
  if (!entry.includes(JSON.stringify(messageId))) return [];
  const request = requestOf(entry);
  const writtenAt = writtenAtOf(live);
  return request.events
    .filter((event) => event.id === messageId)
    .map((event) => ({ writtenAt, sourceId, request, event }));
}

const iso = (ms: number) => new Date(ms).toISOString();

/** A replay says when its event first came, so its own time is that of its entry; a refusal's is that of its letter. */
function doorStep(
  { writtenAt, sourceId, request, event }: Verdict,
  replayed: ReadonlySet<string>,
  refusedAt: ReadonlyMap<string, string>,
): TraceStep {
  const isReplay = replayed.has(request.request_id);
  const at = refusedAt.get(request.request_id) ?? iso(isReplay ? writtenAt : request.at);
  const { outcome, code, field, warnings } = event;
  return {
    at,
    stage: "door",
    outcome,
    ...(code !== undefined && { code }),
    ...(field !== undefined && { field }),
    ...(warnings !== undefined && { warnings }),
    words: doorWords(event, isReplay),
    source_id: sourceId,
    request_id: request.request_id,
  };
}

function doorWords({ outcome, message = "", warnings = [] }: LiveEvent, isReplay: boolean): string {
  const by = isReplay ? "when it was replayed" : "at the door";
  switch (outcome) {
    case "accepted":
      return `Accepted ${by} and on its way to the table.${warnings.length > 0 ? ` Odd about it: ${warnings.join(", ")}.` : ""}`;
    case "duplicate":
      return `Known already ${by}: an event with this id came before, so it was answered with success and not stored again.`;
    case "rejected":
      return `Refused ${by}: ${message}`;
    case "quarantined":
      return `Set aside ${by} by the tracking plan: ${message}`;
    case "suppressed":
      return "Not stored: its person is on the list of those who do not want to be known.";
    default:
      return outcome satisfies never;
  }
}

type Letter = Awaited<ReturnType<DeadLetters["heads"]>>[number];

const letterStep = ({
  id,
  source_id,
  rejected_at,
  stage,
  code,
  field,
  message,
  attempt,
  replay_id,
}: Letter): TraceStep => ({
  at: rejected_at,
  stage: "dead_letter",
  outcome: "dead_lettered",
  code,
  ...(field !== "" && { field }),
  words: `Kept as a dead letter by the stage "${stage}", attempt ${attempt}: ${message}`,
  source_id,
  letter_id: id,
  attempt,
  ...(replay_id !== "" && { replay_id }),
});

type Replay = Awaited<ReturnType<DeadLetters["replaysOf"]>>[number];

const replayStep = ({ at, replay_id, letter_id, edited, sent }: Replay): TraceStep => ({
  at,
  stage: "replay",
  outcome: sent ? "replayed" : "not_sent",
  words: sent
    ? `Sent again${edited ? ", edited," : ""} by replay ${replay_id}.`
    : `Replay ${replay_id} could not be sent: the retry queue did not take it.`,
  letter_id,
  replay_id,
  edited,
});

type Row = z.output<typeof storedEvent.row>;

/** A row does not know when it was stored: never before it was accepted. */
function storedStep(
  { source_id, type, event, timestamp, received_at, warnings }: Row,
  accepted: string | undefined,
): TraceStep {
  return {
    at: accepted !== undefined && accepted > received_at ? accepted : received_at,
    stage: "table",
    outcome: "stored",
    words: `Stored in the table events as ${type}${event === "" ? "" : ` "${event}"`}; it came at ${received_at}.`,
    source_id,
    type,
    event,
    timestamp,
    received_at,
    ...(warnings !== "" && { warnings: warnings.split(",") }),
  };
}
