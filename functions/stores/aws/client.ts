import { NodeHttpHandler } from "@smithy/node-http-handler";

/**
 * What every AWS client of ours is made with. Locally there is an endpoint and made-up credentials, and HTTP/1.1 over
 * kept connections: Kinesis's client speaks HTTP/2 by default, which no local engine does. `attempts` = 1 where a
 * repeat inside the SDK would hide from us that a call may have been applied.
 */
export type AwsSettings = { region: string; endpoint?: string | undefined };

export function clientConfig(
  { region, endpoint }: AwsSettings,
  { attempts, timeoutMs }: { attempts: number; timeoutMs: number },
) {
  return {
    region,
    maxAttempts: attempts,
    ...(endpoint !== undefined && {
      endpoint,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      requestHandler: new NodeHttpHandler({
        requestTimeout: timeoutMs,
        connectionTimeout: 1_000,
        throwOnRequestTimeout: true,
      }),
    }),
  };
}
