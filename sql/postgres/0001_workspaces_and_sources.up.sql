-- Who owns data, where events come from, and the credentials for both. Contract I-05, I-27; decisions 12 and 21.
-- Credentials are kept as SHA-256 in hexadecimal; `hint` (wk_ab…yz) is all that can be shown of one later.

create table workspaces (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  tier text not null default 'default' constraint workspaces_tier check (tier in ('default', 'pro', 'enterprise')),
  timezone text not null default 'UTC',
  created_at timestamptz not null default now()
);

create table sources (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null constraint sources_workspace references workspaces (id) on delete cascade,
  name text not null,
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  -- Lets a write key refer to both, so that it can never belong to a source of another workspace.
  constraint sources_of_workspace unique (workspace_id, id)
);

create table write_keys (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null,
  source_id uuid not null,
  key_hash text not null constraint write_keys_hash_once unique constraint write_keys_hash check (key_hash ~ '^[0-9a-f]{64}$'),
  hint text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  constraint write_keys_source foreign key (workspace_id, source_id) references sources (workspace_id, id) on delete cascade
);
create index write_keys_by_source on write_keys (workspace_id, source_id);

create table api_tokens (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null constraint api_tokens_workspace references workspaces (id) on delete cascade,
  token_hash text not null constraint api_tokens_hash_once unique constraint api_tokens_hash check (token_hash ~ '^[0-9a-f]{64}$'),
  hint text not null,
  name text not null,
  scopes text[] not null,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
create index api_tokens_by_workspace on api_tokens (workspace_id);
