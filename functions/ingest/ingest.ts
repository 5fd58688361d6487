import type { CheckedEvent, Draft, FlatEvent, ReceivedEvent } from "../event/event.ts";
import { each, going, type Outcome, tried } from "../event/outcome.ts";
import { AppError } from "../kit/errors.ts";
import type { Source } from "../registry/source.ts";
import type { Call } from "./call.ts";
import { flattened } from "./flatten.ts";
import { inflate, type SizeLimits } from "./inflate.ts";
import { type Parsed, parse } from "./parse.ts";
import type { Publish, PutResult } from "./publish.ts";
import { stamp } from "./stamp.ts";
import { messageIdOf, validate } from "./validate.ts";

/** What the cache knows of a message id: never seen, seen but not known to be stored, or stored within the last day. */
export type Claim = "fresh" | "suspect" | "duplicate";

/**
 * The first round trip: whose key it is, and a claim on every id. `source` is null for a key that nobody has. Throws
 * `unavailable` when neither cache nor database can tell; with the cache away every id is suspect. Decisions 5, 6, 12.
 */
export type Admit = (
  keyHash: string,
  ids: readonly string[],
) => Promise<{ source: Source | null; requestId: string; claims: Claim[] }>;

/** The second round trip: what is stored becomes a duplicate for a day, what was refused is free again. Never throws. */
export type SettleClaims = (
  workspaceId: string,
  requestId: string,
  claims: { confirm: readonly string[]; release: readonly string[] },
) => Promise<void>;

export type IngestPorts = {
  admit: Admit;
  settleClaims: SettleClaims;
  publish: Publish;
  hashOfKey: (key: string) => string;
  newId: (nowMs: number) => string;
  limits: SizeLimits;
};

/** What a call became: its source, and a verdict for each event in the order of the body. */
export type Ingested = { source: Source; outcomes: Outcome<CheckedEvent>[] };
export type Ingest = (call: Call) => Promise<Ingested>;

/**
 * The ingest path. An AppError up to `admit` refuses the whole call; from there each event has its own verdict. The
 * order of answers is decision 1's: key → size → parse → rate limit → stamp → late → claim → flatten → schema →
 * publish → confirm; what touches nothing runs before the first round trip, so that one trip is enough (13a).
 */
export function createIngest(ports: IngestPorts): Ingest {
  return async (call) => {
    const body = read(() => parse(inflate(call, ports.limits), call.kind, ports.limits)); //  size, parse
    const received = receive(body.drafts, call, ports.newId); //                  validate, stamp

    const key = call.key ?? body.key;
    if (key === undefined) throw new AppError("invalid_write_key", NO_KEY);
    const ids = received.flatMap((outcome) => (outcome.kind === "going" ? [outcome.messageId] : []));
    const { source, requestId, claims } = await ports.admit(ports.hashOfKey(key), ids); //       key, claim
    if (source === null || !source.enabled) throw new AppError("invalid_write_key", unknownKey(key, source));
    if (body.refused) throw body.refused;

    const claimed = withClaims(received, claims);
    const checked = each(claimed, ({ event, suspect }) => toChecked(flattened(event), source, suspect)); // flatten
    const events = going(checked);
    const results = await ports.publish(source.workspaceId, events);
    await ports.settleClaims(source.workspaceId, requestId, settled(claimed, checked, results)); // confirm, release
    if (results.some((result) => result !== "stored"))
      throw new AppError("unavailable", UNAVAILABLE, { retryAfterSeconds: 5 + Math.floor(Math.random() * 6) });
    return { source, outcomes: checked };
  };
}

const NO_KEY =
  "No write key was sent. Send it as the user name of Basic authentication, as X-Write-Key, or as writeKey in the body.";
const UNAVAILABLE = "Events cannot be stored right now. Send the request again after the given time.";
const unknownKey = (key: string, source: Source | null) =>
  source
    ? `The source "${source.name}" is switched off.`
    : `No source has this write key (${key.slice(0, 5)}…${key.slice(-2)}).`;

/** The body, or why it cannot be read: said only once the key has been checked. Decision 13a. */
function read(parsed: () => Parsed): Parsed {
  try {
    return parsed();
  } catch (error) {
    if (error instanceof AppError) return { drafts: [], key: undefined, refused: error };
    throw error;
  }
}

function receive(drafts: Parsed["drafts"], call: Call, newId: IngestPorts["newId"]): Outcome<ReceivedEvent>[] {
  return drafts.map((draft) => {
    if (draft instanceof AppError) return { messageId: "", kind: "rejected", error: draft };
    const id = tried("", draft, messageIdOf);
    if (id.kind !== "going") return id;
    const messageId = id.event ?? newId(call.receivedAt);
    const sentAt = draft.sentAt ?? call.sentAt;
    const dated: Draft = sentAt === undefined || draft.sentAt ? draft : { ...draft, sentAt };
    return tried(messageId, dated, (from) => stamp(validate(from, call.kind, messageId), call.receivedAt));
  });
}

type Claimed = { messageId: string; event: ReceivedEvent; suspect: boolean };

/** Gives each event that is still going its claim; `claims` are in the order of those events. */
function withClaims(received: readonly Outcome<ReceivedEvent>[], claims: readonly Claim[]): Outcome<Claimed>[] {
  let at = 0;
  return received.map((outcome) => {
    if (outcome.kind !== "going") return outcome;
    const claim = claims[at++];
    const { messageId, event } = outcome;
    if (claim === "duplicate") return { messageId, kind: "duplicate" };
    return { messageId, kind: "going", event: { messageId, event, suspect: claim !== "fresh" || isOld(event) } };
  });
}

/** A claim lives 24 h: an event older than that, or of unknown age, may have come before it. Decision 15a. */
const CLAIM_COVERS_MS = 23 * 60 * 60 * 1_000;
const isOld = ({ originalTimestamp, receivedAt }: ReceivedEvent) =>
  originalTimestamp === undefined || receivedAt - originalTimestamp > CLAIM_COVERS_MS;

const toChecked = (event: FlatEvent, source: Source, suspect: boolean): CheckedEvent => ({
  ...event,
  sourceId: source.id,
  suspect,
});

/** What was stored is confirmed; what was refused for certain is released; what nobody knows keeps its claim. */
function settled(
  claimed: readonly Outcome<Claimed>[],
  checked: readonly Outcome<CheckedEvent>[],
  results: readonly PutResult[],
) {
  const confirm: string[] = [];
  const release: string[] = [];
  let at = 0;
  checked.forEach((outcome, index) => {
    if (outcome.kind === "going") {
      const result = results[at++];
      if (result === "stored") confirm.push(outcome.messageId);
      else if (result === "refused") release.push(outcome.messageId);
    } else if (outcome.kind === "rejected" && claimed[index]?.kind === "going") release.push(outcome.messageId);
  });
  return { confirm, release };
}
