import Plausible from "plausible-tracker";

let plausible;

globalThis.sdk = {
  start({ url }) {
    plausible = Plausible({ apiHost: url });
  },
  every() {
    plausible.enableAutoPageviews();
    history.pushState({}, "", "/second");
    plausible.trackEvent("Order Completed", { props: { total: 9.5 } });
  },
  one: () => plausible.trackEvent("One"),
};
