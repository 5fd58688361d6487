import type { Context } from "hono";
import type { Client } from "../ingest/call.ts";
import type { AddressPolicy } from "../registry/source.ts";
import { headerOf } from "./header.ts";

/**
 * Who sent a request. `hops` is how many proxies of ours stand before the door: each adds what it saw at the end of
 * `X-Forwarded-For`, so that what a client wrote there is never read; with 0 it is the socket's own address. The CDN's
 * place headers count only behind a proxy. E8, C-24.
 */
export function clientOf(c: Context, hops: number): Client {
  const header = (name: string) => headerOf(c, name) ?? "";
  const origin = headerOf(c, "origin");
  return {
    address: addressOf(c, hops),
    userAgent: header("user-agent").slice(0, USER_AGENT_CHARS_MAX),
    device: origin !== undefined || header("sec-fetch-mode") !== "" || header("referer") !== "",
    origin,
    place: hops > 0 && header("cloudfront-viewer-country") !== "" ? placeOf(header) : undefined,
    addressPolicy: JITSU_POLICIES[header("x-ip-policy")],
  };
}

const USER_AGENT_CHARS_MAX = 1_024;

/** What Jitsu's clients may ask for. */
const JITSU_POLICIES: Record<string, AddressPolicy | undefined> = { remove: "drop", stripLastOctet: "truncate" };

const placeOf = (header: (name: string) => string) => ({
  country: header("cloudfront-viewer-country"),
  region: header("cloudfront-viewer-country-region"),
  city: decoded(header("cloudfront-viewer-city")),
});

/** CloudFront percent-encodes what is not ASCII. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The two hosts of a door: Hono's Node server, and Lambda's function URL. */
type Bindings = {
  incoming?: { socket?: { remoteAddress?: string } };
  requestContext?: { http?: { sourceIp?: string } };
};

export function addressOf(c: Context, hops: number): string {
  const forwarded = (headerOf(c, "x-forwarded-for") ?? "").split(",").map((part) => part.trim());
  const seen = hops > 0 ? forwarded.at(-hops) : undefined;
  if (seen) return seen;
  const { incoming, requestContext } = (c.env ?? {}) as Bindings;
  const socket = incoming?.socket?.remoteAddress ?? requestContext?.http?.sourceIp ?? "";
  return socket.startsWith("::ffff:") ? socket.slice("::ffff:".length) : socket;
}
