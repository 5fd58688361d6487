import { hash } from "node:crypto";

/**
 * How a suppressed person is kept: 64 bits of SHA-256 over workspace and id, in hexadecimal, so that the list of who
 * does not want to be known holds no ids. Decision 13f.
 */
export const suppressedHash = (workspaceId: string, id: string): string =>
  hash("sha256", `${workspaceId}:${id}`).slice(0, 16);
