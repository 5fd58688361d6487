import { createRandom, pick, type Random, uuid, whole } from "../../stacks/local/demo/random.ts";

/** Whose events a request holds: of one visitor, as a browser sends them, or of many, as a server does. */
export type Ids = "one" | "mixed";

/** As many people as the events of a run come from. */
const VISITORS = 20_000;

const NAMES = ["Product Viewed", "Product Added", "Order Started", "Order Completed", "Coupon Entered"];
const CATEGORIES = ["shoes", "jackets", "books", "garden", "games"];
const COLOURS = ["black", "white", "red", "forest green"];
const LOCALES = ["en", "de", "fr", "ja"];
const ZONES = ["Europe/Rome", "Asia/Tokyo", "UTC"];
const SYSTEMS = ["iOS", "Android", "macOS", "Windows"];

/**
 * Track events in the shape of performance.md: 8 properties, 11 context paths, 504 to 586 bytes of JSON. The same seed
 * gives the same people and contents; ids of messages come from the same sequence. `timestamp` is now.
 */
export function createEvents(seed: string, nowMs: () => number): (count: number, ids: Ids) => object[] {
  const random = createRandom(`bench ${seed}`);
  const visitors = Array.from({ length: VISITORS }, () => uuid(random));
  return (count, ids) => {
    const only = pick(random, visitors);
    return Array.from({ length: count }, () => {
      const anonymousId = ids === "one" ? only : pick(random, visitors);
      return anEvent(random, anonymousId, new Date(nowMs() - whole(random, 0, 2_000)));
    });
  };
}

function anEvent(random: Random, anonymousId: string, at: Date) {
  const product = whole(random, 100, 999);
  const colour = pick(random, COLOURS);
  return {
    type: "track",
    messageId: uuid(random),
    anonymousId,
    event: pick(random, NAMES),
    timestamp: at.toISOString(),
    properties: {
      sku: `s${product}`,
      category: pick(random, CATEGORIES),
      color: colour,
      price: whole(random, 100, 50_000) / 100,
      currency: random() < 0.8 ? "EUR" : "USD",
      count: whole(random, 1, 5),
      new: random() < 0.9,
      rank: whole(random, 1, 40),
    },
    context: {
      ip: `203.0.113.${whole(random, 1, 254)}`,
      locale: pick(random, LOCALES),
      timezone: pick(random, ZONES),
      library: { name: "a.js", version: "4.1" },
      os: { name: pick(random, SYSTEMS) },
      page: {
        path: `/p/${product}`,
        url: `https://shop.eu/p/${product}`,
        title: `Shoe ${product}`,
        search: `?c=${colour.length}`,
      },
      campaign: { source: "news" },
    },
  };
}
