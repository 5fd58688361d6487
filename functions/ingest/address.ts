import ipaddr from "ipaddr.js";
import type { FlatEvent, JsonObject } from "../event/event.ts";
import type { AddressPolicy, Source } from "../registry/source.ts";
import type { Client } from "./call.ts";
import type { IngestPorts } from "./ports.ts";

type Ports = Pick<IngestPorts, "placeOf" | "isBot" | "hashOfAddress">;

/**
 * Completes and reduces what a context says of its sender: address and agent of the call where a device sent it itself,
 * the place of the address before it is reduced (C-24), the mark on robots (never dropped, B-22), and of the address only
 * what the source's policy keeps. Changes the flat context in place; it was made for this event. E16.
 */
export function markSender<Event extends FlatEvent>(event: Event, source: Source, client: Client, ports: Ports): Event {
  const { context } = event;
  const device = client.device || isDevice(context);
  const policy = stricter(source.address, client.addressPolicy);
  // What is no text is no address that anybody can reduce.
  if (policy !== "keep" && typeof context.ip !== "string") delete context.ip;
  const address = typeof context.ip === "string" && context.ip !== "" ? context.ip : device ? client.address : "";
  if (context.user_agent === undefined && device && client.userAgent !== "") context.user_agent = client.userAgent;
  if (typeof context.user_agent === "string" && ports.isBot(context.user_agent)) context.is_bot = true;
  if (address === "") return event;
  const place = address === client.address && client.place ? client.place : ports.placeOf(address);
  if (place) setPlace(context, place);
  const kept = reduced(address, policy, (full) => ports.hashOfAddress(source.workspaceId, full, event.receivedAt));
  if (kept === "") delete context.ip;
  else context.ip = kept;
  return event;
}

/** Libraries that run on the user's own device and send no `Origin`. */
const ON_DEVICE = /kotlin|swift|csharp|unity|react-native|android|ios|flutter|cordova|xamarin/i;
const isDevice = ({ library_name: name }: JsonObject) => typeof name === "string" && ON_DEVICE.test(name);

function setPlace(context: JsonObject, { country, region, city }: { country: string; region: string; city: string }) {
  if (country !== "") context.geo_country ??= country;
  if (region !== "") context.geo_region ??= region;
  if (city !== "") context.geo_city ??= city;
}

const STRICTNESS: readonly AddressPolicy[] = ["keep", "truncate", "hash", "drop"];

/** Of a source's policy and what a client asks for, the one that keeps less. */
export const stricter = (one: AddressPolicy, other: AddressPolicy | undefined): AddressPolicy =>
  other !== undefined && STRICTNESS.indexOf(other) > STRICTNESS.indexOf(one) ? other : one;

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const DOTTED = new RegExp(`^(${OCTET}\\.${OCTET}\\.${OCTET})\\.${OCTET}$`);

/** What `hash` leaves; seen again in a replay it is left as it is. */
const HASHED = /^ip_[0-9a-f]{32}$/;

/**
 * What a policy keeps of an address: the network of an IPv4 address is its first 24 bits, of an IPv6 address its first
 * 48. An address that cannot be read is kept by `keep` only, since nobody knows what it tells.
 */
export function reduced(address: string, policy: AddressPolicy, hashOf: (full: string) => string): string {
  if (policy === "keep" || HASHED.test(address)) return address;
  // Nearly all addresses are written like this, and reading them any other way costs as much as the rest of the stage.
  const plain = policy === "truncate" ? DOTTED.exec(address) : null;
  if (plain) return `${plain[1]}.0`;
  if (policy === "drop" || !ipaddr.isValid(address)) return "";
  const full = ipaddr.process(address);
  if (policy === "hash") return hashOf(full.toString());
  const bytes = full.toByteArray();
  const kept = full.kind() === "ipv4" ? 3 : 6;
  return ipaddr.fromByteArray(bytes.map((byte, index) => (index < kept ? byte : 0))).toString();
}
