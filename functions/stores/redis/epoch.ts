import type { Grouped } from "./grouped.ts";

/** When this Redis' dedup keys began, ms: set by the first request that finds it missing, lost with the keys (15a). */
export const EPOCH_KEY = "dedup:epoch";

/** The life of a live call's claim, and of its confirmation (decision 5). */
export const CLAIM_SECONDS = 24 * 60 * 60;

/** Within a claim's life of the epoch a clean claim proves nothing: its first copy may be older than the keys. */
export const isYoung = (epochMs: number, nowMs: number): boolean => nowMs - epochMs < CLAIM_SECONDS * 1_000;

/**
 * Says that no claim from before `epochMs` (ms UTC) can be missing. Only for who knows that the table holds nothing of
 * the last 24 h, such as a fresh installation; anywhere else it would let a stored event in again.
 */
export async function backdateEpoch(redis: Grouped, epochMs: number): Promise<void> {
  const text = String(epochMs);
  await redis({ characters: text.length, add: (pipeline) => pipeline.set(EPOCH_KEY, text) });
}
