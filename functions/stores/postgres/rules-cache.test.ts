import { expect, test } from "vitest";
import type { Rules } from "../../ingest/ports.ts";
import { aSource } from "../../testing/builders.ts";
import { createRulesOf } from "./rules-cache.ts";

const RULES: Rules = { plan: { mode: "warn", unplanned: "allow", events: [] }, suppressed: new Set(["0"]) };
const at = (version: number, fields = {}) => aSource({ rules: { version, plan: true, suppressed: true }, ...fields });

/** A database that counts; `away` makes it refuse. */
function aDatabase(version = 1) {
  const state = { version, away: false, asked: [] as string[], people: 1 };
  const load = async (workspaceId: string) => {
    state.asked.push(workspaceId);
    await Promise.resolve();
    if (state.away) throw new Error("away");
    const suppressed = new Set(Array.from({ length: state.people }, (_, i) => String(i)));
    return { ...RULES, suppressed, version: state.version };
  };
  return { load, state };
}

test("where a source says that there are no rules nobody is asked, and nobody waits", () => {
  const { load, state } = aDatabase();
  expect(createRulesOf({ load })(aSource())).toEqual({ plan: null, suppressed: new Set() });
  expect(state.asked).toEqual([]);
});

test("rules are read once, by however many at a time, and then answered without waiting", async () => {
  const { load, state } = aDatabase();
  const rulesOf = createRulesOf({ load });
  const all = await Promise.all(Array.from({ length: 20 }, () => rulesOf(at(1))));
  expect(new Set(all).size).toBe(1);
  const again = rulesOf(at(1));
  expect(again).not.toBeInstanceOf(Promise);
  // The same object, so that what was compiled for its plan is found.
  expect(again).toBe(all[0]);
  expect(state.asked).toHaveLength(1);
});

test("a higher version is read again; a source that is behind is given the newer rules", async () => {
  const { load, state } = aDatabase();
  const rulesOf = createRulesOf({ load });
  await rulesOf(at(1));
  state.version = 3;
  state.people = 5;
  expect((await rulesOf(at(2))).suppressed.size).toBe(5);
  for (const version of [1, 2, 3]) expect((await rulesOf(at(version))).suppressed.size).toBe(5);
  expect(state.asked).toHaveLength(2);
});

test("an outage is thrown, to everybody who waits, and the next one asks again", async () => {
  const { load, state } = aDatabase();
  const rulesOf = createRulesOf({ load });
  state.away = true;
  const both = await Promise.allSettled([rulesOf(at(1)), rulesOf(at(1))]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  state.away = false;
  expect((await rulesOf(at(1))).suppressed.size).toBe(1);
});

test("memory is bounded: the workspace read longest ago is dropped, the last one never", async () => {
  const { load, state } = aDatabase();
  state.people = 40;
  const rulesOf = createRulesOf({ load, heldMax: 100 });
  const workspaces = ["a", "b", "c"];
  for (const workspaceId of workspaces) await rulesOf(at(1, { workspaceId }));
  await rulesOf(at(1, { workspaceId: "c" }));
  await rulesOf(at(1, { workspaceId: "b" }));
  expect(state.asked).toEqual(["a", "b", "c"]);
  await rulesOf(at(1, { workspaceId: "a" }));
  expect(state.asked).toHaveLength(4);
  state.people = 1_000;
  expect((await rulesOf(at(1, { workspaceId: "d" }))).suppressed.size).toBe(1_000);
  await rulesOf(at(1, { workspaceId: "d" }));
  expect(state.asked).toHaveLength(5);
});
