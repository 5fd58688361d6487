import type { Context } from "hono";
import type * as z from "zod";
import type { Json } from "../event/event.ts";
import { cleanTexts } from "../ingest/clean-texts.ts";
import { AppError } from "../kit/errors.ts";
import { cappedBody } from "./call.ts";

/** A question has at most some hundred filters; more bytes than this are no question. */
const BODY_BYTES_MAX = 512 * 1_024;
const TOO_LARGE = new AppError("payload_too_large", "The body is larger than 512 KB. Ask for less at once.");

/**
 * A request's JSON body, checked. Throws AppError `payload_too_large` above 512 KB, `invalid_json`, or `validation_failed` with the path of the first
 * thing that is wrong in `field`, such as `filters.0.value`. A text with U+0000 or half of a surrogate pair is `invalid_json`: no
 * database takes it, and no event has it (decision 13c). `whenEmpty` stands for a body of no bytes. Contract A-13.
 */
export async function bodyOf<Body extends z.ZodType>(
  c: Context,
  schema: Body,
  whenEmpty?: z.input<Body>,
): Promise<z.output<Body>> {
  return checkedBy(schema, await jsonOf(c, whenEmpty));
}

/** The query string, checked in the same way: each name once as a text, repeated ones as a list. */
export function queryOf<Query extends z.ZodType>(c: Context, schema: Query): z.output<Query> {
  const given = Object.entries(c.req.queries()).map(([name, values]) => [name, values.length > 1 ? values : values[0]]);
  return checkedBy(schema, withCleanTexts(Object.fromEntries(given)));
}

function checkedBy<Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> {
  const checked = schema.safeParse(given);
  if (checked.success) return checked.data;
  const [first] = checked.error.issues;
  // A name that does not belong there is said like one that is wrong.
  const unknown = first?.code === "unrecognized_keys" ? first.keys.slice(0, 1) : [];
  const field = [...(first?.path ?? []), ...unknown].join(".");
  throw new AppError("validation_failed", sentence(field, first?.message), field ? { field } : {});
}

async function jsonOf(c: Context, whenEmpty?: unknown): Promise<unknown> {
  const bytes = await cappedBody(c, BODY_BYTES_MAX, () => TOO_LARGE);
  if (bytes instanceof AppError) throw bytes;
  if (bytes.length === 0 && whenEmpty !== undefined) return whenEmpty;
  try {
    const text = new TextDecoder().decode(bytes);
    const body: Json = JSON.parse(text);
    return text.includes("\\u") ? withCleanTexts(body) : body;
  } catch (cause) {
    throw cause instanceof AppError ? cause : new AppError("invalid_json", "The body is not JSON.", { cause });
  }
}

/** What it is given. Throws for a text, or a name, that could be stored nowhere. */
function withCleanTexts(given: Json): Json {
  cleanTexts(given, () => {
    throw new AppError("invalid_json", "A text has U+0000 or half of a surrogate pair in it, which cannot be stored.");
  });
  return given;
}

const sentence = (field: string | undefined, message = "it is not what was expected") =>
  field ? `${field}: ${message}.` : `The body is wrong: ${message}.`;
