-- Who the events are about, and what a team sets up to be done with them: the tables of ingestion that I-27 names beside
-- sources and schemas. The profile's columns are D-20's.

create table profiles (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null constraint profiles_workspace references workspaces (id) on delete cascade,
  user_id text,
  anonymous_ids text[] not null default '{}',
  traits jsonb not null default '{}',
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  -- A workspace has one profile for a user id; one that nobody identified has none.
  constraint profiles_user_once unique (workspace_id, user_id)
);
create index profiles_by_anonymous_id on profiles using gin (anonymous_ids);

create table functions (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null constraint functions_workspace references workspaces (id) on delete cascade,
  name text not null,
  code text not null,
  version integer not null default 1 constraint functions_version check (version > 0),
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  constraint functions_name_once unique (workspace_id, name)
);

create table destinations (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null constraint destinations_workspace references workspaces (id) on delete cascade,
  name text not null,
  kind text not null,
  config jsonb not null default '{}',
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  constraint destinations_name_once unique (workspace_id, name)
);
