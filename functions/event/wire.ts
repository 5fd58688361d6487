import * as z from "zod";
import { EVENT_TYPES, type EventType, type JsonObject, type WireEvent } from "./event.ts";

const Bag = z.record(z.string(), z.unknown()) as unknown as z.ZodType<JsonObject, JsonObject>;

/**
 * One event of each call, as Segment's clients send it: `WIRE[type]` is the body of that call, `WIRE.batch` one item of
 * a batch. What a call accepts, for documents and for tests; the door runs `ingest/validate.ts`, which a property test
 * holds to it. Output: the WireEvent, a missing `messageId` as "". Unknown fields are left behind. I-01, I-03, S-11 to S-13.
 */
export const WIRE: Record<EventType | "batch", z.ZodType<WireEvent>> = {
  track: bodyOf("track"),
  identify: bodyOf("identify"),
  page: bodyOf("page"),
  screen: bodyOf("screen"),
  group: bodyOf("group"),
  alias: bodyOf("alias"),
  batch: z.discriminatedUnion("type", [
    bodyOf("track", ["track"]),
    bodyOf("identify", ["identify"]),
    bodyOf("page", ["page"]),
    bodyOf("screen", ["screen"]),
    bodyOf("group", ["group"]),
    bodyOf("alias", ["alias"]),
  ]),
};

/** A single call says its type by its path, so the body's own is not read; an item of a batch must be one of `types`. */
function bodyOf(type: EventType, types?: [EventType]) {
  // A rule that joins fields is asked even when some field is wrong, so that one answer can name all that is wrong.
  const rule = (field: string, message: string) => ({
    path: [field],
    message,
    when: ({ value }: { value: unknown }) => typeof value === "object" && value !== null,
  });
  return z
    .object({
      type: types ? z.enum(types).describe("Which call this event is.") : z.enum(EVENT_TYPES).optional().catch(type),
      messageId: id("Names this event: the same id again within a day is a duplicate. Made by the door when absent."),
      userId: id("Who it was, in the sender's own database."),
      anonymousId: id("Who it was before anybody knew: a device, a browser."),
      groupId: id("The company, team or account. Needed by a group call."),
      previousId: id("The id that becomes `userId`. An alias call needs it, or `anonymousId`."),
      event: type === "track" ? z.string().min(1).max(255).describe("What happened.") : z.unknown().optional(),
      name: text("The name of a page or screen."),
      category: text("The category of a page or screen."),
      timestamp: time("When it happened, by the client's clock. ISO 8601 with a zone, else it counts as absent."),
      originalTimestamp: time("The same, under the name that RudderStack's clients give it."),
      sentAt: time("When it was sent, by the client's clock: tells how wrong that clock is."),
      properties: bag("What is to be known of the event."),
      traits: bag("What is to be known of the user or group."),
      context: bag("Where it happened: page, device, campaign, library. Of an identify call also `context.traits`."),
    })
    .refine((call) => call.userId !== "" || call.anonymousId !== "", rule("userId", "userId or anonymousId is needed"))
    .refine((call) => type !== "group" || call.groupId !== "", rule("groupId", "groupId is needed"))
    .refine(
      (call) => type !== "alias" || call.previousId !== "" || call.anonymousId !== "",
      rule("previousId", "previousId or anonymousId is needed"),
    )
    .transform(({ timestamp, originalTimestamp, sentAt, ...call }): WireEvent => {
      const inContext = type === "identify" ? Bag.safeParse(call.context.traits).data : undefined;
      return {
        ...call,
        type,
        event: type === "track" ? String(call.event) : "",
        originalTimestamp: timestamp ?? originalTimestamp,
        sentAt,
        traits: { ...inContext, ...call.traits },
      };
    });
}

function bag(description: string) {
  return Bag.nullish()
    .describe(description)
    .transform((given) => given ?? {});
}

function id(description: string) {
  return z
    .union([z.string().max(512), z.number()])
    .nullish()
    .describe(description)
    .transform((given) => String(given ?? ""));
}

function text(description: string) {
  return z
    .string()
    .max(255)
    .nullish()
    .describe(description)
    .transform((given) => given ?? "");
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/i;

/** Never refused: a client with a strange clock keeps its events (S-13). Kept within what the table's columns hold. */
function time(description: string) {
  return z
    .unknown()
    .optional()
    .meta({ type: "string", format: "date-time", description })
    .transform((given) => {
      const ms = typeof given === "string" && ISO_TIME.test(given) ? Date.parse(given) : Number.NaN;
      return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, Date.UTC(1900, 0, 1)), Date.UTC(2299, 11, 31));
    });
}
