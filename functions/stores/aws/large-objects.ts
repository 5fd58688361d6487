import type { S3ClientConfig } from "@aws-sdk/client-s3";

/**
 * Texts that are too large for a queue. Whoever sent the pointer may send it again and whoever reads it may read it
 * twice, so nobody deletes an object: the bucket's lifecycle does, after the 14 days that a queue may keep a message. C-25.
 */
export type LargeObjects = {
  /** Rejects unless it is stored; the same key again is the same text. */
  put: (key: string, text: string, signal?: AbortSignal) => Promise<void>;
  /** Rejects when it is not there. */
  get: (key: string) => Promise<string>;
};

/** Large texts are rare, and S3's client is a fifth of what the door loads: it is loaded with the first of them. */
export function createLargeObjects(config: S3ClientConfig, bucket: string): LargeObjects {
  let opened: ReturnType<typeof open> | undefined;
  const open = async () => {
    const { GetObjectCommand, PutObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
    return { s3: new S3Client(config), GetObjectCommand, PutObjectCommand };
  };
  const loaded = () => {
    opened ??= open();
    return opened;
  };
  return {
    put: async (key, text, signal) => {
      const { s3, PutObjectCommand } = await loaded();
      const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: text, ContentType: "application/json" });
      await s3.send(command, signal ? { abortSignal: signal } : {});
    },
    get: async (key) => {
      const { s3, GetObjectCommand } = await loaded();
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      if (!Body) throw new Error(`the object ${key} has no body`);
      return Body.transformToString();
    },
  };
}
