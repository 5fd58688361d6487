import { Analytics } from "@rudderstack/analytics-js-service-worker";

let analytics;
const CALLS = {
  start({ url, writeKey }) {
    analytics = new Analytics(writeKey, url, { logLevel: "off" });
  },
  every() {
    const userId = "u1";
    analytics.identify({ userId, traits: { plan: "pro" } });
    analytics.track({ userId, event: "Order Completed", properties: { total: 9.5 } });
    analytics.page({ userId, name: "Home" });
    analytics.screen({ userId, name: "Main" });
    analytics.group({ userId, groupId: "g1", traits: { seats: 3 } });
    analytics.alias({ userId, previousId: "a1" });
    analytics.flush();
  },
  one: () => analytics.track({ userId: "u1", event: "One" }),
};

globalThis.addEventListener("install", () => globalThis.skipWaiting());
globalThis.addEventListener("activate", (event) => event.waitUntil(globalThis.clients.claim()));
globalThis.addEventListener("message", ({ data: [call, argument], ports: [answer] }) => {
  CALLS[call](argument);
  answer.postMessage("done");
});
