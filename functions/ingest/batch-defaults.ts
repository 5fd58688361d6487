import type { Draft, Json, JsonObject } from "../event/event.ts";
import { isObject } from "./is-object.ts";

/** What a batch says for each of its events that says nothing itself. I-02. */
export type Defaults = { context: JsonObject | undefined; sentAt: Json | undefined };

/** Undefined for a batch that says nothing. */
export function defaultsOf(body: JsonObject): Defaults | undefined {
  const context = isObject(body.context) ? body.context : undefined;
  return context || body.sentAt !== undefined ? { context, sentAt: body.sentAt } : undefined;
}

/** The event with what it lacks, its context name by name; a context of its own that is no object stays what it is. */
export function withDefaults(draft: Draft, { context, sentAt }: Defaults): Draft {
  const full = { ...draft };
  if (sentAt !== undefined && (draft.sentAt === undefined || draft.sentAt === null)) full.sentAt = sentAt;
  if (context && (isObject(draft.context) || draft.context === undefined || draft.context === null))
    full.context = { ...context, ...draft.context };
  return full;
}
