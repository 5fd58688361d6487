import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { folderOf, readMigrations } from "../../../sql/migrate/files.ts";
import { statementsOf } from "../../../sql/migrate/statements.ts";
import type { CheckedEvent, EventType } from "../../event/event.ts";
import { log } from "../../kit/log.ts";
import { aCheckedEvent, aFrame, HOUR, iso, MINUTE } from "../builders.ts";
import { refreshTotals, wrongTotals } from "../derived-totals.ts";
import { freshClickHouse } from "../fresh-clickhouse.ts";
import { storeEvents } from "../stored-events.ts";
import { type Chance, createChance, pick } from "./chance.ts";
import { type FaultySystem, openFaultySystem } from "./faulty-system.ts";
import { createSchedule, createScript, createSwitch } from "./schedule.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
log.level = "silent";

const schedule = createSwitch();
let system: FaultySystem;
beforeAll(async () => {
  system = await openFaultySystem(inject("engines"), schedule);
});
afterAll(() => system?.close());

/** In the past of every test, so that all of one test lies in one month. */
const START = Date.UTC(2026, 9, 10, 8);
const run = (query: string, client = system.clickhouse) => client.command({ query });
const ask = async <Row>(query: string, client = system.clickhouse): Promise<Row[]> =>
  (await client.query({ query, format: "JSONEachRow" })).json<Row>();
const wrong = () => wrongTotals(system.clickhouse);
/** How many events a workspace has, as its totals say. */
const counted = async (workspaceId: string) => {
  const query = `SELECT toUInt32(sum(events)) AS events FROM event_days WHERE workspace_id = '${workspaceId}'`;
  return (await ask<{ events: number }>(query))[0]?.events;
};
const store = (workspaceId: string, events: CheckedEvent[]) => storeEvents(system.clickhouse, events, workspaceId);
const put = (workspaceId: string, events: readonly CheckedEvent[]) => system.putRecord(aFrame(events, workspaceId));

/** Some events of a few people and names, from `at` on, within `spanMs`. */
const someEvents = (chance: Chance, count: number, at: number, spanMs: number): CheckedEvent[] =>
  Array.from({ length: count }, () => {
    const type: EventType = pick(chance, ["track", "track", "page", "screen", "identify"]);
    const timestamp = at + Math.floor(chance() * spanMs);
    return aCheckedEvent({
      ...{ type, timestamp, originalTimestamp: timestamp, receivedAt: Date.now(), messageId: randomUUID() },
      event: type === "track" ? pick(chance, ["Order Completed", "Signed Up", "Ünïcode 🎉"]) : "",
      name: type === "screen" ? "Home" : "",
      userId: pick(chance, ["", "ann", "bob"]),
      anonymousId: pick(chance, ["a1", "a2", "a3", ""]),
      context: type === "page" ? { page_path: pick(chance, ["/", "/cart", "/done"]) } : {},
      sourceId: pick(chance, ["00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000bb"]),
    });
  });

describe("F23 a view that fails", () => {
  test("does not touch the insert, nor a bisect of it, and is complete when it can be", async () => {
    const [chance, shop] = [createChance(23), randomUUID()];
    schedule.to(createScript({ insert: ["fail-after-apply"] }));
    await run("ALTER TABLE event_slots ADD CONSTRAINT broken CHECK events = 0");
    for (let frame = 0; frame < 4; frame++) await put(shop, someEvents(chance, 10, START, HOUR));
    await expect(system.drainStream(4)).rejects.toThrow("the consumer failed");
    await expect(refreshTotals(system.clickhouse)).rejects.toThrow("broken");
    await system.drainStream(2);
    await system.drainStream(1);
    await expect(refreshTotals(system.clickhouse)).rejects.toThrow("broken");
    const stored = `SELECT toUInt32(count()) AS rows, toUInt32(uniqExact(message_id)) AS ids FROM events WHERE workspace_id = '${shop}'`;
    expect(await ask(stored)).toEqual([{ rows: 40, ids: 40 }]);
    await run("ALTER TABLE event_slots DROP CONSTRAINT broken");
    expect(await wrong()).toEqual([]);
    expect(await counted(shop)).toBe(40);
  });

  test("in the middle of what it writes leaves what it wrote, and says nothing of having come further", async () => {
    const shop = randomUUID();
    const [view] = await ask<{ as_select: string }>(
      "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = 'event_slots_refresh'",
    );
    const query = view?.as_select ?? "";
    const small =
      "max_threads = 1, max_block_size = 2, min_insert_block_size_rows = 1, min_insert_block_size_bytes = 1";
    await run(`ALTER TABLE event_slots_refresh MODIFY QUERY ${query.replace("max_threads = 1", small)}`);
    await run("ALTER TABLE event_slots ADD COLUMN probe UInt8 MATERIALIZED throwIf(slot = 0)");
    const names = Array.from({ length: 10 }, (_, index) => `Name ${index}`);
    const events = names.map((event) => aCheckedEvent({ event, messageId: event, timestamp: START }));
    await store(shop, events);
    const reached =
      "SELECT max(last_timestamp) AS reached FROM event_slots WHERE startsWith(toString(workspace_id), 'ffffffff')";
    const before = await ask(reached);
    await expect(refreshTotals(system.clickhouse)).rejects.toThrow("throwIf");
    expect(await counted(shop)).toBeGreaterThan(5); // all but the block of the last row
    expect(await ask(reached)).toEqual(before);
    await run("ALTER TABLE event_slots DROP COLUMN probe");
    expect(await wrong()).toEqual([]);
    await run(`ALTER TABLE event_slots_refresh MODIFY QUERY ${query}`);
    expect(await counted(shop)).toBe(10);
  });
});

/** Rows that the writer did not store, as if their insert had begun at another time. */
const storedAt = (workspaceId: string, anonymousId: string, when: string, client = system.clickhouse) =>
  run(
    `INSERT INTO events (workspace_id, message_id, type, event, anonymous_id, timestamp, received_at, _stored_at)
     SETTINGS insert_allow_materialized_columns = 1
     SELECT '${workspaceId}', concat('${anonymousId}', toString(number)), 'track', 'Seen', '${anonymousId}',
       toDateTime64(${START / 1_000} + number * 600, 3, 'UTC'), now64(3), ${when} FROM numbers(4)`,
    client,
  );

describe("I4 every total is that of the events", () => {
  test("after retries, lost answers, repeats, bisects and late events of two workspaces", async () => {
    const chance = createChance(4);
    const shops = [randomUUID(), randomUUID()];
    schedule.to(createSchedule(4, { insert: ["fail-before", "fail-after-apply", "duplicate"] }, 0.6));
    for (let round = 0; round < 3; round++) {
      for (const shop of shops) {
        const now = someEvents(chance, 60, START + round * 20 * MINUTE, 30 * MINUTE);
        const again = now.slice(0, 20).map((event) => ({ ...event, suspect: true })); // which the door was sent twice
        await put(shop, now);
        await put(shop, [...someEvents(chance, 10, START - 3 * HOUR, 24 * HOUR), ...again]);
      }
      // The whole stream again, cut otherwise; what fails is made again.
      await system.drainStream(1 + Math.floor(chance() * 3)).catch(() => {});
      if (round === 1) await refreshTotals(system.clickhouse);
    }
    await schedule.heal();
    await system.drainStream(2);
    await system.drainStream();
    expect(schedule.happened.length).toBeGreaterThan(2);
    expect(await wrong()).toEqual([]);
    for (const shop of shops) expect(await counted(shop)).toBe(210);
  });

  test("of rows that are stored while it counts, with the next refresh", async () => {
    const [chance, shop] = [createChance(5), randomUUID()];
    for (let round = 0; round < 3; round++) {
      const counting = refreshTotals(system.clickhouse);
      for (let insert = 0; insert < 5; insert++) await store(shop, someEvents(chance, 10, START, HOUR));
      await counting;
    }
    expect(await wrong()).toEqual([]);
    expect(await counted(shop)).toBe(150);
  });

  test("of slots that were marked because events were deleted: some are smaller, some are empty and gone", async () => {
    const shop = randomUUID();
    for (const who of ["stays", "goes"]) await storedAt(shop, who, "now('UTC') - 60");
    await storedAt(shop, "goes", "now('UTC')");
    expect(await wrong()).toEqual([]);
    const ofWhom = `workspace_id = '${shop}' AND anonymous_id = 'goes'`;
    await run(`INSERT INTO stale_slots (workspace_id, stored_slot, reason)
      SELECT DISTINCT workspace_id, toStartOfFiveMinutes(_stored_at), 'erasure 1' FROM events WHERE ${ofWhom}`);
    await refreshTotals(system.clickhouse); // counts what is still there, and so the mark is made again
    await run(`DELETE FROM events WHERE ${ofWhom} SETTINGS lightweight_deletes_sync = 2`);
    await run(`INSERT INTO stale_slots (workspace_id, stored_slot, reason)
      SELECT DISTINCT workspace_id, stored_slot, reason FROM stale_slots WHERE reason = 'erasure 1'`);
    expect(await wrong()).toEqual([]);
    expect(await counted(shop)).toBe(4);
    expect(await ask(`SELECT * FROM actor_activity WHERE ${ofWhom}`)).toEqual([]);
    await run(`DELETE FROM events WHERE workspace_id = '${shop}' SETTINGS lightweight_deletes_sync = 2`);
    await run(`INSERT INTO stale_slots (workspace_id, stored_slot, reason)
      SELECT DISTINCT workspace_id, stored_slot, 'erasure 2' FROM event_slots WHERE workspace_id = '${shop}'`);
    expect(await wrong()).toEqual([]);
    expect(await ask(`SELECT * FROM event_catalog WHERE workspace_id = '${shop}'`)).toEqual([]);
  });

  test("once it is audited, whatever went past it: rows seen hours later, and deleted ones that nobody marked", async () => {
    const shop = randomUUID();
    await storedAt(shop, "hung", "now('UTC') - 10800");
    await storedAt(shop, "deleted", "now('UTC') - 10800");
    expect((await wrong()).find((line) => line.startsWith("event_days does not say"))).toContain(shop);
    await audit();
    expect(await wrong()).toEqual([]);
    await run("TRUNCATE TABLE stale_slots"); // what was marked a moment ago is counted again
    await run(`DELETE FROM events WHERE workspace_id = '${shop}' AND anonymous_id = 'deleted'`);
    expect((await wrong()).find((line) => line.startsWith("actor_activity says"))).toContain(shop);
    await audit();
    expect(await wrong()).toEqual([]);
    expect(await counted(shop)).toBe(4);
  });
});

const audit = async () => {
  await run("SYSTEM REFRESH VIEW stale_slots_audit");
  await run("SYSTEM WAIT VIEW stale_slots_audit");
};

test("a table that is older than its totals is counted day by day, then nothing again, and what was not yet seen is not missed", async () => {
  const { url } = inject("engines").warehouse;
  const { client, drop } = await freshClickHouse(url, 4);
  await run(
    `INSERT INTO events (workspace_id, message_id, type, event, timestamp, received_at)
     SELECT generateUUIDv4(), toString(number), 'track', 'Old', now64(3) - number * 3600 * 5, now64(3) - number * 3600 * 5
     FROM numbers(30)`,
    client,
  );
  const totals = (await readMigrations(folderOf("clickhouse"))).find(({ version }) => version === 5);
  for (const statement of statementsOf(totals?.up ?? "")) await run(statement, client);
  const newest = () => ask("SELECT count() AS rows, max(computed_at) AS newest FROM event_slots FINAL", client);
  const reached = async () => {
    const query = `SELECT toUnixTimestamp(max(last_timestamp)) AS reached FROM actor_slots WHERE events = 0`;
    return Number((await ask<{ reached: number }>(query, client))[0]?.reached) * 1_000;
  };
  let rounds = 0;
  for (; (await reached()) < Date.now() - HOUR; rounds++) await refreshTotals(client);
  expect(rounds).toBeGreaterThan(1);
  expect(await wrongTotals(client)).toEqual([]);

  await run("TRUNCATE TABLE events", client);
  const before = await newest();
  await refreshTotals(client);
  expect(await newest()).toEqual(before);

  // An insert takes its time at its start, and nobody sees its rows for 45 s at most: here it came before the slot in which
  // the totals say that they are.
  for (const table of ["event_slots", "actor_slots"]) {
    await run(`TRUNCATE TABLE ${table}`, client);
    await run(
      `INSERT INTO ${table} (workspace_id, last_timestamp, computed_at)
       SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff', toStartOfFiveMinutes(now('UTC')) - 240, now64(3) - 240`,
      client,
    );
  }
  await storedAt(randomUUID(), "unseen", "toStartOfFiveMinutes(now('UTC')) - 240 - 110", client);
  expect(await wrongTotals(client)).toEqual([]);
  await drop();
});

test("sessions made of actor slots are those made of events, for every timeout from 15 minutes", async () => {
  const shop = randomUUID();
  await store(shop, someEvents(createChance(15), 300, START, 24 * HOUR));
  await refreshTotals(system.clickhouse);
  const ofShop = `WHERE workspace_id = '${shop}'`;
  const slots = await ask<Piece>(
    `SELECT ${ACTOR}, toUnixTimestamp64Milli(first_timestamp) AS first, toUnixTimestamp64Milli(last_timestamp) AS last,
       toUInt32(events) AS events, toUInt32(page_views) AS pages, entry, exit FROM actor_activity ${ofShop}`,
  );
  const events = await ask<Piece>(
    `SELECT ${ACTOR}, toUnixTimestamp64Milli(timestamp) AS first, first AS last, toUInt32(1) AS events,
       toUInt32(type = 'page') AS pages,
       multiIf(type = 'page' AND \`context.page_path\` != '', \`context.page_path\`, event != '', event, name != '', name, type) AS entry,
       entry AS exit FROM events ${ofShop}`,
  );
  expect(events).toHaveLength(300);
  expect(slots.length).toBeLessThan(300);
  for (const minutes of [15, 16, 20, 30, 90]) {
    const sessions = sessionsOf(slots, minutes * MINUTE);
    expect(sessions).toEqual(sessionsOf(events, minutes * MINUTE));
    expect(sessions.length).toBeLessThan(slots.length);
  }
});

const ACTOR = "concat(user_id, '/', anonymous_id) AS actor";
type Piece = { actor: string; first: number; last: number; events: number; pages: number; entry: string; exit: string };

/** What lies close enough together, of one person each, in the order of time. */
function sessionsOf(pieces: readonly Piece[], timeoutMs: number): Piece[] {
  const order = (a: Piece, b: Piece) =>
    a.actor.localeCompare(b.actor) || Number(a.first) - Number(b.first) || (a.entry < b.entry ? -1 : 1);
  const sessions: Piece[] = [];
  for (const found of pieces.toSorted(order)) {
    const piece = { ...found, first: Number(found.first), last: Number(found.last) };
    const open = sessions.at(-1);
    if (open?.actor === piece.actor && piece.first - open.last <= timeoutMs) {
      open.last = piece.last;
      open.exit = piece.exit;
      open.events += piece.events;
      open.pages += piece.pages;
    } else sessions.push(piece);
  }
  return sessions;
}

test("every zone's day is made of whole slots, whatever its offset and its summer time", () => {
  const odd: string[] = [];
  for (const timeZone of Intl.supportedValuesOf("timeZone")) {
    const format = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset", year: "numeric" });
    for (let at = Date.UTC(2000, 0, 1); at < Date.UTC(2030, 0, 1); at += 91 * 24 * HOUR) {
      const offset = format.format(at).split("GMT")[1] ?? "";
      if (!/^(?:[+-]\d\d:(?:00|15|30|45))?$/.test(offset)) odd.push(`${timeZone} ${iso(at)} ${offset}`);
    }
  }
  expect(odd).toEqual([]);
});
