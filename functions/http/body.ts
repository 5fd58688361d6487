import type { Context } from "hono";
import type { z } from "zod";
import { AppError } from "../kit/errors.ts";

/**
 * A request's JSON body, checked. Throws AppError `invalid_json`, or `validation_failed` with the path of the first
 * thing that is wrong in `field`, such as `filters.0.value`. Contract A-13.
 */
export async function bodyOf<Body extends z.ZodType>(c: Context, schema: Body): Promise<z.output<Body>> {
  const checked = schema.safeParse(await jsonOf(c));
  if (checked.success) return checked.data;
  const [first] = checked.error.issues;
  const field = first?.path.join(".");
  throw new AppError("validation_failed", sentence(field, first?.message), field ? { field } : {});
}

async function jsonOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("invalid_json", "The body is not JSON.", { cause });
  }
}

const sentence = (field: string | undefined, message = "it is not what was expected") =>
  field ? `${field}: ${message}.` : `The body is wrong: ${message}.`;
