import { type Context, Hono } from "hono";
import { EVENT_TYPES, type EventType } from "../../event/event.ts";
import type { CallKind } from "../../ingest/call.ts";
import type { Dialect } from "../../ingest/dialects/dialect.ts";
import { openpanel } from "../../ingest/dialects/openpanel.ts";
import { plausible } from "../../ingest/dialects/plausible.ts";
import { umami } from "../../ingest/dialects/umami.ts";
import { webhook } from "../../ingest/dialects/webhook.ts";
import { AppError } from "../../kit/errors.ts";
import { batchAnswer, singleAnswer } from "../answers.ts";
import { headerOf } from "../header.ts";
import type { Take } from "../take.ts";
import { taken } from "../taken.ts";
import type { DoorVars } from "../vars.ts";

const LETTERS: Record<string, EventType> = {
  t: "track",
  i: "identify",
  p: "page",
  s: "screen",
  g: "group",
  a: "alias",
};

/** Every path to which an SDK posts events in Segment's shape, and what its body is. K-30, K-32, K-35. */
export const EVENT_PATHS: readonly [path: string, kind: CallKind][] = [
  ...["", "/v1"].flatMap((version) =>
    [...EVENT_TYPES, "batch" as const, "import" as const].map((kind): [string, CallKind] => [
      `${version}/${kind}`,
      kind,
    ]),
  ),
  ...Object.entries(LETTERS).map(([letter, type]): [string, CallKind] => [`/v1/${letter}`, type]),
  ["/v1/b", "batch"],
  ["/b", "batch"],
  ["/beacon/v1/batch", "batch"],
  ["/api/s/s2s/batch", "batch"],
];

/** Where other products' clients post, and their dialect. K-39. */
const FOREIGN_PATHS: readonly [path: string, dialect: Dialect][] = [
  ["/api/event", plausible],
  ["/api/send", umami],
  ["/v1/webhook", webhook],
];

/** A taken call is answered with exactly 200 and a JSON object: some clients know no other success. S-1. */
export function eventRoutes(take: Take): Hono<DoorVars> {
  const routes = new Hono<DoorVars>();
  const single = async (c: Context<DoorVars>, kind: CallKind, dialect?: Dialect) =>
    taken(c, singleAnswer(await take(c, { kind, dialect })));
  const batch = async (c: Context<DoorVars>, kind: CallKind) => taken(c, batchAnswer(await take(c, { kind })));

  for (const [path, kind] of EVENT_PATHS) {
    if (kind === "batch" || kind === "import") routes.post(path, (c) => batch(c, kind));
    else if (path === "/track")
      routes.post(path, (c) => (isOpenpanel(c) ? single(c, "foreign", openpanel) : single(c, kind)));
    else routes.post(path, (c) => single(c, kind));
  }
  for (const [path, dialect] of FOREIGN_PATHS) routes.post(path, (c) => single(c, "foreign", dialect));
  routes.get("/v1/webhook", (c) => single(c, "foreign", webhook));
  // Jitsu's, after the batch among its siblings. K-37.
  for (const path of ["/api/s/s2s/:type", "/api/s/:type"]) routes.post(path, (c) => single(c, typeIn(c)));
  // What an SDK says of itself: taken, and of no use here. K-31.
  for (const path of ["/m", "/v1/m"]) routes.post(path, (c) => c.json({ success: true }));
  // PostHog's clients ask for feature flags; there are none. K-39.
  routes.on(["GET", "POST"], ["/flags", "/decide"], (c) =>
    c.json({ featureFlags: {}, featureFlagPayloads: {}, flags: {}, errorsWhileComputingFlags: false }),
  );
  return routes;
}

const isOpenpanel = (c: Context) => headerOf(c, "openpanel-client-id") !== undefined;

/** A call's type from its path, as a word or its first letter. Throws `validation_failed`. */
export function typeIn(c: Context): EventType {
  const given = c.req.param("type") ?? "";
  const type = (Object.hasOwn(LETTERS, given) && LETTERS[given]) || EVENT_TYPES.find((known) => known === given);
  if (type) return type;
  throw new AppError("validation_failed", `There is no call "${given}". There are ${EVENT_TYPES.join(", ")}.`, {
    field: "type",
  });
}
