import type { Manage, Page, PageOf } from "../../../functions/registry/manage.ts";
import { hashOfKey, newWriteKey, writeKeyOf } from "../../../functions/registry/write-key.ts";
import type { createOperator } from "../../../functions/stores/postgres/manage/operator.ts";
import type { Asked } from "./arguments.ts";

export type Result = Record<string, unknown> | Record<string, unknown>[];
type Ports = { manage: Manage; operator: ReturnType<typeof createOperator>; by: string };

/** Does what was asked and answers with its record; a new secret is in it, once. Throws AppErrors with a sentence. */
export async function perform(
  { manage, operator, by }: Ports,
  asked: Exclude<Asked, { kind: "help" }>,
): Promise<Result> {
  const inWorkspace = async (workspace: string) => ({ workspaceId: await operator.workspaceId(workspace), by });
  switch (asked.kind) {
    case "workspace create":
      return operator.addWorkspace(asked);
    case "workspace change":
      return operator.allow(await operator.workspaceId(asked.workspace), asked);
    case "workspace list":
      return operator.workspaces();
    case "source create":
      return manage.sources.add(await inWorkspace(asked.workspace), { name: asked.name, kind: "sdk" });
    case "source list": {
      const caller = await inWorkspace(asked.workspace);
      return all((page) => manage.sources.list(caller, page));
    }
    case "key create": {
      const { workspaceId, sourceId } = await operator.sourceId(asked.source);
      const key = asked.writeKey === undefined ? newWriteKey() : writeKeyOf(asked.writeKey);
      const secret = { hash: hashOfKey(key.reveal()), hint: key.hint };
      return { ...(await manage.keys.add({ workspaceId, by }, sourceId, secret)), write_key: key.reveal() };
    }
    case "key list": {
      const { workspaceId, sourceId } = await operator.sourceId(asked.source);
      return all((page) => manage.keys.list({ workspaceId, by }, sourceId, page));
    }
    case "key revoke":
      return operator.revokeKey(asked.id);
    case "token create": {
      const { name, scopes, expiresAt } = asked;
      const { workspaceId } = await inWorkspace(asked.workspace);
      const { record, token } = await operator.addToken(workspaceId, { name, scopes, expires_at: expiresAt });
      return { ...record, token: token.reveal() };
    }
    case "token list": {
      const caller = await inWorkspace(asked.workspace);
      return all((page) => manage.tokens.list(caller, page));
    }
    case "token revoke":
      return operator.revokeToken(asked.id);
    default:
      return asked satisfies never;
  }
}

async function all<Row>(list: (page: PageOf) => Promise<Page<Row>>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after: readonly string[] | undefined; ; ) {
    const page = await list({ limit: 1_000, after });
    rows.push(...page.rows);
    if (!page.next) return rows;
    after = page.next;
  }
}
