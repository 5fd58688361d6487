import type { DeadLetter } from "../event/dead-letter.ts";
import type { CheckedEvent, Json, JsonObject } from "../event/event.ts";
import { each, going, type Outcome, tried } from "../event/outcome.ts";
import type { ReplayedEvent } from "../event/retry.ts";
import { AppError } from "../kit/errors.ts";
import { markSender } from "./address.ts";
import type { Call } from "./call.ts";
import { checkPlan } from "./check-plan.ts";
import { checkSchemas } from "./check-schema.ts";
import { cleanIn } from "./clean-texts.ts";
import { flattened } from "./flatten.ts";
import { tooLarge } from "./inflate.ts";
import { isObject } from "./is-object.ts";
import { lettersOf } from "./letters.ts";
import type { IngestPorts } from "./ports.ts";
import { reportOf } from "./report.ts";
import { rulesFor, suppressedIn } from "./rules-for.ts";
import { stamp } from "./stamp.ts";
import { messageIdOf, readableIdOf, validate } from "./validate.ts";

/** What became of a replayed event. A rejected one is back among the dead letters, as another attempt. */
export type Replayed = "stored" | "duplicate" | "suppressed" | "rejected";
export type Replay = (event: ReplayedEvent) => Promise<Replayed>;

/**
 * A dead letter's event runs through the stages again, as if it came when it first came: it is never late, and its claim
 * is in a bucket of its own, so that replaying twice stores once (F42). What fails again is a dead letter with this
 * attempt's number (F44). Throws when it must be tried again: when the stream or the dead letters are away. I-17.
 */
export function createReplay(ports: Omit<IngestPorts, "ack" | "background" | "lateAfterMs">): Replay {
  return async (event) => {
    const { receivedAt, attempt, replayId } = event;
    const call = callOf(event);
    const { draft, cleaned } = draftOf(event);
    // An event that has no readable id gets its letter's: replayed twice, it is one event all the same.
    const messageId = event.messageId || readableIdOf(draft) || event.letterId;
    const { requestId, bucket } = call;
    const lookup = ports.lookup.ofSite(event.sourceId);
    const { source, claims } = await ports.admit({ lookup, requestId, bucket, ids: [messageId], uncounted: true });
    if (source === null || source.workspaceId !== event.workspaceId) {
      await ports.reject([withoutSource(event, messageId, requestId, ports.newId(Date.now()))]);
      return "rejected";
    }

    const rules = await rulesFor(source, ports);
    const isSuppressed = suppressedIn(rules, source, ports);
    const settle = (checked: readonly Outcome<CheckedEvent>[], confirm: string[], release: string[]) =>
      ports.settleClaims({
        source,
        requestId,
        bucket,
        confirm,
        // What was suppressed is stored nowhere, and must not be a duplicate of nothing later.
        confirmLive: checked.some(({ kind }) => kind === "going") ? confirm : [],
        release,
        report: reportOf(call, [{ draft, cleaned }], checked, true),
      });
    if (isSuppressed(draft)) {
      await settle([{ messageId, kind: "suppressed" }], [messageId], []);
      return "suppressed";
    }
    if (claims[0] === "duplicate") return "duplicate";

    const bytes = Buffer.byteLength(event.payload);
    const received = [
      tried(messageId, "validate", draft, (from) => {
        if (bytes > ports.limits.eventBytesMax) throw tooLarge("event", bytes, ports.limits.eventBytesMax);
        if ((messageIdOf(from) ?? messageId) !== messageId)
          throw new AppError("validation_failed", CHANGED_ID, { field: "messageId" });
        return { event: stamp(validate(from, "batch", messageId), receivedAt, from, cleaned) };
      }),
    ];
    const flat = each(received, "flatten", ({ event: from }) =>
      markSender<CheckedEvent>(
        { ...from, ...flattened(from), sourceId: source.id, suspect: true },
        source,
        call.client,
        ports,
      ),
    );
    const planned = rules.plan ? checkPlan(await ports.checkPlan(rules.plan), received, flat) : flat;
    const checked = await checkSchemas(ports.schemas, source, planned, rules.plan?.mode !== "block");

    const head = { source, call, attempt, replayId, rejectedAt: Date.now() };
    const letters = lettersOf(head, [{ draft, cleaned }], checked, isSuppressed, ports);
    if (letters.length > 0) {
      await ports.reject(letters);
      await settle(checked, [], [messageId]);
      return "rejected";
    }
    const [result] = await ports.publish(source.workspaceId, going(checked));
    await settle(checked, result === "stored" ? [messageId] : [], result === "refused" ? [messageId] : []);
    if (result !== "stored") throw new Error(`the stream did not take the replayed event ${messageId}`);
    return "stored";
  };
}

const CHANGED_ID = "A replay keeps the event's message id: by it the event is stored once.";

/** A payload that is no event any more is refused by `validate`, and so is back among the dead letters. */
function draftOf({ payload }: ReplayedEvent): { draft: JsonObject; cleaned: boolean } {
  try {
    const { value, changed } = cleanIn(JSON.parse(payload) as Json);
    return { draft: isObject(value) ? value : {}, cleaned: changed };
  } catch {
    return { draft: {}, cleaned: false };
  }
}

/** What is said of an event whose source was deleted: it stays with the dead letters, as another attempt. */
const withoutSource = (event: ReplayedEvent, messageId: string, trace: string, id: string): DeadLetter => ({
  id,
  workspaceId: event.workspaceId,
  sourceId: event.sourceId,
  messageId,
  type: "",
  event: "",
  stage: "validate",
  code: "not_found",
  field: "source_id",
  message: "The source of this event does not exist any more.",
  payloadKind: "event",
  payload: event.payload,
  attempt: event.attempt,
  trace,
  replayId: event.replayId,
  receivedAt: event.receivedAt,
  rejectedAt: Date.now(),
});

const callOf = ({ receivedAt, replayId, letterId }: ReplayedEvent): Call => ({
  kind: "batch",
  dialect: undefined,
  bucket: "dedup:replay",
  key: undefined,
  domain: undefined,
  body: new Uint8Array(),
  gzip: false,
  sentAt: undefined,
  hints: {},
  client: { address: "", userAgent: "", device: false, origin: undefined, place: undefined, addressPolicy: undefined },
  requestId: `${replayId}:${letterId}`,
  receivedAt,
});
