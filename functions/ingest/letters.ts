import type { DeadLetter, Stage } from "../event/dead-letter.ts";
import { type Draft, EVENT_TYPES, type Json, type JsonObject } from "../event/event.ts";
import type { Outcome } from "../event/outcome.ts";
import type { Source } from "../registry/source.ts";
import { reduced, stricter } from "./address.ts";
import type { Call } from "./call.ts";
import { isObject } from "./is-object.ts";
import type { Item } from "./parse.ts";
import type { IngestPorts } from "./ports.ts";

type Ports = Pick<IngestPorts, "newId" | "hashOfAddress">;

/** What a request's letters share. `attempt`, `replayId` and the first `receivedAt` are a replay's own. */
export type LetterHead = { source: Source; call: Call; attempt: number; replayId: string; rejectedAt: number };

/**
 * The dead letters of a request's refused and quarantined events: what was sent, in Segment's shape, so that it can be
 * edited and replayed, without its key (S-12) and with no more of its address than the source keeps. `isSuppressed` says
 * whose events may not be kept here either. I-16, 13f.
 */
export function lettersOf(
  { source, call, attempt, replayId, rejectedAt }: LetterHead,
  items: readonly Item[],
  outcomes: readonly Outcome<unknown>[],
  isSuppressed: (draft: JsonObject) => boolean,
  ports: Ports,
): DeadLetter[] {
  return outcomes.flatMap((outcome, index) => {
    if (outcome.kind !== "rejected" && outcome.kind !== "quarantined") return [];
    const raw = rawOf(items[index]);
    if (isObject(raw) && isSuppressed(raw)) return [];
    const stage: Stage = outcome.kind === "quarantined" ? "plan" : outcome.stage;
    const { type, event } = nameOf(raw, call);
    return [
      {
        id: ports.newId(rejectedAt),
        workspaceId: source.workspaceId,
        sourceId: source.id,
        messageId: outcome.messageId,
        type,
        event,
        stage,
        code: outcome.error.code,
        field: outcome.error.field ?? "",
        message: outcome.error.message,
        payloadKind: "event" as const,
        payload: payloadOf(raw, type, outcome.messageId, source, call, ports),
        attempt,
        trace: call.requestId,
        replayId,
        receivedAt: call.receivedAt,
        rejectedAt,
      },
    ];
  });
}

/** What was sent for an event, where anything could be read. */
export const rawOf = (item: Item | undefined): Json | undefined =>
  item === undefined ? undefined : "draft" in item ? item.draft : item.raw;

/** What an event calls itself, whether it is valid or not. */
export const nameOf = (raw: Json | undefined, { kind }: Pick<Call, "kind">): { type: string; event: string } => ({
  type: typed.has(kind) ? kind : textOf(raw, "type"),
  event: textOf(raw, "event"),
});

/** Kinds of call that say the type of their event; in all others it says so itself. */
const typed: ReadonlySet<string> = new Set(EVENT_TYPES);

const textOf = (raw: Json | undefined, name: string): string => {
  const value = isObject(raw) ? raw[name] : undefined;
  return typeof value === "string" ? value.slice(0, 255) : "";
};

function payloadOf(
  raw: Json | undefined,
  type: string,
  messageId: string,
  source: Source,
  call: Call,
  ports: Ports,
): string {
  if (raw === undefined) return "";
  if (!isObject(raw)) return stringOf(raw);
  const { writeKey: _, api_key: __, _metadata: ___, ...kept } = raw;
  const sentAt = kept.sentAt ?? call.sentAt;
  return stringOf({
    ...kept,
    type,
    ...(messageId !== "" && { messageId }),
    ...(sentAt !== undefined && { sentAt }),
    ...(isObject(kept.context) && { context: withAddress(kept.context, source, call, ports) }),
  });
}

function withAddress(context: JsonObject, source: Source, call: Call, ports: Ports): Draft {
  const policy = stricter(source.address, call.client.addressPolicy);
  const { ip, ...rest } = context;
  if (ip === undefined || policy === "keep") return context;
  if (typeof ip !== "string") return rest;
  const kept = reduced(ip, policy, (full) => ports.hashOfAddress(source.workspaceId, full, call.receivedAt));
  return kept === "" ? rest : { ...rest, ip: kept };
}

/** JSON.stringify runs out of stack at some 10,000 levels; what is nested like that is no event anyhow. */
function stringOf(value: Json): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return '"nested too deep to be kept"';
  }
}
