import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";

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

export const createLargeObjects = (s3: Pick<S3Client, "send">, bucket: string): LargeObjects => ({
  put: async (key, text, signal) => {
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: text, ContentType: "application/json" });
    await s3.send(command, signal ? { abortSignal: signal } : {});
  },
  get: async (key) => {
    const { Body } = (await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))) as {
      Body?: { transformToString: () => Promise<string> };
    };
    if (!Body) throw new Error(`the object ${key} has no body`);
    return Body.transformToString();
  },
});
