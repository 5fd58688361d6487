import { Agent } from "node:http";
import { KinesisClient } from "@aws-sdk/client-kinesis";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";

/** Any pair is accepted: the local engines check that a request is signed, not by whom. */
const LOCAL = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };

/** Waiting readers keep their connections, and must leave some to writers: the SDK's own bound is 50. */
const manyConnections = () => new NodeHttpHandler({ httpAgent: new Agent({ keepAlive: true, maxSockets: 1_000 }) });

/** HTTP/1.1: the SDK's default for Kinesis is HTTP/2, which a plain local port does not speak. */
export const kinesisAt = (endpoint: string): KinesisClient =>
  new KinesisClient({ ...LOCAL, endpoint, requestHandler: manyConnections() });

export const sqsAt = (endpoint: string): SQSClient =>
  new SQSClient({ ...LOCAL, endpoint, requestHandler: manyConnections() });

export const s3At = (endpoint: string): S3Client => new S3Client({ ...LOCAL, endpoint, forcePathStyle: true });
