import { expect, test } from "vitest";
import { env } from "../../kit/env.ts";
import { openStores } from "../../stores/open.ts";
import { faultyStores } from "./faulty-stores.ts";
import { createSchedule } from "./schedule.ts";

/** What asks nobody, answers from memory, or is asked for no event: listening, hashing, what a rule says, managing, probes. */
const UNWRAPPED = /^(listenForKeys|placeOf|hashOfAddress|rulesOf|manage|schemas\.known|probes\.\w+)$/;

const portsOf = (stores: object, folder = ""): [string, unknown][] =>
  Object.entries(stores).flatMap(([name, port]) =>
    typeof port === "function" ? [[`${folder}${name}`, port]] : portsOf(port, `${folder}${name}.`),
  );

test("every port to a store meets faults", () => {
  const stores = openStores(env.stores);
  const faulty = new Map(portsOf(faultyStores(stores, createSchedule(1, {}))));
  const same = portsOf(stores).filter(([name, port]) => faulty.get(name) === port);
  expect(same.map(([name]) => name).filter((name) => !UNWRAPPED.test(name))).toEqual([]);
  expect(faulty.size).toBe(portsOf(stores).length);
});
