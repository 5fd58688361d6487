drop table api_tokens;
drop table write_keys;
drop table sources;
drop table workspaces;
