import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FlatEvent, JsonObject } from "../event/event.ts";
import { createHashOfAddress } from "../kit/address-hash.ts";
import type { AddressPolicy } from "../registry/source.ts";
import { aClient, aReceivedEvent, aSource, DAY, NOW, WORKSPACE } from "../testing/builders.ts";
import { markSender, reduced } from "./address.ts";
import type { Client } from "./call.ts";

const hash = createHashOfAddress("a key for tests only");
const ports = {
  placeOf: (address: string) =>
    address === "203.0.113.77" ? { country: "NL", region: "NH", city: "Amsterdam" } : undefined,
  isBot: (agent: string) => agent.includes("bot"),
  hashOfAddress: hash,
};
const marked = (context: JsonObject, client: Partial<Client> = {}, address: AddressPolicy = "truncate") =>
  markSender(
    { ...aReceivedEvent({ context: { ...context } }), flat: true } as FlatEvent,
    aSource({ address }),
    aClient(client),
    ports,
  ).context;

describe("E16 what is kept of an address", () => {
  const hashed = (address: string) => hash(WORKSPACE, address, NOW);
  test.each<[string, AddressPolicy, string]>([
    ["203.0.113.77", "keep", "203.0.113.77"],
    ["203.0.113.77", "truncate", "203.0.113.0"],
    ["203.0.113.77", "drop", ""],
    ["203.0.113.77", "hash", hashed("203.0.113.77")],
    ["2001:db8:1:2:3:4:5:6", "truncate", "2001:db8:1::"],
    ["::ffff:203.0.113.77", "truncate", "203.0.113.0"],
    ["::ffff:203.0.113.77", "hash", hashed("203.0.113.77")],
    ["no address", "truncate", ""],
    ["203.0.113.77:8080", "hash", ""],
    ["no address", "keep", "no address"],
  ])("%s under %s is %s", (address, policy, kept) => {
    expect(reduced(address, policy, (full) => hashed(full))).toBe(kept);
  });

  test("is the same when it is reduced again, as a replay does", () => {
    const policies = fc.constantFrom<AddressPolicy>("keep", "truncate", "hash", "drop");
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), policies, (address, policy) => {
        const once = reduced(address, policy, hashed);
        expect(reduced(once, policy, hashed)).toBe(once);
      }),
    );
  });

  test("as a hash is another one the next day, in another workspace, and under another key", () => {
    const [day, next] = [hash(WORKSPACE, "203.0.113.77", NOW), hash(WORKSPACE, "203.0.113.77", NOW + DAY)];
    const other = hash("another", "203.0.113.77", NOW);
    const otherKey = createHashOfAddress("another key for tests")(WORKSPACE, "203.0.113.77", NOW);
    expect(new Set([day, next, other, otherKey]).size).toBe(4);
    expect(hash(WORKSPACE, "203.0.113.77", NOW + 1)).toBe(day);
    expect(day).toMatch(/^ip_[0-9a-f]{32}$/);
  });
});

describe("the sender of an event", () => {
  const browser = { device: true, userAgent: "Mozilla/5.0" };

  test("is the call's own where a browser sent it", () => {
    expect(marked({}, browser, "keep")).toMatchObject({ ip: "203.0.113.77", user_agent: "Mozilla/5.0" });
  });

  test("is not the server that sent it, whose own word counts", () => {
    expect(marked({}, { userAgent: "node" }, "keep")).toEqual({});
    expect(marked({ ip: "198.51.100.9", user_agent: "theirs" }, { userAgent: "node" }, "keep")).toEqual({
      ip: "198.51.100.9",
      user_agent: "theirs",
    });
  });

  test("is the device of an app, which sends no Origin", () => {
    for (const library_name of ["analytics-kotlin", "analytics-ios", "@segment/analytics-react-native"])
      expect(marked({ library_name }, {}, "keep")).toMatchObject({ ip: "203.0.113.77" });
    expect(marked({ library_name: "@segment/analytics-node" }, {}, "keep")).not.toHaveProperty("ip");
  });

  test("C-24 is placed by the whole address, before it is reduced", () => {
    for (const policy of ["keep", "truncate", "hash", "drop"] as const)
      expect(marked({}, browser, policy)).toMatchObject({ geo_country: "NL", geo_region: "NH", geo_city: "Amsterdam" });
    expect(marked({}, browser, "drop")).not.toHaveProperty("ip");
  });

  test("is placed by the CDN for the call's own address, and never for another", () => {
    const place = { country: "DE", region: "BE", city: "Berlin" };
    expect(marked({}, { ...browser, place })).toMatchObject({ geo_country: "DE" });
    expect(marked({ ip: "198.51.100.9" }, { ...browser, place })).not.toHaveProperty("geo_country");
  });

  test("keeps what the client says of its place", () => {
    expect(marked({ geo_country: "FR" }, browser)).toMatchObject({ geo_country: "FR", geo_city: "Amsterdam" });
  });

  test("B-22 that is a robot is marked, and nobody else is", () => {
    expect(marked({ user_agent: "Googlebot" })).toMatchObject({ is_bot: true });
    expect(marked({}, { ...browser, userAgent: "bot" })).toMatchObject({ is_bot: true });
    expect(marked({}, browser)).not.toHaveProperty("is_bot");
  });

  test("may ask for more privacy than its source, not for less", () => {
    expect(marked({}, { ...browser, addressPolicy: "drop" }, "truncate")).not.toHaveProperty("ip");
    expect(marked({}, { ...browser, addressPolicy: "truncate" }, "drop")).not.toHaveProperty("ip");
    expect(marked({}, { ...browser, addressPolicy: "truncate" }, "keep")).toMatchObject({ ip: "203.0.113.0" });
  });

  test("whose address is no text is kept by no policy that reduces it", () => {
    for (const ip of [3_405_803_853, ["203.0.113.77"]]) {
      expect(marked({ ip }, {}, "keep")).toEqual({ ip });
      for (const policy of ["truncate", "hash", "drop"] as const) expect(marked({ ip }, {}, policy)).toEqual({});
    }
  });
});
