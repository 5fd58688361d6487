import { randomUUID } from "node:crypto";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { type FailedInvocation, invocationRecord, invocationRecordKey } from "./invocation-record.ts";

/** An on-failure destination that keeps the payload, so that a replay does not depend on the stream's retention (F18). */
export const onFailureToS3 =
  (s3: S3Client, bucket: string) =>
  async (failed: FailedInvocation): Promise<void> => {
    const Key = invocationRecordKey(failed, randomUUID());
    const Body = JSON.stringify(invocationRecord(failed));
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentType: "application/json" }));
  };
