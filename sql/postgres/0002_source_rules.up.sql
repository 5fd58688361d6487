-- What a source and its workspace demand of events, and what may be known about them. Contract I-07, I-12, B-11, B-12,
-- B-25, B-34; decisions 9, 11, 13f; reliability E6, E16.

-- `rules_version` rises with every change of plan, schemas or suppressions: isolates then forget what they hold.
-- `limits` of its own, where the tier's figures do not fit: {"window_requests_max": 500 | null, "day_events_max": 1000000 | null}.
alter table workspaces
  add column rules_version bigint not null default 1,
  add column limits jsonb;

-- `limits` as of a workspace, never above it. `webhook`: paths into its bodies, such as {"user_id": "data.customer.id"}.
alter table sources
  add column kind text not null default 'sdk' constraint sources_kind check (kind in ('sdk', 'webhook')),
  add column late_check boolean not null default true,
  add column address_policy text not null default 'truncate'
    constraint sources_address_policy check (address_policy in ('keep', 'truncate', 'hash', 'drop')),
  add column origins text[] not null default '{}',
  add column webhook jsonb,
  add column limits jsonb;

-- A web page's domain leads to one source of one workspace: clients that send no key say only where they are (K-22, K-23).
create table source_domains (
  domain text primary key constraint source_domains_lower_case check (domain = lower(domain)),
  workspace_id uuid not null,
  source_id uuid not null,
  constraint source_domains_source foreign key (workspace_id, source_id) references sources (workspace_id, id) on delete cascade
);
create index source_domains_by_source on source_domains (workspace_id, source_id);

-- The first type seen of each property. `key` is track:<event>, or the call's type.
create table schemas (
  workspace_id uuid not null constraint schemas_workspace references workspaces (id) on delete cascade,
  key text not null,
  property text not null,
  type text not null constraint schemas_type check (type in ('string', 'number', 'boolean', 'array')),
  learned_at timestamptz not null default now(),
  primary key (workspace_id, key, property)
);

-- The event names among those keys, each once: what is counted against the number that a workspace may learn.
create table schema_names (
  workspace_id uuid not null constraint schema_names_workspace references workspaces (id) on delete cascade,
  key text not null,
  primary key (workspace_id, key)
);

create table tracking_plans (
  workspace_id uuid primary key constraint tracking_plans_workspace references workspaces (id) on delete cascade,
  mode text not null constraint tracking_plans_mode check (mode in ('allow', 'warn', 'block', 'quarantine')),
  unplanned text not null constraint tracking_plans_unplanned check (unplanned in ('allow', 'warn', 'block', 'quarantine')),
  events jsonb not null,
  updated_at timestamptz not null default now()
);

-- People whose events are not stored. The hash is all that is kept of an id.
create table suppressions (
  workspace_id uuid not null constraint suppressions_workspace references workspaces (id) on delete cascade,
  id_hash text not null constraint suppressions_hash check (id_hash ~ '^[0-9a-f]{16}$'),
  created_at timestamptz not null default now(),
  primary key (workspace_id, id_hash)
);

-- Who changed what. `id` is a UUID version 7, so that it sorts by time; `token_hint` (sk_ab…yz) says whose token it was.
create table audit_log (
  id uuid primary key,
  workspace_id uuid not null constraint audit_log_workspace references workspaces (id) on delete cascade,
  token_hint text not null,
  action text not null,
  target text not null,
  at timestamptz not null default now()
);
create index audit_log_by_workspace on audit_log (workspace_id, id);
