import { randomUUID } from "node:crypto";
import type { Redis } from "@upstash/redis";
import { describe, expect, test, vi } from "vitest";
import { ADMIT, type Script, SETTLE } from "../../../../functions/stores/redis/scripts.ts";

/** What the scripts must do, as Lua in a real Redis and as their twins: answers, keys, fields and lives alike. */
export function scriptsContract(here: () => { redis: Redis; prefix: string }): void {
  /** Runs a script as the client does it: by its hash, loaded when unknown. */
  const call = async (script: Script, keys: string[], args: string[]) => {
    await here().redis.scriptLoad(script.text);
    return here().redis.evalsha(script.sha1, keys, args);
  };
  type AdmitArgs = {
    workspace?: string;
    request?: string;
    now?: number;
    ids?: string[];
    window?: number | "";
    day?: number | "";
    date?: string;
  };
  /** A source that is known, unless `workspace` is "". Scopes are of this test alone; the day is always the same. */
  const admit = ({
    workspace = "w1",
    request = "r1",
    now = 1_000,
    ids = [],
    window = "",
    day = "",
    date = "20261121",
  }: AdmitArgs) => {
    const { prefix } = here();
    const head = [request, prefix, "600", String(now), date, workspace, prefix, String(window), String(day)];
    return call(ADMIT, [`${prefix}:wk`, `${prefix}:epoch`], [...head, ...ids]);
  };
  type SettleArgs = { request?: string; confirm?: string[]; release?: string[]; live?: string; counts?: string[] };
  const settle = ({ request = "r1", confirm = [], release = [], live = "", counts = [] }: SettleArgs) => {
    const { prefix } = here();
    const head = [`${prefix}:w1:`, request, "600", String(confirm.length), String(release.length), live];
    return call(SETTLE, [`${prefix}:live`, `${prefix}:counts`], [...head, ...confirm, ...release, ...counts]);
  };
  const ids = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `id${from + index}`);

  describe("scripts", () => {
    test("an unknown hash is NOSCRIPT until the text was loaded", async () => {
      const { redis } = here();
      await expect(redis.evalsha("0".repeat(40), [], [])).rejects.toThrow("NOSCRIPT No matching script");
      expect(await redis.scriptLoad(SETTLE.text)).toBe(SETTLE.sha1);
      expect(await redis.scriptExists(SETTLE.sha1, "0".repeat(40))).toEqual([1, 0]);
      expect(await redis.eval(SETTLE.text, ["l", "c"], ["a", "b", "1", "0", "0", ""])).toBe(0);
    });

    test("a thousand ids of any text go in one call", async () => {
      const many = Array.from({ length: 1_000 }, (_, index) => `${index}:ü "{}%s\u0001`);
      expect(await admit({ ids: many })).toEqual([null, "1000", "f".repeat(1_000)]);
      expect(await settle({ confirm: many.slice(0, 600), release: many.slice(600), live: "{}" })).toBe(400);
      const again = await admit({ ids: many, request: "r2" });
      expect(again).toEqual([null, "1000", "d".repeat(600) + "f".repeat(400)]);
    });
  });

  describe("the script of claims", () => {
    test("without the cached source nothing is claimed or counted, and the epoch is still set", async () => {
      const { redis, prefix } = here();
      expect(await admit({ workspace: "", ids: ["a"], now: 1_234, window: 5, day: 5 })).toEqual([null, "1234", ""]);
      expect(await redis.keys(`*${prefix}*`)).toEqual([`${prefix}:epoch`]);
    });

    test.each(["garbage", "5", '{"id":"s","workspaceId":"w1"}', '{"workspaceId":"w1","limits":null}'])(
      "a cached source that cannot be read is as good as none: %s",
      async (cached) => {
        const { redis, prefix } = here();
        await redis.set(`${prefix}:wk`, cached);
        expect(await admit({ workspace: "", ids: ["a"] })).toEqual([null, "1000", ""]);
      },
    );

    test("the cached source names the workspace whose ids are claimed, in the same trip", async () => {
      const { redis, prefix } = here();
      const source = JSON.stringify(aSource({ workspaceId: "w1", name: "Bücher" }));
      await redis.set(`${prefix}:wk`, source);
      expect(await admit({ workspace: "", ids: ["a", "b"] })).toEqual([source, "1000", "ff"]);
      expect(await redis.get(`${prefix}:w1:a`)).toBe("p:r1");
      expect(await redis.ttl(`${prefix}:w1:b`)).toBeGreaterThan(500);
    });

    test.each([false, true])("the cached source's limits hold in the same trip (its own: %s)", async (own) => {
      const { redis, prefix } = here();
      const limits = { windowRequestsMax: 2, dayEventsMax: 3, own };
      const source = aSource({ id: `${prefix}:source`, workspaceId: `${prefix}:workspace`, limits });
      await redis.set(`${prefix}:wk`, JSON.stringify(source));
      const request = async () => ((await admit({ workspace: "", ids: ["a"] })) as unknown[]).slice(2);
      expect([await request(), await request(), await request()]).toEqual([
        ["f", "", 1, 5_000],
        ["s", "", 0, 5_000],
        ["", "requests", 0, 5_000],
      ]);
      const scope = own ? source.id : source.workspaceId;
      expect((await redis.keys(`rate:${prefix}*`)).sort()).toEqual([`rate:${scope}`, `rate:${scope}:day:20261121`]);
    });

    test("nothing is counted where no day is said, whatever the limits; claims are made", async () => {
      const { redis, prefix } = here();
      const limits = { windowRequestsMax: 1, dayEventsMax: 1, own: false };
      await redis.set(`${prefix}:wk`, JSON.stringify(aSource({ workspaceId: prefix, limits })));
      const uncounted = { workspace: "", ids: ["a", "b"], date: "" };
      expect(await admit(uncounted)).toEqual([expect.any(String), "1000", "ff"]);
      expect(await admit({ ...uncounted, workspace: "w1", window: 1, day: 1 })).toEqual([null, "1000", "ff"]);
      expect(await redis.keys(`rate:${prefix}*`)).toEqual([]);
    });

    test.each([
      [3, null],
      [null, 3],
    ])(
      "of the cached source's limits a null is none: %s requests, %s events",
      async (windowRequestsMax, dayEventsMax) => {
        const { redis, prefix } = here();
        const limits = { windowRequestsMax, dayEventsMax, own: false };
        await redis.set(`${prefix}:wk`, JSON.stringify(aSource({ workspaceId: prefix, limits })));
        const left = windowRequestsMax === null ? [0, 0] : [2, 5_000];
        expect(await admit({ workspace: "", ids: ["a", "b"] })).toEqual([
          expect.any(String),
          "1000",
          "ff",
          "",
          ...left,
        ]);
        const key = windowRequestsMax === null ? `rate:${prefix}:day:20261121` : `rate:${prefix}`;
        expect(await redis.keys(`rate:${prefix}*`)).toEqual([key]);
      },
    );

    test("a pending id lets another request through as suspect, and its own request's second try too", async () => {
      const { redis, prefix } = here();
      expect(await admit({ ids: ["a"] })).toEqual([null, "1000", "f"]);
      expect(await admit({ ids: ["a", "b"], request: "r2" })).toEqual([null, "1000", "sf"]);
      expect(await admit({ ids: ["a"] })).toEqual([null, "1000", "s"]);
      expect(await redis.get(`${prefix}:w1:a`)).toBe("p:r1");
    });

    test("a confirmed id is a duplicate, also for the request that confirmed it, and in its workspace only", async () => {
      const { redis, prefix } = here();
      await admit({ ids: ["a"] });
      expect(await settle({ confirm: ["a"] })).toBe(0);
      expect(await admit({ ids: ["a", "b"], request: "r2" })).toEqual([null, "1000", "df"]);
      expect(await admit({ ids: ["a"] })).toEqual([null, "1000", "d"]);
      expect(await admit({ workspace: "w2", ids: ["a"] })).toEqual([null, "1000", "f"]);
      expect(await redis.ttl(`${prefix}:w1:a`)).toBeGreaterThan(500);
    });

    test("a claim ends by the clock", async () => {
      const { redis, prefix } = here();
      await redis.set(`${prefix}:w1:a`, "p:r0", { px: 30 });
      const claimed = () => admit({ ids: ["a"], request: randomUUID() });
      await vi.waitFor(async () => expect(await claimed()).toEqual([null, "1000", "f"]), { timeout: 10_000 });
    });

    test("the epoch is the first call's time, and stays", async () => {
      const { redis, prefix } = here();
      expect(await admit({ now: 1_000 })).toEqual([null, "1000", ""]);
      expect(await admit({ now: 2_000 })).toEqual([null, "1000", ""]);
      expect(await redis.ttl(`${prefix}:epoch`)).toBe(-1);
    });
  });

  describe("the window of requests", () => {
    const NOW = 1_795_219_200_000;
    /** Requests at given times; each is what the script says of the rate: [limit met, left, ms until]. */
    const at = async (max: number, ...times: number[]) => {
      const said = [];
      for (const ms of times) said.push(((await admit({ now: NOW + ms, window: max })) as unknown[]).slice(3));
      return said;
    };

    test("holds so many requests in 50 slots of 100 ms, and each slot leaves it at its own edge", async () => {
      expect(await at(3, 0, 99, 2_500)).toEqual([
        ["", 2, 5_000],
        ["", 1, 5_000],
        ["", 0, 5_000],
      ]);
      // Both of the first slot leave together, 5 s after its beginning; the third request 2.5 s later.
      expect(await at(3, 2_500, 4_999)).toEqual([
        ["requests", 0, 2_500],
        ["requests", 0, 1],
      ]);
      expect(await at(3, 5_000, 5_000, 5_001)).toEqual([
        ["", 1, 5_000],
        ["", 0, 5_000],
        ["requests", 0, 2_499],
      ]);
      expect(await at(3, 7_499, 7_500)).toEqual([
        ["requests", 0, 1],
        ["", 0, 5_000],
      ]);
      expect(await at(3, 60_000)).toEqual([["", 2, 5_000]]);
    });

    test("lets a client through that keeps to the sustained rate, and no more than the window in its length", async () => {
      // 2 a second against 10 in 5 s, never refused; 4 a second, refused every second time.
      const steady = await at(10, ...Array.from({ length: 40 }, (_, n) => n * 500));
      expect(steady.every(([limited]) => limited === "")).toBe(true);
      const fast = Array.from({ length: 80 }, (_, n) => 60_000 + n * 250);
      const taken = (await at(10, ...fast)).flatMap(([limited], n) => (limited === "" ? [fast[n] ?? 0] : []));
      expect(taken).toHaveLength(40);
      for (const from of taken) expect(taken.filter((ms) => ms >= from && ms < from + 4_900).length).toBeLessThan(11);
    });

    test("is as one that counts every slot, whatever the times", async () => {
      const seed = Date.now();
      const random = randomFrom(seed);
      let now = 0;
      const counted: number[] = [];
      for (let n = 0; n < 250; n++) {
        now += random() < 0.1 ? Math.floor(random() * 6_000) : Math.floor(random() * 150);
        const slot = Math.floor((NOW + now) / 100);
        const inside = counted.filter((other) => other > slot - 50);
        const [[limited, left, reset] = []] = await at(20, now);
        const oldest = inside[0] ?? slot;
        const expected =
          inside.length < 20 ? ["", 19 - inside.length, 5_000] : ["requests", 0, (oldest + 50) * 100 - NOW - now];
        expect([limited, left, reset], `seed ${seed}, request ${n}`).toEqual(expected);
        if (limited === "") counted.push(slot);
      }
    });

    test("keeps at most a field a slot and three more, however many requests, and is gone soon after the last", async () => {
      const { redis, prefix } = here();
      const key = `rate:${prefix}`;
      for (let n = 0; n < 220; n++) await at(1_000, n * 50);
      expect(await redis.hlen(key)).toBeLessThanOrEqual(53);
      expect(await redis.hmget(key, "n", "h", "t")).toEqual(
        asHash(await redis.hlen(key), String(NOW / 100 + 109), String(NOW / 100 + 60)),
      );
      expect(await redis.pttl(key)).toBeGreaterThan(5_000);
      expect(await redis.pttl(key)).toBeLessThanOrEqual(10_000);
    });

    test("counts a request of a clock that is behind in the newest slot, and begins anew for one that is far off", async () => {
      expect(await at(3, 10_000, 8_000, 9_999, 8_000)).toEqual([
        ["", 2, 5_000],
        ["", 1, 5_000],
        ["", 0, 5_000],
        ["requests", 0, 7_000],
      ]);
      expect(await at(3, 14_999, 15_000)).toEqual([
        ["requests", 0, 1],
        ["", 2, 5_000],
      ]);
      expect(await at(3, 3_600_000, 15_000)).toEqual([
        ["", 2, 5_000],
        ["", 2, 5_000],
      ]);
      expect(await at(3, 10_100, 10_000)).toEqual([
        ["", 1, 5_000],
        ["", 2, 5_000],
      ]);
    });

    test("that is full looks for its oldest request once, and remembers it", async () => {
      const { redis, prefix } = here();
      await at(2, 0, 2_500, 5_100);
      const tail = async () => Number(await redis.hget(`rate:${prefix}`, "t")) - NOW / 100;
      expect(await tail()).toBe(2);
      expect(await at(2, 5_100)).toEqual([["requests", 0, 2_400]]);
      expect(await tail()).toBe(25);
    });

    test("of nothing lets nothing in, and keeps nothing", async () => {
      const { redis, prefix } = here();
      expect(await at(0, 0, 50)).toEqual([
        ["requests", 0, 5_000],
        ["requests", 0, 4_950],
      ]);
      expect(await redis.keys(`rate:${prefix}*`)).toEqual([]);
    });

    test("of a burst lets in exactly its size", async () => {
      const burst = await Promise.all(Array.from({ length: 60 }, () => admit({ now: NOW, window: 25, ids: ["a"] })));
      expect(burst.filter((answer) => (answer as unknown[])[3] === "")).toHaveLength(25);
    });

    test("claims and counts nothing beyond it", async () => {
      const { redis, prefix } = here();
      const within = { now: NOW, window: 1, day: 100 };
      expect(await admit({ ...within, ids: ["a"] })).toEqual([null, String(NOW), "f", "", 0, 5_000]);
      expect(await admit({ ...within, ids: ["a", "b"] })).toEqual([null, String(NOW), "", "requests", 0, 5_000]);
      expect(await redis.exists(`${prefix}:w1:b`)).toBe(0);
      expect(await redis.get(`rate:${prefix}:day:20261121`)).toBe("1");
      expect(await redis.hget(`rate:${prefix}`, "n")).toBe("1");
    });
  });

  describe("the events of a day", () => {
    test("are counted but for the duplicates, up to the limit and not beyond", async () => {
      const { redis, prefix } = here();
      const key = `rate:${prefix}:day:20261121`;
      expect(await admit({ ids: ids(4), day: 10 })).toEqual([null, "1000", "ffff", "", 0, 0]);
      await settle({ confirm: ids(2) });
      // Two duplicates, two pending ones, four new: six of ten are counted.
      expect(await admit({ ids: ids(8), day: 10, request: "r2" })).toEqual([null, "1000", "ddssffff", "", 0, 0]);
      expect(await redis.get(key)).toBe("10");
      expect(await redis.ttl(key)).toBeGreaterThan(172_000);
      expect(await redis.ttl(key)).toBeLessThanOrEqual(172_800);
    });

    test("beyond the limit claim and count nothing, not even a request", async () => {
      const { redis, prefix } = here();
      await admit({ ids: ids(8), day: 10, window: 5 });
      expect(await admit({ ids: ids(3, 8), day: 10, window: 5 })).toEqual([null, "1000", "", "events", 0, 0]);
      expect(await redis.keys(`${prefix}:w1:*`)).toHaveLength(8);
      expect(await redis.hget(`rate:${prefix}`, "n")).toBe("1");
      expect(await admit({ ids: ids(2, 8), day: 10, window: 5 })).toEqual([null, "1000", "ff", "", 3, 5_000]);
    });

    test("that are full still answer duplicates and an empty batch", async () => {
      await admit({ ids: ids(3), day: 3 });
      await settle({ confirm: ids(2) });
      expect(await admit({ ids: ids(2), day: 3 })).toEqual([null, "1000", "dd", "", 0, 0]);
      expect(await admit({ ids: [], day: 3 })).toEqual([null, "1000", "", "", 0, 0]);
      expect(await admit({ ids: ids(2), day: 1 })).toEqual([null, "1000", "dd", "", 0, 0]);
      expect(await admit({ ids: ids(3), day: 3 })).toEqual([null, "1000", "", "events", 0, 0]);
    });
  });

  describe("the script of the end", () => {
    test("a release frees only what this request claimed", async () => {
      await admit({ ids: ["mine", "both", "done"] });
      await admit({ ids: ["theirs"], request: "r2" });
      await settle({ request: "r2", confirm: ["done"] });
      expect(await settle({ release: ["mine", "theirs", "done", "never"] })).toBe(1);
      const all = ["mine", "theirs", "done", "both"];
      expect(await admit({ ids: all, request: "r3" })).toEqual([null, "1000", "fsds"]);
    });

    test("one call confirms, releases, shows and counts", async () => {
      const { redis, prefix } = here();
      await admit({ ids: ["a", "b"] });
      const counts = ["accepted", "1", "rejected:schema_conflict", "1"];
      expect(await settle({ confirm: ["a"], release: ["b"], live: '{"at":1}', counts })).toBe(1);
      expect(await admit({ ids: ["a", "b"], request: "r2" })).toEqual([null, "1000", "df"]);
      expect(await redis.xrange(`${prefix}:live`, "-", "+")).toEqual([[expect.any(String), ["e", '{"at":1}']]]);
      expect(await redis.hgetall(`${prefix}:counts`)).toEqual(["accepted", "1", "rejected:schema_conflict", "1"]);
    });

    test("nothing to show and nothing to count leaves no keys", async () => {
      const { redis, prefix } = here();
      await settle({ confirm: ["a"] });
      expect(await redis.keys(`${prefix}*`)).toEqual([`${prefix}:w1:a`]);
    });

    test("counters add up, and end 40 days after the last one that began", async () => {
      const { redis, prefix } = here();
      const key = `${prefix}:counts`;
      await settle({ counts: ["accepted", "5"] });
      expect(await redis.ttl(key)).toBe(3_456_000);
      await redis.expire(key, 1_000);
      await settle({ counts: ["accepted", "5"] });
      expect(await redis.ttl(key)).toBe(1_000);
      await settle({ counts: ["duplicate", "7", "accepted", "1"] });
      expect(await redis.ttl(key)).toBe(3_456_000);
      expect(await redis.hgetall(key)).toEqual(["accepted", "11", "duplicate", "7"]);
    });

    test("the live view keeps about its last thousand, for a week", async () => {
      const { redis, prefix } = here();
      await redis.scriptLoad(SETTLE.text);
      for (let from = 0; from < 1_300; from += 100) {
        const pipeline = redis.pipeline();
        for (let n = from; n < from + 100; n++)
          pipeline.evalsha(SETTLE.sha1, [`${prefix}:live`, ""], ["", "r", "600", "0", "0", String(n)]);
        await pipeline.exec();
      }
      const length = await redis.xlen(`${prefix}:live`);
      expect(length).toBeGreaterThanOrEqual(1_000);
      expect(length).toBeLessThan(1_200);
      expect(await redis.xrevrange(`${prefix}:live`, "+", "-", 1)).toEqual([[expect.any(String), ["e", "1299"]]]);
      expect(await redis.ttl(`${prefix}:live`)).toBe(604_800);
    });
  });
}

/** Of a cached source, what the script reads, and more that it must leave as it is. */
const aSource = (fields: { id?: string; workspaceId: string; name?: string; limits?: object }) => ({
  id: "s1",
  name: "Shop",
  limits: { windowRequestsMax: null, dayEventsMax: null, own: false },
  origins: [],
  ...fields,
});

/** The numbers of a window whose every slot holds two requests. */
const asHash = (fields: number, head: string, tail: string) => [String((fields - 3) * 2), head, tail];

/** A small random source that a seed repeats (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
