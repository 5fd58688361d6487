import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

const analytics = new RudderAnalytics();

globalThis.sdk = {
  start({ url, writeKey, options }) {
    const { promise, resolve } = Promise.withResolvers();
    analytics.load(writeKey, url, { configUrl: url, onLoaded: () => resolve(), ...options });
    return promise;
  },
  every() {
    analytics.page("Home");
    analytics.identify("u1", { plan: "pro" });
    analytics.track("Order Completed", { total: 9.5 });
    analytics.group("g1", { seats: 3 });
    analytics.alias("u1", "a1");
  },
  one: () => void analytics.track("One"),
};
