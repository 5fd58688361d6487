import type { Schemas } from "../../ingest/ports.ts";
import { AppError } from "../../kit/errors.ts";
import { gathered } from "../../kit/gathered.ts";
import type { EventSchema, PropertyType, TypedProperty } from "../../registry/event-schema.ts";
import type { Source } from "../../registry/source.ts";
import type { SchemaStore, StoredSchema } from "./schemas.ts";

/** A workspace's schemas as they were at `version` of its rules or later. */
type Room = { version: number; schemas: Map<string, EventSchema> };
type Asked = { source: Source; key: string };

/** Properties and keys that are kept before the older half of them is dropped: some 10 MB (measured). */
const HELD_MAX = 100_000;

/**
 * What this isolate knows of schemas. `known` is two map look-ups. A workspace's schemas are forgotten when a source
 * shows a higher `rules.version`; what has not been asked for a while is dropped, never what was just loaded. Who wants
 * the same at the same time asks once; while a workspace learns, what others propose waits and goes together. Rejects
 * with `unavailable` when the database is away. Port `Schemas`, decision 11.
 */
export function createSchemas({ store, heldMax = HELD_MAX }: { store: SchemaStore; heldMax?: number }): Schemas {
  const rooms = createRooms(heldMax / 2);

  const loads = perWorkspace<Asked>(async (workspaceId, asked) => {
    const missing = asked.filter(({ source, key }) => rooms.find(source, key) === undefined);
    if (missing.length > 0) await read(workspaceId, missing);
  });
  const lessons = perWorkspace<Asked & TypedProperty>(async (workspaceId, proposed) => {
    const unknown = proposed.filter(({ key, property }) => !isSettled(rooms.peek(workspaceId, key), property));
    if (unknown.length === 0) return;
    const lesson = unknown.map(({ key, property, type }) => ({ key, property, type }));
    await store.learn(workspaceId, lesson);
    await read(workspaceId, unknown);
  });
  const read = async (workspaceId: string, asked: readonly Asked[]): Promise<void> => {
    const keys = [...new Set(asked.map(({ key }) => key))];
    const seen = Math.max(...new Set(asked.map(({ source }) => source.rules.version)));
    // What was read before the rules changed must not be kept as if it were of now.
    for (let attempt = 0; attempt < READS_MAX; attempt++) {
      const { version, schemas } = await store.load(workspaceId, keys);
      if (rooms.put(workspaceId, Math.max(version, seen), schemas)) return;
    }
    throw new AppError("unavailable", "The schemas changed while they were read, try again.", { retryAfterSeconds: 1 });
  };

  return {
    known: rooms.find,
    load: (source, keys) =>
      loads(
        source.workspaceId,
        keys.map((key) => ({ source, key })),
      ),
    learn: (source, proposed) =>
      lessons(
        source.workspaceId,
        proposed.map((property) => ({ source, ...property })),
      ),
  };
}

const READS_MAX = 3;

/**
 * Two generations: what is found in the older one moves to the younger, and when that has filled, the older is dropped.
 * So an entry lives for at least as many others as `sizeMax` after it was last asked for.
 */
function createRooms(sizeMax: number) {
  let young = new Map<string, Room>();
  let old = new Map<string, Room>();
  let size = 0;

  const keep = (workspaceId: string, version: number, key: string, schema: EventSchema) => {
    const room = young.get(workspaceId) ?? { version, schemas: new Map<string, EventSchema>() };
    young.set(workspaceId, room);
    room.schemas.set(key, schema);
    size += 1 + schema.properties.size + schema.traits.size;
  };
  const turn = () => {
    if (size < sizeMax) return;
    old = young;
    young = new Map();
    size = 0;
  };
  const versionOf = (workspaceId: string) =>
    Math.max(young.get(workspaceId)?.version ?? 0, old.get(workspaceId)?.version ?? 0);
  const forget = (workspaceId: string) => {
    young.delete(workspaceId);
    old.delete(workspaceId);
  };

  return {
    find: ({ workspaceId, rules }: Source, key: string): EventSchema | undefined => {
      const room = young.get(workspaceId);
      if (room !== undefined && room.version >= rules.version) {
        const schema = room.schemas.get(key);
        if (schema !== undefined) return schema;
      }
      const older = old.get(workspaceId);
      if ((room ?? older) === undefined) return undefined;
      if (versionOf(workspaceId) < rules.version) {
        forget(workspaceId);
        return undefined;
      }
      const schema = older?.schemas.get(key);
      if (older !== undefined && schema !== undefined) keep(workspaceId, older.version, key, schema);
      return schema;
    },
    peek: (workspaceId: string, key: string): EventSchema | undefined =>
      young.get(workspaceId)?.schemas.get(key) ?? old.get(workspaceId)?.schemas.get(key),
    /** Whether it was kept: not when it is older than what is here. */
    put: (workspaceId: string, version: number, schemas: ReadonlyMap<string, StoredSchema>): boolean => {
      const held = versionOf(workspaceId);
      if (version < held) return false;
      if (version > held) forget(workspaceId);
      turn();
      for (const [key, stored] of schemas) keep(workspaceId, version, key, toSchema(stored));
      return true;
    },
  };
}

/** Nothing more can be learned of the property. */
const isSettled = (schema: EventSchema | undefined, property: string): boolean => {
  const [bag, name] = split(property);
  return schema !== undefined && (schema.full || schema[bag].has(name));
};

function toSchema({ types, full }: StoredSchema): EventSchema {
  const bags = { properties: new Map<string, PropertyType>(), traits: new Map<string, PropertyType>() };
  for (const [property, type] of types) {
    const [bag, name] = split(property);
    bags[bag].set(name, type);
  }
  return { ...bags, full };
}

/** `traits.plan` → its bag and its bare name. */
const split = (property: string): [bag: "properties" | "traits", name: string] =>
  property.startsWith("traits.")
    ? ["traits", property.slice("traits.".length)]
    : ["properties", property.slice("properties.".length)];

/** `gathered` for each workspace, kept while it is busy. */
function perWorkspace<Item>(run: (workspaceId: string, items: readonly Item[]) => Promise<void>) {
  const busy = new Map<string, ReturnType<typeof gathered<Item>>>();
  return async (workspaceId: string, items: readonly Item[]): Promise<void> => {
    const own = busy.get(workspaceId) ?? gathered<Item>((all) => run(workspaceId, all));
    busy.set(workspaceId, own);
    try {
      await own.ask(items);
    } finally {
      if (own.idle()) busy.delete(workspaceId);
    }
  };
}
