import { randomUUID } from "node:crypto";
import type { Claim } from "../../ingest/ingest.ts";
import { AppError } from "../../kit/errors.ts";
import type { Source } from "../../registry/source.ts";
import { CLAIM_SECONDS, EPOCH_KEY, isYoung } from "./epoch.ts";
import type { Grouped } from "./grouped.ts";
import { runScript } from "./run-script.ts";
import { ADMIT } from "./scripts.ts";
import { createWarnAway } from "./warn-away.ts";
import { createIsolateKeys, WRITE_KEY_SECONDS, writeKeyOf } from "./write-key-cache.ts";

export type Bucket = "dedup" | "dedup:import" | "dedup:replay";
export type Admitted = { source: Source | null; requestId: string; claims: Claim[] };
export type Admit = (keyHash: string, ids: readonly string[], bucket?: Bucket) => Promise<Admitted>;

/** The database's answer to a write key's SHA-256 in hex; null when nobody has it, throws when it cannot say. */
export type SourceByKeyHash = (keyHash: string) => Promise<Source | null>;
type AdmitPorts = { redis: Grouped; sourceByKeyHash: SourceByKeyHash; now: () => number; isolateMs: number };

/**
 * Names a write key's source and claims a request's message ids, one claim per id in their order: one trip to Redis,
 * two for a key that Redis lacks, none for a key that was just unknown. The first of a repeated id has the claim, the
 * others are duplicates of it, also when it is refused later. A source of null is an unknown key, and has no claims.
 * Redis away: the database decides the key and every id is a suspect, nothing throws. The database away too: throws
 * `unavailable`, never null. Decisions 5, 6, 12, 15a.
 */
export function createAdmit({ redis, sourceByKeyHash, now, isolateMs }: AdmitPorts): Admit {
  const keys = createIsolateKeys({ now, isolateMs });
  const ask = askOnce(sourceByKeyHash);
  const warnAway = createWarnAway("redis is away: the database decides write keys, every event is a suspect", now);

  return async (keyHash, ids, bucket = "dedup") => {
    const requestId = randomUUID();
    const unique = ids.length > 1 ? [...new Set(ids)] : ids;
    const admitted = (source: Source, claimed: Claimed | undefined): Admitted => ({
      source,
      requestId,
      claims: claimsOf(ids, unique, claimed, now()),
    });
    const claim = async (workspaceId: string, toCache: string): Promise<Claimed | undefined> => {
      const life = [toCache, String(WRITE_KEY_SECONDS)];
      const claimArgs = [requestId, bucket, String(CLAIM_SECONDS), String(now())];
      try {
        const args = [workspaceId, ...life, ...claimArgs, ...unique];
        return toClaimed(await runScript(redis, ADMIT, [writeKeyOf(keyHash), EPOCH_KEY], args));
      } catch (error) {
        warnAway(error);
        return undefined;
      }
    };

    const known = keys.get(keyHash);
    if (known === null) return { source: null, requestId, claims: [] };
    if (known !== undefined) return admitted(known, ids.length > 0 ? await claim(known.workspaceId, "") : undefined);

    const first = await claim("", "");
    if (first?.source) {
      keys.set(keyHash, first.source);
      return admitted(first.source, first);
    }
    // Another request may have learned it while this one was on its way.
    const learned = keys.get(keyHash);
    const source = learned === undefined ? await ask(keyHash) : learned;
    if (learned === undefined) keys.set(keyHash, source);
    if (source === null) return { source: null, requestId, claims: [] };
    // Without a first trip there is no second: Redis has just been found away.
    return admitted(source, first && (await claim(source.workspaceId, JSON.stringify(source))));
  };
}

/** What the script answered: the cached source, when the keys began (ms), and a letter per id. */
type Claimed = { source: Source | undefined; epochMs: number; letters: string };

function toClaimed(answer: unknown): Claimed {
  const [source, epoch, letters] = answer as [string | null, string, string];
  return { source: source === null ? undefined : (JSON.parse(source) as Source), epochMs: Number(epoch), letters };
}

/** Asks the database once for those who want the same key at the same time; `unavailable` when it cannot say. */
function askOnce(sourceByKeyHash: SourceByKeyHash): SourceByKeyHash {
  const asked = new Map<string, Promise<Source | null>>();
  return async (keyHash) => {
    const underWay = asked.get(keyHash) ?? sourceByKeyHash(keyHash).finally(() => asked.delete(keyHash));
    asked.set(keyHash, underWay);
    try {
      return await underWay;
    } catch (cause) {
      throw new AppError("unavailable", "the write key cannot be checked now, send again", {
        retryAfterSeconds: 5,
        cause,
      });
    }
  };
}

function claimsOf(
  ids: readonly string[],
  unique: readonly string[],
  claimed: Claimed | undefined,
  nowMs: number,
): Claim[] {
  const letters = claimed?.letters ?? "";
  const young = claimed !== undefined && isYoung(claimed.epochMs, nowMs);
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
