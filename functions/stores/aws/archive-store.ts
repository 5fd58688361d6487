import {
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { type AwsSettings, clientConfig } from "./client.ts";

/** The archive's bucket. Nothing in it is changed or deleted but by its lifecycle, and by the same object written again. */
export type ArchiveStore = {
  /** Rejects unless it is stored, or when `signal` is aborted. */
  put: (key: string, body: Buffer, signal: AbortSignal) => Promise<void>;
  /** Rejects when it is not there. */
  get: (key: string) => Promise<Buffer>;
  /** Every key that starts with `prefix`, in the order of their bytes. */
  keysIn: (prefix: string) => Promise<string[]>;
  /** The folders directly below `prefix`, each ending with a slash. */
  foldersIn: (prefix: string) => Promise<string[]>;
};

/** A call is safe to repeat; an object has some megabytes at the most. */
const CALL = { attempts: 3, timeoutMs: 10_000 };

/** Opens it. An engine on one port has no host for each bucket. */
export function openArchive(aws: AwsSettings, bucket: string): ArchiveStore {
  const s3 = new S3Client({ ...clientConfig(aws, CALL), forcePathStyle: aws.endpoint !== undefined });
  const listed = async <T>(
    Prefix: string,
    more: { Delimiter?: string },
    of: (page: ListObjectsV2CommandOutput) => T[],
  ) => {
    const all: T[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix, ...more, ContinuationToken }));
      all.push(...of(page));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return all;
  };
  return {
    put: async (key, body, signal) => {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: typeOf(key) }), {
        abortSignal: signal,
      });
    },
    get: async (key) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      if (!Body) throw new Error(`the object ${key} has no body`);
      return Buffer.from(await Body.transformToByteArray());
    },
    keysIn: (prefix) => listed(prefix, {}, ({ Contents = [] }) => Contents.map(({ Key = "" }) => Key)),
    foldersIn: (prefix) =>
      listed(prefix, { Delimiter: "/" }, ({ CommonPrefixes = [] }) => CommonPrefixes.map(({ Prefix = "" }) => Prefix)),
  };
}

const typeOf = (key: string) => (key.endsWith(".json") ? "application/json" : "application/octet-stream");
