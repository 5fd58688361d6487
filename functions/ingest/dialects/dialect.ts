import type { Draft, Json } from "../../event/event.ts";
import type { WebhookMapping } from "../../registry/source.ts";

/** What a dialect may look at beside the body: headers and query parameters by lower-case name. */
export type Hints = Readonly<Record<string, string>>;

/** A foreign body in Segment's shape. `key`, `site` and `domain` say which source it names, where it names one. */
export type Foreign = {
  drafts: readonly Draft[];
  key?: string | undefined;
  site?: string | undefined;
  domain?: string | undefined;
  /** The client names no person: a visitor is who has one address and agent on one site in one day. */
  visitors?: boolean;
};

/**
 * How another product's client writes its calls. `read` is pure; it throws `validation_failed` for what it cannot
 * understand. `single`: the body is one event, and so are the answer and the size limit. B-26.
 */
export type Dialect = {
  name: string;
  single: boolean;
  read: (body: Json, hints: Hints, mapping: WebhookMapping | null) => Foreign;
  /** `read` needs the source's mapping, so the source is asked for first. */
  mapped?: boolean;
};
