import { jitsuAnalytics } from "@jitsu/js";

let analytics;

globalThis.sdk = {
  start({ url, writeKey, byDomain }) {
    analytics = jitsuAnalytics({ host: url, ...(!byDomain && { writeKey }) });
  },
  async every() {
    await analytics.page();
    await analytics.identify("u1", { plan: "pro" });
    await analytics.track("Order Completed", { total: 9.5 });
    await analytics.group("g1", { seats: 3 });
  },
  one: () => analytics.track("One"),
};
