import { Analytics } from "@rudderstack/analytics-js-service-worker";

let analytics;
const CALLS = {
  start({ url, writeKey }) {
    analytics = new Analytics(writeKey, url, { logLevel: "off" });
  },
  every() {
    const userId = "u1";
    const made = [
      called("identify", { userId, traits: { plan: "pro" } }),
      called("track", { userId, event: "Order Completed", properties: { total: 9.5 } }),
      called("page", { userId, name: "Home" }),
      called("screen", { userId, name: "Main" }),
      called("group", { userId, groupId: "g1", traits: { seats: 3 } }),
      called("alias", { userId, previousId: "a1" }),
    ];
    analytics.flush();
    return Promise.all(made);
  },
  one: () => called("track", { userId: "u1", event: "One" }),
};

/** Resolves when the client has delivered the call or given it up. */
const called = (call, message) => new Promise((resolve) => analytics[call](message, resolve));

globalThis.addEventListener("install", () => globalThis.skipWaiting());
globalThis.addEventListener("activate", (event) => event.waitUntil(globalThis.clients.claim()));
globalThis.addEventListener("message", (event) => {
  const {
    data: [call, argument],
    ports: [answer],
  } = event;
  event.waitUntil(Promise.resolve(CALLS[call](argument)).then(() => answer.postMessage("done")));
});
