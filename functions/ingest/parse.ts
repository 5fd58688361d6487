import type { Draft, Json, JsonObject } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import type { WebhookMapping } from "../registry/source.ts";
import type { Call } from "./call.ts";
import { cleanTexts } from "./clean-texts.ts";
import type { Foreign } from "./dialects/dialect.ts";
import { isPosthogBatch, posthog } from "./dialects/posthog.ts";
import type { SizeLimits } from "./inflate.ts";
import { tooLarge } from "./inflate.ts";
import { isObject } from "./is-object.ts";

/** One item of a body: an event, or why it is none. `raw` is what was sent, for the dead letters; absent where nothing could be read. */
export type Item = { draft: Draft; cleaned: boolean } | { refused: AppError; raw?: Json };

/**
 * A body taken apart. `refused` is set where the body as a whole is wrong although its key can be read. `read` is set
 * instead of the items where they hang on the source's own mapping.
 */
export type Parsed = {
  items: readonly Item[];
  key?: string | undefined;
  site?: string | undefined;
  domain?: string | undefined;
  visitors?: boolean | undefined;
  refused?: AppError;
  read?: (mapping: WebhookMapping | null) => readonly Item[];
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Bytes → the items of a call, a batch's `context`, `integrations` and `sentAt` given to each event that has none. The
 * content type is never asked (S-5). Throws `invalid_json` for what is not UTF-8 or not JSON, and `validation_failed` for
 * what is no object; a batch without its list is refused with its key. Decisions 2, 13a, 13c; I-02.
 */
export function parse(
  bytes: Uint8Array,
  { kind, dialect, hints }: Pick<Call, "kind" | "dialect" | "hints">,
  limits: SizeLimits,
): Parsed {
  const text = textOf(bytes);
  if (kind === "import") return importOf(text, limits);
  const body = jsonOf(text);
  const spoken = dialect ?? (kind === "batch" && isObject(body) && isPosthogBatch(body) ? posthog : undefined);
  if (spoken) {
    const cleaned = cleanIn(body, hasEscapes(text));
    const read = (mapping: WebhookMapping | null) => spoken.read(cleaned.value, hints, mapping);
    const items = ({ drafts }: Foreign) => drafts.map((draft) => ({ draft, cleaned: cleaned.changed }));
    if (spoken.mapped) return { items: [], read: (mapping) => items(read(mapping)) };
    const foreign = read(null);
    return { ...foreign, items: items(foreign) };
  }
  if (!isObject(body)) throw new AppError("validation_failed", "The body must be a JSON object.");
  if (kind === "batch") return batchOf(body, text, bytes.length, limits);
  const { value, changed } = cleanIn(body, hasEscapes(text));
  return { items: [{ draft: value as JsonObject, cleaned: changed }], key: keyIn(body) };
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new AppError("invalid_json", "The body is not valid UTF-8.", { cause: error });
  }
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new AppError("invalid_json", "The body is not valid JSON.", { cause: error });
  }
}

/** Lone surrogates and U+0000 can only come in as escapes: a text without any is spared the walk. */
const hasEscapes = (text: string) => text.includes("\\u");

function cleanIn(value: Json, escapes: boolean): { value: Json; changed: boolean } {
  if (!escapes) return { value, changed: false };
  let changed = false;
  const cleaned = cleanTexts(value, () => {
    changed = true;
  });
  return { value: cleaned, changed };
}

function batchOf({ batch, ...rest }: JsonObject, text: string, bytes: number, limits: SizeLimits): Parsed {
  if (!Array.isArray(batch)) {
    const refused = new AppError("validation_failed", '"batch" must be a list of events.', { field: "batch" });
    return { items: [], key: keyIn(rest), refused };
  }
  const escapes = hasEscapes(text);
  const body = cleanIn(rest, escapes);
  const [first] = batch;
  const items = itemsOf(batch, escapes, bytes, limits, "batch", body.value as JsonObject, body.changed);
  return { items, key: keyIn(rest) ?? (isObject(first) ? keyIn(first) : undefined) };
}

function itemsOf(
  list: readonly Json[],
  escapes: boolean,
  bytes: number,
  limits: SizeLimits,
  name: string,
  body: JsonObject,
  bodyCleaned: boolean,
): Item[] {
  const defaults = defaultsOf(body);
  return list.map((item, index) => {
    const where = list.length === 1 && name.endsWith("]") ? name : `${name}[${index}]`;
    if (!isObject(item)) {
      const refused = new AppError("validation_failed", `${where} must be an object, one event.`, { field: where });
      return { refused, raw: item };
    }
    // Only a body above one event's limit can hold an event above it; all others are spared the count.
    const refused = bytes > limits.eventBytesMax ? refusedForSize(item, where, limits.eventBytesMax) : undefined;
    if (refused) return { refused, raw: item };
    const { value, changed } = cleanIn(item, escapes);
    const draft = defaults ? withDefaults(value as JsonObject, defaults) : (value as JsonObject);
    return { draft, cleaned: changed || bodyCleaned };
  });
}

/** `{batch: […]}`, a JSON array of events, or an event a line (NDJSON): each bad line is refused alone. K-32, B-25. */
function importOf(text: string, limits: SizeLimits): Parsed {
  const whole = tryJson(text);
  const escapes = hasEscapes(text);
  if (Array.isArray(whole)) {
    const [first] = whole;
    const items = itemsOf(whole, escapes, text.length, limits, "events", {}, false);
    return { items, key: isObject(first) ? keyIn(first) : undefined };
  }
  if (isObject(whole) && "batch" in whole) return batchOf(whole, text, text.length, limits);
  if (isObject(whole))
    return { items: itemsOf([whole], escapes, text.length, limits, "line", {}, false), key: keyIn(whole) };
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const values = lines.map(tryJson);
  // What holds not one object is no import at all.
  if (!values.some(isObject)) throw new AppError("invalid_json", "The body is neither JSON nor a JSON object a line.");
  const items = values.flatMap((value, index): Item[] =>
    value === undefined
      ? [{ refused: new AppError("invalid_json", `Line ${index + 1} is not JSON.`, { field: `line[${index}]` }) }]
      : itemsOf([value], escapes, text.length, limits, `line[${index}]`, {}, false),
  );
  return { items, key: values.filter(isObject).map(keyIn).find(Boolean) };
}

function tryJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function refusedForSize(item: JsonObject, where: string, bytesMax: number): AppError | undefined {
  try {
    const bytes = Buffer.byteLength(JSON.stringify(item));
    return bytes > bytesMax ? tooLarge(where, bytes, bytesMax) : undefined;
  } catch (error) {
    // JSON.parse reads any depth, JSON.stringify runs out of stack at some 10,000 levels.
    if (!(error instanceof RangeError)) throw error;
    return new AppError("validation_failed", `${where} is nested too deep.`, { field: where });
  }
}

/** A key in a body may be masked (`id:***`); such a value is no key (S-6, S-12). */
function keyIn(body: JsonObject): string | undefined {
  return [body.writeKey, body.api_key].find(
    (key): key is string => typeof key === "string" && key !== "" && !key.includes("***"),
  );
}

type Defaults = { context: JsonObject | undefined; sentAt: Json | undefined };

function defaultsOf(body: JsonObject): Defaults | undefined {
  const context = isObject(body.context) ? body.context : undefined;
  return context || body.sentAt !== undefined ? { context, sentAt: body.sentAt } : undefined;
}

function withDefaults(draft: Draft, { context, sentAt }: Defaults): Draft {
  const full = { ...draft };
  if (sentAt !== undefined && (draft.sentAt === undefined || draft.sentAt === null)) full.sentAt = sentAt;
  if (context && (isObject(draft.context) || draft.context === undefined || draft.context === null))
    full.context = { ...context, ...draft.context };
  return full;
}
