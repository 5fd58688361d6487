import { sql } from "drizzle-orm";
import {
  EVENT_NAMES_LEARNED_MAX,
  PROPERTIES_LEARNED_MAX,
  type PropertyType,
  type TypedProperty,
} from "../../registry/event-schema.ts";
import type { PostgresDb } from "./client.ts";
import { asked } from "./postgres-error.ts";

/** What the table holds of one schema. `full`: it learns no more. */
export type StoredSchema = { types: [property: string, type: PropertyType][]; full: boolean };

/** Both throw `unavailable` when the database does not answer. */
export type SchemaStore = {
  /** Every asked key, with the workspace's `rules_version` at the same moment (0 where there is no such workspace). */
  load: (
    workspaceId: string,
    keys: readonly string[],
  ) => Promise<{ version: number; schemas: ReadonlyMap<string, StoredSchema> }>;
  /**
   * Writes what is new: the type that was written first stays, whoever proposes another at the same time. Beyond the
   * maximum of a key's properties or a workspace's event names nothing is written; isolates that learn at the same
   * moment may pass it by what they propose. Decision 11.
   */
  learn: (workspaceId: string, proposed: readonly TypedProperty[]) => Promise<void>;
};

/** Schemas in Postgres, each call one statement. */
export const createSchemaStore = (db: PostgresDb): SchemaStore => ({
  load: async (workspaceId, keys) => {
    const wanted = JSON.stringify(keys);
    const rows = (await asked(
      db.execute(sql`
        with wanted as (select distinct value as key from jsonb_array_elements_text(${wanted}::text::jsonb)),
        names as (select count(*) >= ${EVENT_NAMES_LEARNED_MAX} as full from schema_names where workspace_id = ${workspaceId})
        select wanted.key, known.types,
          coalesce(jsonb_array_length(known.types), 0) >= ${PROPERTIES_LEARNED_MAX}
            or names.full and wanted.key like 'track:%' and named.key is null as full,
          coalesce((select rules_version from workspaces where id = ${workspaceId}), 0)::float8 as version
        from wanted cross join names
        left join schema_names named on named.workspace_id = ${workspaceId} and named.key = wanted.key
        left join lateral (
          select jsonb_agg(jsonb_build_array(property, type)) as types
          from schemas where workspace_id = ${workspaceId} and key = wanted.key
        ) known on true`),
    )) as unknown as Loaded[];
    const schemas = new Map(rows.map(({ key, types, full }) => [key, { types: types ?? [], full }]));
    return { version: rows[0]?.version ?? 0, schemas };
  },

  learn: async (workspaceId, proposed) => {
    // Rows go in by key and property, so that two who learn the same wait for each other and never in a circle.
    await asked(
      db.execute(sql`
        with proposed as (
          select distinct on (key, property) key, property, type
          from jsonb_to_recordset(${JSON.stringify(proposed)}::text::jsonb) as p(key text, property text, type text)
          order by key, property
        ),
        keys as (
          select key, key like 'track:%' and not exists (
            select from schema_names n where n.workspace_id = ${workspaceId} and n.key = p.key
          ) as is_new from (select distinct key from proposed) p
        ),
        taken as (
          select key, is_new from (
            select key, is_new, case when is_new then row_number() over (partition by is_new order by key) else 0 end as nth from keys
          ) numbered
          where nth <= greatest(0, ${EVENT_NAMES_LEARNED_MAX} - (select count(*) from schema_names where workspace_id = ${workspaceId}))
        ),
        named as (
          insert into schema_names (workspace_id, key) select ${workspaceId}::uuid, key from taken where is_new order by key
          on conflict do nothing
        ),
        fresh as (
          select p.*, row_number() over (partition by p.key order by p.property) as nth
          from proposed p join taken using (key)
          where not exists (
            select from schemas s where s.workspace_id = ${workspaceId} and s.key = p.key and s.property = p.property
          )
        )
        insert into schemas (workspace_id, key, property, type)
        select ${workspaceId}::uuid, key, property, type from fresh
        where nth + (select count(*) from schemas s where s.workspace_id = ${workspaceId} and s.key = fresh.key) <= ${PROPERTIES_LEARNED_MAX}
        order by key, property
        on conflict do nothing`),
    );
  },
});

type Loaded = { key: string; types: StoredSchema["types"] | null; full: boolean; version: number };
