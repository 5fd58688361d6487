import type { Bucket, Claim } from "../../ingest/ports.ts";
import { CLAIM_SECONDS, isYoung } from "./epoch.ts";

/** A claim's life, and a confirmation's. An import, or a replay, that is repeated is repeated within a week. Decision 5. */
export const LIFE_SECONDS: Record<Bucket, string> = {
  dedup: String(CLAIM_SECONDS),
  "dedup:import": String(7 * CLAIM_SECONDS),
  "dedup:replay": String(7 * CLAIM_SECONDS),
};

/** What the ids of a bucket begin with. */
export const prefixOf = (bucket: Bucket, workspaceId: string): string => `${bucket}:${workspaceId}:`;

/** The script's answer about `unique`: a letter an id, and when the keys began (ms). Without one every id is suspect. */
export type Letters = { letters: string; epochMs: number } | undefined;

/**
 * A claim per id in the order of `ids`. Of an id repeated in the request the first has the claim, the others are
 * duplicates of it, also when it is refused later.
 */
export function claimsOf(
  ids: readonly string[],
  unique: readonly string[],
  claimed: Letters,
  nowMs: number,
): readonly Claim[] {
  const letters = claimed?.letters ?? "";
  const young = claimed === undefined || isYoung(claimed.epochMs, nowMs);
  const claimAt = (index: number): Claim => {
    if (letters[index] === "d") return "duplicate";
    return letters[index] === "f" && !young ? "fresh" : "suspect";
  };
  if (unique.length === ids.length) return ids.map((_, index) => claimAt(index));
  const first = new Map(unique.map((id, index) => [id, claimAt(index)]));
  return ids.map((id) => {
    const claim = first.get(id) ?? "duplicate";
    first.delete(id);
    return claim;
  });
}
