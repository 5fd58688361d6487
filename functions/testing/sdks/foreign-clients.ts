import { randomUUID } from "node:crypto";
import { OpenPanel } from "@openpanel/sdk";
import { Umami } from "@umami/node";
import { PostHog } from "posthog-node";
import { ONCE, persistent, type SdkClient, type Target } from "./client.ts";

const posthog = ({ url, writeKey }: Target) => new PostHog(writeKey, { host: url });

export const posthogNode: SdkClient = {
  name: "K-20 posthog-node 5.70.0",
  newKey: () => `phc_${randomUUID()}`,
  everyCall: async (target) => {
    const client = posthog(target);
    const distinctId = "u1";
    client.identify({ distinctId, properties: { plan: "pro" } });
    client.setPersonProperties({ distinctId, properties: { seats: 3 } });
    client.alias({ distinctId, alias: "a1" });
    client.capture({ distinctId, event: "Order Completed", properties: { total: 9.5 }, groups: { company: "g1" } });
    client.capture({ distinctId, event: "$pageview", properties: { $current_url: "https://shop.example/" } });
    client.capture({ distinctId, event: "$screen", properties: { $screen_name: "Main" } });
    client.groupIdentify({ distinctId, groupType: "company", groupKey: "g1", properties: { seats: 3 } });
    client.captureException(new Error("a test"), distinctId);
    await client.getAllFlags(distinctId);
    await client.shutdown();
  },
  stored: [
    "alias ",
    "group ",
    "identify ",
    "identify ",
    "page ",
    "screen ",
    "track $exception",
    "track Order Completed",
  ],
  requests: 1,
  oneCall: async (target) => {
    const client = posthog(target);
    client.capture({ distinctId: "u1", event: "One" });
    await client.shutdown(60_000);
  },
  // It waits 3 s each time, whatever Retry-After says.
  faults: persistent(3),
  waits: false,
};

const openpanel = ({ url, writeKey }: Target) =>
  new OpenPanel({ apiUrl: url, clientId: writeKey, clientSecret: "secret" });

const openPanel: SdkClient = {
  name: "K-21 @openpanel/sdk 1.3.1",
  everyCall: async (target) => {
    const client = openpanel(target);
    await client.identify({ profileId: "u1", email: "u1@shop.example", properties: { plan: "pro" } });
    await client.track("Order Completed", { total: 9.5 });
    await client.revenue(9.5, { currency: "EUR" });
    await client.upsertGroup({ id: "g1", type: "company", name: "Shop", properties: { seats: 3 } });
    await client.setGroup("g1");
    await client.increment({ profileId: "u1", property: "visits", value: 1 });
    await client.decrement({ profileId: "u1", property: "credits", value: 1 });
  },
  stored: [
    "group ",
    "group ",
    "identify ",
    "track Order Completed",
    "track profile_decrement",
    "track profile_increment",
    "track revenue",
  ],
  requests: 7,
  oneCall: (target) => openpanel(target).track("One", { profileId: "u1" }),
  // It comes again after anything but 200, 202 and 401, so that a call refused once is taken the next time.
  faults: {
    ...persistent(3),
    "400": { requests: 2, stored: 1 },
    "413": { requests: 2, stored: 1 },
    // Its calls carry no id: one that it repeats because the answer was lost cannot be told from another one.
    lost: { requests: 2, stored: 2 },
  },
  waits: false,
};

const umami = ({ url, sourceId }: Target) => new Umami({ hostUrl: url, websiteId: sourceId });

const umamiNode: SdkClient = {
  name: "K-23 @umami/node 0.4.0",
  everyCall: async (target) => {
    const client = umami(target);
    await client.track({ url: "/", title: "Home", hostname: "shop.example" });
    await client.track("Order Completed", { total: 9.5 });
    await client.identify({ plan: "pro" });
  },
  stored: ["identify ", "page ", "track Order Completed"],
  requests: 3,
  oneCall: (target) =>
    umami(target)
      .track("One")
      .catch(() => undefined),
  faults: ONCE,
  waits: false,
};

/** Clients of other products, whose bodies the door's dialects read. B-26. */
export const FOREIGN_CLIENTS: readonly SdkClient[] = [posthogNode, openPanel, umamiNode];
