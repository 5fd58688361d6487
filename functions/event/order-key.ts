import { createHash } from "node:crypto";
import type { CheckedEvent } from "./event.ts";

/** Where a record goes: events of one partition key keep their order. `explicitHashKey` is absent when the key itself is hashed. */
export type OrderKey = { partitionKey: string; explicitHashKey?: string };

/**
 * One person's events share a bucket, so that their order holds: by anonymous id, else user id, else message id.
 * The buckets of a workspace lie evenly over the hash space, shifted by the workspace, so that few of them meet on one
 * shard. `buckets` = 0 keys each event by its own id instead. Decision 7, C-11.
 */
export function orderKeyOf(
  workspaceId: string,
  event: Pick<CheckedEvent, "anonymousId" | "userId" | "messageId">,
  buckets: number,
): OrderKey {
  const id = event.anonymousId || event.userId || event.messageId;
  if (buckets === 0) return { partitionKey: digestOf(`${workspaceId}:${id}`) };
  return bucketKeys(workspaceId, buckets)[stableHash(id) % buckets] as OrderKey;
}

const HASH_SPACE = 1n << 128n;
const keysByWorkspace = new Map<string, OrderKey[]>();

function bucketKeys(workspaceId: string, buckets: number): OrderKey[] {
  const cached = keysByWorkspace.get(workspaceId);
  if (cached?.length === buckets) return cached;
  const shift = BigInt(`0x${digestOf(workspaceId)}`);
  const keys = Array.from({ length: buckets }, (_, bucket) => ({
    partitionKey: `${workspaceId}:${bucket}`,
    explicitHashKey: ((shift + (BigInt(bucket) * HASH_SPACE) / BigInt(buckets)) % HASH_SPACE).toString(),
  }));
  if (keysByWorkspace.size >= 10_000) keysByWorkspace.clear();
  keysByWorkspace.set(workspaceId, keys);
  return keys;
}

/** 128 bits in hex: a partition key may have 256 characters, an id 512. */
const digestOf = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32);

/** FNV-1a over UTF-16 code units, 32 bits: the same on every machine and release, which V8's own hashes are not. */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  // FNV's low bits are weak for short inputs; one round of mixing spreads them before the modulo.
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
