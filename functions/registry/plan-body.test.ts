import { expect, test } from "vitest";
import { PlanBody } from "./plan-body.ts";

const anEvent = (fields: object = {}) => ({ event: "Order Completed", schema: { required: ["total"] }, ...fields });

test("a plan is taken as it is written, its defaults filled in", () => {
  expect(
    PlanBody.parse({ mode: "block", events: [anEvent(), { type: "identify", schema: {}, mode: "warn" }] }),
  ).toEqual({
    mode: "block",
    unplanned: "allow",
    events: [
      { type: "track", ...anEvent() },
      { type: "identify", event: "", schema: {}, mode: "warn" },
    ],
  });
});

test.each<[name: string, body: unknown, field: string]>([
  ["no mode", { events: [] }, "mode"],
  ["an unknown mode", { mode: "strict", events: [] }, "mode"],
  ["an unknown type", { mode: "warn", events: [anEvent({ type: "click" })] }, "events.0.type"],
  ["a track event without a name", { mode: "warn", events: [{ schema: {} }] }, "events.0.event"],
  ["an event without a schema", { mode: "warn", events: [{ event: "A" }] }, "events.0.schema"],
  ["an event planned twice", { mode: "warn", events: [anEvent(), anEvent()] }, "events.1"],
  [
    "a type planned twice",
    { mode: "warn", events: [anEvent({ type: "page" }), { type: "page", schema: {} }] },
    "events.1",
  ],
  [
    "a wrong schema",
    { mode: "warn", events: [anEvent(), anEvent({ event: "B", schema: { items: { a: 1 } } })] },
    "events.1.schema.items.a",
  ],
])("%s is refused at its place", (_, body, field) => {
  const checked = PlanBody.safeParse(body);
  expect(checked.error?.issues[0]?.path.join(".")).toBe(field);
});
