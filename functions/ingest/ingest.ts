import type { DeadLetter } from "../event/dead-letter.ts";
import type { CheckedEvent, Draft, ReceivedEvent } from "../event/event.ts";
import { each, going, type Outcome, tried } from "../event/outcome.ts";
import { AppError } from "../kit/errors.ts";
import { log } from "../kit/log.ts";
import type { Source } from "../registry/source.ts";
import { markSender } from "./address.ts";
import type { Call } from "./call.ts";
import { checkPlan } from "./check-plan.ts";
import { checkSchemas } from "./check-schema.ts";
import { flattened } from "./flatten.ts";
import { inflate } from "./inflate.ts";
import { lettersOf } from "./letters.ts";
import { type Item, type Parsed, parse } from "./parse.ts";
import type { Claim, IngestPorts, Rate } from "./ports.ts";
import type { PutResult } from "./publish.ts";
import { rejectLate } from "./reject-late.ts";
import { reportOf } from "./report.ts";
import { retryAfterSeconds } from "./retry-after.ts";
import { rulesFor, suppressedIn } from "./rules-for.ts";
import { stamp } from "./stamp.ts";
import { messageIdOf, readableIdOf, validate } from "./validate.ts";

/** What a call became: its source, what is left of its rate, and a verdict for each event in the order of the body. */
export type Ingested = {
  source: Source;
  rate: Rate | undefined;
  outcomes: Outcome<CheckedEvent>[];
  /** What went to the dead letters. */
  letters: readonly DeadLetter[];
};
export type Ingest = (call: Call) => Promise<Ingested>;

/** A call that was refused as a whole, with its source and what is left of its rate where they are known. */
export class RefusedCall extends AppError {
  readonly source: Source | null;
  readonly rate: Rate | undefined;

  constructor(
    { code, message, field, retryAfterSeconds, cause }: AppError,
    source: Source | null,
    rate: Rate | undefined,
  ) {
    super(code, message, {
      ...(field !== undefined && { field }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      cause,
    });
    this.source = source;
    this.rate = rate;
  }
}

/**
 * The ingest path. An AppError up to the claims refuses the whole call; from there each event has its own verdict. The
 * order of answers is decision 1's: key → size → parse → rate limit → stamp → late → claim → flatten → schema →
 * publish → confirm; what touches nothing runs before the first round trip, so that one trip is enough (13a).
 */
export function createIngest(ports: IngestPorts): Ingest {
  return async (call) => {
    const body = read(() => parse(inflate(call, ports.limits), call, ports.limits)); //              size, parse
    const lookup = lookupOf(call, body, ports);
    const { requestId, bucket } = call;
    const admit = async (ids: readonly string[], uncounted = false) => {
      const admitted = await ports.admit({ lookup, requestId, bucket, ids, uncounted });
      const { source, rate } = admitted;
      const refuse = (error: AppError): never => {
        throw new RefusedCall(error, source, rate);
      };
      if (source === null || !source.enabled)
        return refuse(new AppError("invalid_write_key", unknown(call, body, source)));
      if (isForeignPage(source, call)) return refuse(new AppError("forbidden", FOREIGN_PAGE, { field: "Origin" }));
      if (body.refused) return refuse(body.refused);
      if (admitted.limited) return refuse(rateLimited(source, admitted.limited));
      return { ...admitted, source };
    };
    // Only a source's own mapping can say what a webhook's body means: its source is asked for first, in a trip of its own.
    const items = body.read ? readMapped(body.read, (await admit([], true)).source) : body.items;
    const received = receive(items, body, call, ports); //                                           validate, stamp
    const ids = [...new Set(going(received).map(({ messageId }) => messageId))];
    const { source, rate, claims } = await admit(ids); //                                            key, rate limit, claim

    const rules = await rulesFor(source, ports);
    const isSuppressed = suppressedIn(rules, source, ports);
    const timely =
      source.lateCheck && bucket === "dedup"
        ? each(received, "late", (event) => rejectLate(event, ports.lateAfterMs))
        : received; // late
    const claimOf = new Map(ids.map((id, index) => [id, claims[index]]));
    const claimed = withClaims(timely, claimOf, bucket !== "dedup", isSuppressed); //                claim, suppressed
    const flat = each(claimed, "flatten", ({ event, suspect }) => toChecked(event, source, suspect, call, ports)); // flatten
    const planned = rules.plan ? checkPlan(await ports.checkPlan(rules.plan), claimed, flat) : flat; //     plan
    const typed = await checkSchemas(ports.schemas, source, planned, rules.plan?.mode !== "block"); // schema
    const checked = withoutRepeats(typed);

    const head = { source, call, attempt: 1, replayId: "", rejectedAt: call.receivedAt };
    const letters = lettersOf(head, items, checked, isSuppressed, ports);

    const finish = async () => {
      const [results, kept] = await Promise.all([
        ports.publish(source.workspaceId, going(checked)), //                                          publish
        letters.length === 0 || keep(ports, letters), //                                               dead letters
      ]);
      // Whatever was not simply taken is shown always: somebody will ask what became of it.
      const shown = checked.some(({ kind }) => kind !== "going") || ports.isShown(source.id, call.receivedAt);
      const report = reportOf(call, items, checked, shown);
      const settled = settledOf(checked, claimOf, results, kept, bucket !== "dedup");
      await ports.settleClaims({ source, requestId, bucket, ...settled, report }); //                  confirm, release
      if (!kept || results.some((result) => result !== "stored")) throw new RefusedCall(unavailable(), source, rate);
    };
    if (ports.ack === "async") ports.background(finish());
    else await finish();
    return { source, rate, outcomes: checked, letters };
  };
}

const NO_KEY =
  "No write key was sent. Send it as the user name of Basic authentication, as X-Write-Key, or as writeKey in the body.";
const FOREIGN_PAGE = "This source does not take events from pages of this origin.";
const unavailable = () =>
  new AppError("unavailable", "Events cannot be stored right now. Send the request again after the given time.", {
    retryAfterSeconds: retryAfterSeconds(5),
  });

/** One more than a domain may have: what a body says instead is kept by isolate and cache, found or not. */
const NAME_CHARS = 254;

function lookupOf(call: Call, body: Parsed, { lookup }: IngestPorts): string {
  const key = call.key ?? body.key;
  if (key !== undefined) return lookup.ofKey(key);
  if (body.site !== undefined) return lookup.ofSite(body.site.slice(0, NAME_CHARS));
  const domain = body.domain ?? call.domain;
  if (domain !== undefined) return lookup.ofDomain(domain.slice(0, NAME_CHARS));
  throw new RefusedCall(new AppError("invalid_write_key", NO_KEY), null, undefined);
}

/** Says what was looked up (P-13), of a key no more than its ends. */
function unknown(call: Call, body: Parsed, source: Source | null): string {
  if (source) return `The source "${source.name}" is switched off.`;
  const key = call.key ?? body.key;
  if (key !== undefined) return `No source has this write key (${key.slice(0, 5)}…${key.slice(-2)}).`;
  if (body.site !== undefined) return `No source has the id ${body.site.slice(0, 40)}.`;
  return `${NO_KEY} Without one the source is found by its domain, and none has ${(body.domain ?? call.domain ?? "").slice(0, 253)}.`;
}

const isForeignPage = ({ origins }: Source, { client: { origin } }: Call) =>
  origins.length > 0 && origin !== undefined && !origins.includes(origin);

const rateLimited = ({ limits }: Source, met: "requests" | "events") =>
  new AppError(
    "rate_limited",
    met === "requests"
      ? `More than ${limits.windowRequestsMax} requests in 5 seconds. Send fewer, larger batches.`
      : `More than ${limits.dayEventsMax} events today (UTC).`,
    { retryAfterSeconds: retryAfterSeconds(met === "requests" ? 5 : 30) },
  );

/** The body, or why it cannot be read: said only once the key has been checked. Decision 13a. */
function read(parsed: () => Parsed): Parsed {
  try {
    return parsed();
  } catch (error) {
    if (error instanceof AppError) return { items: [], refused: error };
    throw error;
  }
}

function readMapped(readItems: NonNullable<Parsed["read"]>, source: Source): readonly Item[] {
  try {
    return readItems(source.webhook);
  } catch (error) {
    if (error instanceof AppError) return [{ refused: error }];
    throw error;
  }
}

function receive(items: readonly Item[], body: Parsed, call: Call, ports: IngestPorts): Outcome<ReceivedEvent>[] {
  const visitor = body.visitors ? visitorOf(body, call, ports) : undefined;
  return items.map((item) => {
    if ("refused" in item)
      return { messageId: readableIdOf(item.raw), kind: "rejected", error: item.refused, stage: "parse" };
    const { draft } = item;
    const id = tried("", "validate", draft, messageIdOf);
    if (id.kind !== "going") return id;
    const messageId = id.event ?? ports.newId(call.receivedAt);
    const full = completed(draft, call, visitor);
    return tried(messageId, "validate", full, (from) =>
      stamp(validate(from, call.kind, messageId), call.receivedAt, from, item.cleaned),
    );
  });
}

/** What the call says for all of its events: when it was sent, and who visits where the client names nobody. */
function completed(draft: Draft, { sentAt }: Call, visitor: string | undefined): Draft {
  const sent = sentAt !== undefined && (draft.sentAt === undefined || draft.sentAt === null) ? sentAt : undefined;
  if (sent === undefined && visitor === undefined) return draft;
  return {
    ...draft,
    ...(sent !== undefined && { sentAt: sent }),
    ...(visitor !== undefined && !draft.anonymousId && { anonymousId: visitor }),
  };
}

/** One address and agent on one site in one day are one visitor, and nobody can tell who: the salt changes daily. */
const visitorOf = ({ site = "", domain = "" }: Parsed, { client, receivedAt }: Call, ports: IngestPorts) =>
  `visitor_${ports.hashOfAddress(`${site}${domain}`, `${client.address} ${client.userAgent}`, receivedAt).slice(3)}`;

type Claimed = { event: ReceivedEvent; suspect: boolean };

/** Gives each event that is still going its claim. Of a repeated id each copy has the one claim: see `withoutRepeats`. */
function withClaims(
  received: readonly Outcome<ReceivedEvent>[],
  claimOf: ReadonlyMap<string, Claim | undefined>,
  isRepeat: boolean,
  isSuppressed: (event: ReceivedEvent) => boolean,
): Outcome<Claimed>[] {
  return received.map((outcome): Outcome<Claimed> => {
    if (outcome.kind !== "going") return outcome;
    const { messageId, event } = outcome;
    const claim = claimOf.get(messageId);
    if (isSuppressed(event)) return { messageId, kind: "suppressed" };
    if (claim === "duplicate") return { messageId, kind: "duplicate" };
    return { messageId, kind: "going", event: { event, suspect: isRepeat || claim !== "fresh" || isOld(event) } };
  });
}

/** A claim lives 24 h: an event older than that, or of unknown age, may have come before it. Decision 15a. */
const CLAIM_COVERS_MS = 23 * 60 * 60 * 1_000;
const isOld = ({ originalTimestamp, sentAt = 0, receivedAt }: ReceivedEvent) =>
  // By the sender's own clock too, which may be ahead of ours: then its events look younger than they are.
  originalTimestamp === undefined || Math.max(receivedAt, sentAt) - originalTimestamp > CLAIM_COVERS_MS;

/** The event as it is stored, but for what its schema says. */
const toChecked = (event: ReceivedEvent, source: Source, suspect: boolean, { client }: Call, ports: IngestPorts) =>
  markSender<CheckedEvent>({ ...event, ...flattened(event), sourceId: source.id, suspect }, source, client, ports);

/** Of an id that a call repeats, the first event that passed every check is taken; a refused one before it burns nothing. */
function withoutRepeats(checked: readonly Outcome<CheckedEvent>[]): Outcome<CheckedEvent>[] {
  const taken = new Set<string>();
  return checked.map((outcome) => {
    if (outcome.kind !== "going") return outcome;
    const { messageId } = outcome;
    if (taken.has(messageId)) return { messageId, kind: "duplicate" };
    taken.add(messageId);
    return outcome;
  });
}

/** False when the dead letters could not be kept: then the whole call is repeated, since its answer alone is no record. */
async function keep({ reject }: IngestPorts, letters: Parameters<IngestPorts["reject"]>[0]): Promise<boolean> {
  try {
    await reject(letters);
    return true;
  } catch (error) {
    log.error({ err: error, letters: letters.length }, "dead letters could not be kept");
    return false;
  }
}

/** What is stored is confirmed; what was refused for certain is released; what nobody knows keeps its claim. */
function settledOf(
  checked: readonly Outcome<CheckedEvent>[],
  claimed: ReadonlyMap<string, unknown>,
  results: readonly PutResult[],
  kept: boolean,
  isImport: boolean,
) {
  const confirm: string[] = [];
  const confirmLive: string[] = [];
  const release: string[] = [];
  let at = 0;
  checked.forEach((outcome) => {
    const { kind, messageId } = outcome;
    if (kind === "going") {
      const result = results[at++];
      if (result === "stored") confirm.push(messageId);
      else if (result === "refused") release.push(messageId);
      // A live copy of an old event is suspect anyhow.
      if (result === "stored" && isImport && !isOld(outcome.event)) confirmLive.push(messageId);
    } else if (kind === "suppressed" || (kind === "quarantined" && kept)) confirm.push(messageId);
    else if ((kind === "rejected" || kind === "quarantined") && claimed.has(messageId)) release.push(messageId);
  });
  return { confirm, confirmLive, release };
}
