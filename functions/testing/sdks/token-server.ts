import { generateKeyPairSync } from "node:crypto";
import { listen } from "../listen.ts";

/** What a client is given to ask for tokens by. */
export type OAuthSettings = { clientId: string; clientKey: string; keyId: string; authServer: string };

/** An authorisation server that gives every client a token as theirs are: a JWT, which is nobody's write key. */
export async function startTokenServer(): Promise<{ settings: OAuthSettings; close: () => Promise<void> }> {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "RS256" })}.${part({ scope: "tracking_api:write" })}.c2lnbmF0dXJl`;
  const { url: authServer, close } = await listen((_, response) =>
    response
      .setHeader("content-type", "application/json")
      .end(JSON.stringify({ access_token: token, expires_in: 3_600, token_type: "Bearer" })),
  );
  return {
    settings: { clientId: "client", clientKey: privateKey, keyId: "key", authServer },
    close,
  };
}
