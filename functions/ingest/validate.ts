import { type Draft, EVENT_TYPES, type EventType, type Json, type JsonObject, type WireEvent } from "../event/event.ts";
import { AppError } from "../kit/errors.ts";
import type { CallKind } from "./call.ts";
import { isObject } from "./is-object.ts";

const ID_CHARS_MAX = 512;
export const NAME_CHARS_MAX = 255;

/**
 * Draft → WireEvent: the plain checks of the hot path, whose oracle is the zod schema in `event/wire.ts`. Ids may be
 * numbers (S-11) and become text; a time that is not ISO 8601 counts as absent (S-13); unknown fields are left behind,
 * `writeKey`, `_metadata` and `integrations` among them (S-12). `messageId` is taken as given, never made here.
 * Throws `validation_failed` with the field. I-01, I-03, decision 13c.
 */
export function validate(draft: Draft, kind: CallKind, messageId: string): WireEvent {
  const type = TYPES.has(kind) ? (kind as EventType) : typeOf(draft.type);
  const event = type === "track" ? textOf(draft.event, "event", NAME_CHARS_MAX) : "";
  if (type === "track" && event === "") throw wrong("event", 'A track call needs "event", the name of what happened.');
  const userId = idOf(draft.userId, "userId");
  const anonymousId = idOf(draft.anonymousId, "anonymousId");
  const groupId = idOf(draft.groupId, "groupId");
  const previousId = idOf(draft.previousId, "previousId");
  if (userId === "" && anonymousId === "") throw wrong("userId", 'Every call needs "userId" or "anonymousId".');
  if (type === "group" && groupId === "") throw wrong("groupId", 'A group call needs "groupId".');
  if (type === "alias" && previousId === "" && anonymousId === "")
    throw wrong("previousId", 'An alias call needs "previousId" or "anonymousId".');
  const context = bagOf(draft.context, "context");
  const traits = bagOf(draft.traits, "traits");
  return {
    type,
    messageId,
    event,
    userId,
    anonymousId,
    groupId,
    previousId,
    name: textOf(draft.name, "name", NAME_CHARS_MAX),
    category: textOf(draft.category, "category", NAME_CHARS_MAX),
    originalTimestamp: timeOf(draft.timestamp) ?? timeOf(draft.originalTimestamp),
    sentAt: timeOf(draft.sentAt),
    properties: bagOf(draft.properties, "properties"),
    // RudderStack's clients put the traits of an identify call into its context (S-11).
    traits: type === "identify" && isObject(context.traits) ? { ...context.traits, ...traits } : traits,
    context,
  };
}

/** The message id of a draft, or undefined where the door must make one (C-23). Throws `validation_failed`. */
export function messageIdOf(draft: Draft): string | undefined {
  return idOf(draft.messageId, "messageId") || undefined;
}

/** The id of what may be refused, so that whoever sent it knows which it was; "" where none can be read. */
export function readableIdOf(raw: Json | undefined): string {
  try {
    return isObject(raw) ? (messageIdOf(raw) ?? "") : "";
  } catch {
    return "";
  }
}

const TYPES: ReadonlySet<string> = new Set(EVENT_TYPES);
const typeOf = (value: Json | undefined): EventType => {
  if (typeof value === "string" && TYPES.has(value)) return value as EventType;
  throw wrong("type", `"type" must be one of ${EVENT_TYPES.join(", ")}.`);
};

function idOf(value: Json | undefined, field: string): string {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw wrong(field, `"${field}" must be a text or a number.`);
  if (value.length > ID_CHARS_MAX)
    throw wrong(field, `"${field}" has ${value.length} characters, the limit is ${ID_CHARS_MAX}.`);
  return value;
}

function textOf(value: Json | undefined, field: string, charsMax: number): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw wrong(field, `"${field}" must be a text.`);
  if (value.length > charsMax)
    throw wrong(field, `"${field}" has ${value.length} characters, the limit is ${charsMax}.`);
  return value;
}

const EMPTY: JsonObject = Object.freeze({});
function bagOf(value: Json | undefined, field: string): JsonObject {
  if (value === undefined || value === null) return EMPTY;
  if (!isObject(value)) throw wrong(field, `"${field}" must be an object.`);
  return value;
}

/** ISO 8601 with a date, a time and a zone, as every SDK's own clock writes it. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/i;
/** What a DateTime64(3) of ClickHouse can hold; a time outside is kept at the edge. */
const TIME_MIN_MS = Date.UTC(1900, 0, 1);
const TIME_MAX_MS = Date.UTC(2299, 11, 31);

function timeOf(value: Json | undefined): number | undefined {
  if (typeof value !== "string") return undefined;
  const usual = usualTime(value);
  if (usual !== undefined) return usual;
  if (!ISO_TIME.test(value)) return undefined;
  const ms = Date.parse(value);
  // Date.parse reads 30 February as 2 March.
  const day = Number(value.slice(8, 10));
  if (Number.isNaN(ms) || (day > 28 && day > daysIn(Number(value.slice(0, 4)), Number(value.slice(5, 7)))))
    return undefined;
  return Math.min(Math.max(ms, TIME_MIN_MS), TIME_MAX_MS);
}

/**
 * `2026-11-21T19:03:01.123Z`, as JavaScript writes every time, read by its digits; undefined for anything else, and where
 * a figure is not plainly right: those are for the slow way. A tenth of what a pattern and Date.parse cost.
 */
function usualTime(text: string): number | undefined {
  if (text.length !== 24 || text[10] !== "T" || text[23] !== "Z" || text[19] !== "." || text[4] !== "-")
    return undefined;
  if (text[7] !== "-" || text[13] !== ":" || text[16] !== ":") return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  const ms = digits(text, 20, 23);
  const plain = year >= 1970 && year <= 2099 && month >= 1 && month <= 12 && day >= 1 && day <= 28;
  if (!plain || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || ms < 0)
    return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second, ms);
}

/** The number that these digits write, -1 where one of them is none. */
function digits(text: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

const daysIn = (year: number, month: number) => new Date(Date.UTC(year, month, 0)).getUTCDate();

const wrong = (field: string, message: string) => new AppError("validation_failed", message, { field });
