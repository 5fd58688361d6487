import { hash, randomBytes } from "node:crypto";
import { dayOf } from "../kit/day.ts";
import { AppError } from "../kit/errors.ts";
import { isUuid } from "../kit/id.ts";
import { type Masked, masked } from "../kit/masked.ts";

/** What a stored token says. Times are milliseconds UTC; `*` among the scopes stands for all of them. */
export type ApiToken = {
  workspaceId: string;
  scopes: readonly string[];
  expiresAt: number | undefined;
  revokedAt: number | undefined;
};

/** A token as its owner sees it once. */
export type TokenSecret = Masked & { kind: "API token" };

/** `by` says whose token it was, as the audit log keeps it: its hint, or `local` without a token. */
export type Access = { workspaceId: string; scopes: readonly string[]; by: string };
type Ask = {
  /** The bearer token of the request. */
  token: string | undefined;
  /** `X-Workspace-Id`. */
  workspaceHeader: string | undefined;
  localMode: boolean;
  tokenByHash: (tokenHash: string) => Promise<ApiToken | null>;
  now: () => number;
};

/**
 * Who asks, and for which workspace: the token says, the header may only agree. Throws `invalid_token` (401) for a token
 * that is missing, wrong, expired or revoked; then `validation_failed` (400) for a header that is no UUID, `forbidden`
 * (403) for another workspace's. In local mode the header alone will do, and neither is 400. D-02, C-07, decision 21.
 */
export async function authorize({ token, workspaceHeader, localMode, tokenByHash, now }: Ask): Promise<Access> {
  if (token === undefined && localMode)
    return { workspaceId: workspaceOf(workspaceHeader ?? ""), scopes: ["*"], by: "local" };
  if (token === undefined) throw refused("No API token was sent. Send it as Authorization: Bearer sk_….");

  const found = await tokenByHash(hashOfToken(token));
  if (found === null) throw refused(`This API token (${tokenOf(token)}) does not exist.`);
  if (found.revokedAt !== undefined) throw refused(`This API token was revoked on ${dayOf(found.revokedAt)}.`);
  if (found.expiresAt !== undefined && found.expiresAt <= now())
    throw refused(`This API token expired on ${dayOf(found.expiresAt)}.`);

  const { workspaceId, scopes } = found;
  if (workspaceHeader !== undefined && workspaceOf(workspaceHeader) !== workspaceId)
    throw new AppError("forbidden", "This API token belongs to another workspace than X-Workspace-Id names.", {
      field: "X-Workspace-Id",
    });
  return { workspaceId, scopes, by: tokenOf(token).hint };
}

export const tokenOf = (token: string): TokenSecret => ({ ...masked(token), kind: "API token" });

/** `sk_` and 32 random bytes in base64url, as a write key's. */
export const newToken = (): TokenSecret => tokenOf(`sk_${randomBytes(32).toString("base64url")}`);

/** SHA-256 in hexadecimal: all that is stored of a token, and what it is found by. Reliability E9. */
export const hashOfToken = (token: string): string => hash("sha256", token);

function workspaceOf(header: string): string {
  const id = header.trim().toLowerCase();
  if (isUuid(id)) return id;
  throw new AppError("validation_failed", "X-Workspace-Id must be a workspace's id, a UUID.", {
    field: "X-Workspace-Id",
  });
}

const refused = (message: string): AppError => new AppError("invalid_token", message);
