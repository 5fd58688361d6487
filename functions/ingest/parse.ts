import type { Draft, Json, JsonObject } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import type { WebhookMapping } from "../registry/source.ts";
import { type Defaults, defaultsOf, withDefaults } from "./batch-defaults.ts";
import { jsonBytes, refusedBatch, refusedEvent } from "./batch-limits.ts";
import type { Call } from "./call.ts";
import { cleanIn } from "./clean-texts.ts";
import type { Foreign } from "./dialects/dialect.ts";
import { isPosthogBatch, posthog } from "./dialects/posthog.ts";
import type { SizeLimits } from "./inflate.ts";
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
  if (kind === "import") return importOf(text, bytes.length, limits);
  const body = jsonOf(text);
  const spoken = dialect ?? (kind === "batch" && isObject(body) && isPosthogBatch(body) ? posthog : undefined);
  if (spoken) {
    const many = spoken.single || !isObject(body) || !Array.isArray(body.batch) ? 1 : body.batch.length;
    const refused = refusedBatch(many, 0, limits);
    if (refused) return { items: [], key: isObject(body) ? keyIn(body) : undefined, refused };
    const cleaned = cleanIn(body, hasEscapes(text));
    const read = (mapping: WebhookMapping | null) => spoken.read(cleaned.value, hints, mapping);
    const items = ({ drafts }: Foreign) =>
      drafts.map((draft, index) => {
        // A dialect may read JSON out of a text or base64, whose escapes nobody has seen yet.
        const { value, changed } = cleanIn(draft, true);
        return itemOf(value as Draft, `batch[${index}]`, changed || cleaned.changed, bytes.length, 0, limits);
      });
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

function batchOf({ batch, ...rest }: JsonObject, text: string, bytes: number, limits: SizeLimits): Parsed {
  const [first] = Array.isArray(batch) ? batch : [];
  const key = keyIn(rest) ?? (isObject(first) ? keyIn(first) : undefined);
  if (!Array.isArray(batch)) {
    const refused = new AppError("validation_failed", '"batch" must be a list of events.', { field: "batch" });
    return { items: [], key, refused };
  }
  const escapes = hasEscapes(text);
  const body = cleanIn(rest, escapes);
  const defaults = defaultsOf(body.value as JsonObject);
  const contextBytes = defaults?.context ? (jsonBytes(defaults.context) ?? bytes) : 0;
  const refused = refusedBatch(batch.length, contextBytes, limits);
  if (refused) return { items: [], key, refused };
  const given = { defaults, contextBytes, cleaned: body.changed };
  return { items: itemsOf(batch, escapes, bytes, limits, "batch", given), key };
}

/** What a batch gives to each of its events. */
type Given = { defaults: Defaults | undefined; contextBytes: number; cleaned: boolean };
const NOTHING: Given = { defaults: undefined, contextBytes: 0, cleaned: false };

function itemsOf(
  list: readonly Json[],
  escapes: boolean,
  bytes: number,
  limits: SizeLimits,
  name: string,
  { defaults, contextBytes, cleaned }: Given = NOTHING,
): Item[] {
  return list.map((item, index) => {
    const where = list.length === 1 && name.endsWith("]") ? name : `${name}[${index}]`;
    if (!isObject(item)) {
      const refused = new AppError("validation_failed", `${where} must be an object, one event.`, { field: where });
      return { refused, raw: item };
    }
    const { value, changed } = cleanIn(item, escapes);
    const draft = value as JsonObject;
    const read = itemOf(draft, where, changed || cleaned, bytes, contextBytes, limits);
    return defaults && "draft" in read ? { ...read, draft: withDefaults(draft, defaults) } : read;
  });
}

/** Only a body above one event's limit can hold an event above it; all others are spared the count. */
function itemOf(
  draft: Draft,
  where: string,
  cleaned: boolean,
  bytes: number,
  contextBytes: number,
  { eventBytesMax }: SizeLimits,
): Item {
  const refused = bytes > eventBytesMax ? refusedEvent(draft, where, contextBytes, eventBytesMax) : undefined;
  return refused ? { refused, raw: draft } : { draft, cleaned };
}

/** `{batch: […]}`, a JSON array of events, or an event a line (NDJSON): each bad line is refused alone. K-32, B-25. */
function importOf(text: string, bytes: number, limits: SizeLimits): Parsed {
  const whole = tryJson(text);
  const escapes = hasEscapes(text);
  if (isObject(whole) && "batch" in whole) return batchOf(whole, text, bytes, limits);
  if (isObject(whole)) return { items: itemsOf([whole], escapes, bytes, limits, "line"), key: keyIn(whole) };
  if (Array.isArray(whole)) {
    const [first] = whole;
    const key = isObject(first) ? keyIn(first) : undefined;
    const refused = refusedBatch(whole.length, 0, limits);
    return refused ? { items: [], key, refused } : { items: itemsOf(whole, escapes, bytes, limits, "events"), key };
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const refused = refusedBatch(lines.length, 0, limits);
  const values = (refused ? lines.slice(0, 1) : lines).map(tryJson);
  // What holds not one object is no import at all.
  if (!values.some(isObject)) throw new AppError("invalid_json", "The body is neither JSON nor a JSON object a line.");
  const key = values.filter(isObject).map(keyIn).find(Boolean);
  if (refused) return { items: [], key, refused };
  const items = values.flatMap((value, index): Item[] =>
    value === undefined
      ? [{ refused: new AppError("invalid_json", `Line ${index + 1} is not JSON.`, { field: `line[${index}]` }) }]
      : itemsOf([value], escapes, bytes, limits, `line[${index}]`),
  );
  return { items, key };
}

function tryJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** A key in a body may be masked (`id:***`); such a value is no key (S-6, S-12). */
function keyIn(body: JsonObject): string | undefined {
  return [body.writeKey, body.api_key].find(
    (key): key is string => typeof key === "string" && key !== "" && !key.includes("***"),
  );
}
