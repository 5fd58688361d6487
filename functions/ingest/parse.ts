import type { Draft, Json, JsonObject } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import type { Call } from "./call.ts";
import { cleanTexts } from "./clean-texts.ts";
import type { SizeLimits } from "./inflate.ts";
import { tooLarge } from "./inflate.ts";

/**
 * A body taken apart. What is no event is an AppError at its place, to be refused as one item of its batch; `refused` is
 * set where the body as a whole is wrong although its key can be read.
 */
export type Parsed = { drafts: readonly (Draft | AppError)[]; key: string | undefined; refused?: AppError };

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Bytes → the drafts of a call, a batch's `context` and `sentAt` given to each event that has none. The content type is
 * never asked (S-5). Throws `invalid_json` for what is not UTF-8 or not JSON, and `validation_failed` for what is no
 * object; a batch without its list is refused with its key. Decisions 2, 13a, 13c; I-02.
 */
export function parse(bytes: Uint8Array, kind: Call["kind"], limits: SizeLimits): Parsed {
  const body = objectOf(bytes);
  if (kind !== "batch") return { drafts: [body], key: keyIn(body) };
  if (!Array.isArray(body.batch)) return { drafts: [], key: keyIn(body), refused: noList() };
  const first = body.batch[0];
  const defaults = defaultsOf(body);
  const drafts = body.batch.map((item, index) => {
    if (!isObject(item))
      return new AppError("validation_failed", `batch[${index}] must be an object, one event.`, {
        field: `batch[${index}]`,
      });
    const draft = defaults ? withDefaults(item, defaults) : item;
    // Only a body above one event's limit can hold an event above it; all others are spared the count.
    if (bytes.length <= limits.eventBytesMax) return draft;
    return refusedForSize(item, `batch[${index}]`, limits.eventBytesMax) ?? draft;
  });
  return { drafts, key: keyIn(body) ?? (isObject(first) ? keyIn(first) : undefined) };
}

const noList = () => new AppError("validation_failed", '"batch" must be a list of events.', { field: "batch" });

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

function objectOf(bytes: Uint8Array): JsonObject {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (error) {
    throw new AppError("invalid_json", "The body is not valid UTF-8.", { cause: error });
  }
  let body: Json;
  try {
    body = JSON.parse(text) as Json;
  } catch (error) {
    throw new AppError("invalid_json", "The body is not valid JSON.", { cause: error });
  }
  if (!isObject(body)) throw new AppError("validation_failed", "The body must be a JSON object.");
  // Lone surrogates and U+0000 can only come in as escapes: a body without any is spared the walk.
  return text.includes("\\u") ? (cleanTexts(body) as JsonObject) : body;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A key in a body may be masked (`id:***`); such a value is no key (S-6, S-12). */
function keyIn(body: JsonObject): string | undefined {
  const key = body.writeKey;
  return typeof key === "string" && key !== "" && !key.includes("***") ? key : undefined;
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
