import { AnalyticsBrowser } from "@segment/analytics-next";

// Two retries instead of ten, so that a test of "for ever" ends.
const httpConfig = { backoffConfig: { maxRetryCount: 2 } };
let analytics;

globalThis.sdk = {
  async start({ url, writeKey, delivery }) {
    const settings = { httpConfig, ...(delivery && { deliveryStrategy: delivery }) };
    [analytics] = await AnalyticsBrowser.load({ writeKey, cdnURL: url }, { integrations: { "Segment.io": settings } });
  },
  every() {
    analytics.page("Home");
    analytics.identify("u1", { plan: "pro" });
    analytics.track("Order Completed", { total: 9.5 });
    analytics.group("g1", { seats: 3 });
    analytics.alias("u1", "a1");
    analytics.screen("Main");
  },
  one: () => void analytics.track("One"),
};
