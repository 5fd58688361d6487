import { EVENT_TYPES, type EventType, type JsonObject } from "../../../functions/event/event.ts";
import { createCalendar, DAY_MS, HOUR_MS } from "./calendar.ts";
import { type Flaw, someFlaw, withFlaw } from "./flaws.ts";
import { createHeap, type Heap } from "./heap.ts";
import { type Placed, playRefund, playVisit, type Visit } from "./journey.ts";
import { createVisitor, EAGER, type Visitor } from "./people.ts";
import { chance, uuid, waiting } from "./random.ts";
import type { Planned, SourceName } from "./tape.ts";

/** What the demo is made of: the same plan makes the same events, byte for byte. */
export type Plan = { events: number; days: number; seed: string; now: number };

/** An event, ready to be sent. `type` is what its body says, "other" for what is no type. */
export type DemoEvent = { source: SourceName; type: EventType | "other"; flaw: Flaw | undefined; json: string };
export const DEMO_TYPES = [...EVENT_TYPES, "other"] as const;
export type DemoType = (typeof DEMO_TYPES)[number];

/**
 * Exactly `events` events over the `days` before `now`, in the order in which they happened; those of one person ascend
 * strictly. Made while they are asked for: only who will come back and what is going on right now is in memory. Another
 * `now` moves the times and leaves everything else as it is, ids included.
 */
export function* timeline(plan: Plan): Generator<DemoEvent> {
  const calendar = createCalendar(plan);
  const comingBack = createHeap<Return>((visit) => visit.atMs);
  const goingOn = createHeap<Scheduled>((event) => event.atMs);
  let visitors = 0;
  let made = 0;
  while (made < plan.events) {
    // Who is new comes whenever those who come back leave the day's traffic short of what is due.
    const dueMs = visitors < EAGER ? 0 : (made / plan.events) * plan.days * DAY_MS;
    const isBack = (comingBack.peek()?.atMs ?? Number.POSITIVE_INFINITY) <= dueMs;
    const back = isBack ? comingBack.pop() : undefined;
    const visit = back ?? { atMs: dueMs, visitor: createVisitor(seedOf(plan), visitors++) };
    yield* until(goingOn, visit.atMs);

    const startedAt = calendar(visit.atMs);
    const { planned, next } = play(visit, startedAt);
    if (next && next.atMs < plan.days * DAY_MS) comingBack.push(next);
    for (const scheduled of written(planned.slice(0, plan.events - made), visit, startedAt, plan)) {
      goingOn.push(scheduled);
      made++;
    }
  }
  yield* until(goingOn, Number.POSITIVE_INFINITY);
}

/** Events and days are part of it: another plan is another demo, not one whose ids are half known already. */
const seedOf = ({ seed, events, days }: Plan) => `${seed}/${events}/${days}`;

/** Someone known who comes back, or whose order does. */
type Return = { atMs: number; visitor: Visitor; refund?: Placed };
type Scheduled = { atMs: number; event: DemoEvent };

/** Visits of one person never overlap, in even time and on the clock. */
const GAP_MIN_MS = 3 * HOUR_MS;

function play({ visitor, atMs, refund }: Return, startedAt: number): { planned: Planned[]; next: Return | undefined } {
  if (refund) return { planned: playRefund(visitor, refund), next: nextVisit(visitor, atMs, 2) };
  const { planned, depth, placed } = playVisit(visitor, startedAt);
  if (placed && chance(visitor.random, 0.06)) {
    const refundedAtMs = atMs + GAP_MIN_MS + waiting(visitor.random, 4 * DAY_MS);
    return { planned, next: { atMs: refundedAtMs, visitor, refund: placed } };
  }
  return { planned, next: nextVisit(visitor, atMs, depth) };
}

/** When somebody comes back, if ever: the more they did, the likelier. Each return leads to fewer, so retention declines. */
function nextVisit(visitor: Visitor, atMs: number, depth: Visit["depth"]): Return | undefined {
  const { random, kind, signedUpAt, orders } = visitor;
  const likely = kind === "bot" ? 0.6 : 0.2 + 0.07 * depth + (signedUpAt ? 0.22 : 0) + (orders > 0 ? 0.08 : 0);
  const meanDays = kind === "bot" ? 1 : signedUpAt ? 4 : 2.5;
  const gapMs = GAP_MIN_MS + waiting(random, meanDays * DAY_MS);
  return chance(random, likely) ? { atMs: atMs + gapMs, visitor } : undefined;
}

/** The calls of a visit as bodies. What would reach beyond now is drawn together, so that nothing lies in the future. */
function* written(planned: readonly Planned[], visit: Return, startedAt: number, plan: Plan): Generator<Scheduled> {
  const { random } = visit.visitor;
  const lastMs = planned.at(-1)?.offsetMs ?? 0;
  const pace = Math.min(1, (plan.now - 1_000 - startedAt) / Math.max(lastMs, 1));
  const place = { progress: visit.atMs / (plan.days * DAY_MS), days: plan.days };
  for (const { source, offsetMs, type, fields } of planned) {
    const timestamp = new Date(startedAt + Math.floor(offsetMs * pace)).toISOString();
    const flaw = someFlaw(random, fields, place);
    const body: JsonObject = { timestamp, type, ...fields, messageId: uuid(random) };
    const json = JSON.stringify(flaw ? withFlaw(random, flaw, body, plan.now) : body);
    const event: DemoEvent = { source, type: flaw === "unknown_type" ? "other" : type, flaw, json };
    yield { atMs: visit.atMs + offsetMs, event };
  }
}

function* until(goingOn: Heap<Scheduled>, atMs: number): Generator<DemoEvent> {
  for (let first = goingOn.peek(); first && first.atMs <= atMs; first = goingOn.peek()) {
    goingOn.pop();
    yield first.event;
  }
}
