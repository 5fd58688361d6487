import type { JsonObject } from "../../../functions/event/event.ts";
import { type Random, uuid, weighted, whole } from "./random.ts";

/** One browser or phone: the id that its SDK made up, and whether its owner has signed in on it. */
export type Device = {
  source: "web" | "app";
  anonymousId: string;
  context: JsonObject;
  signedIn: boolean;
  visits: number;
};

type Browser = { userAgent: string; brand?: string; platform?: string; mobile?: boolean };
const MOZILLA = "Mozilla/5.0";
const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0";
const BROWSERS: readonly (readonly [Browser, number])[] = [
  [
    {
      userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36`,
      brand: "Google Chrome",
      platform: "Windows",
    },
    28,
  ],
  [
    {
      userAgent: `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) ${CHROME} Safari/537.36`,
      brand: "Google Chrome",
      platform: "macOS",
    },
    12,
  ],
  [
    {
      userAgent: `${MOZILLA} (Linux; Android 10; K) ${CHROME} Mobile Safari/537.36`,
      brand: "Google Chrome",
      platform: "Android",
      mobile: true,
    },
    18,
  ],
  [
    {
      userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36 Edg/147.0.0.0`,
      brand: "Microsoft Edge",
      platform: "Windows",
    },
    6,
  ],
  [
    {
      userAgent: `${MOZILLA} (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.4 Mobile/15E148 Safari/604.1`,
    },
    22,
  ],
  [
    {
      userAgent: `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.4 Safari/605.1.15`,
    },
    8,
  ],
  [{ userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0` }, 6],
];
const BOTS: readonly (readonly [Browser, number])[] = [
  [
    {
      userAgent: `${MOZILLA} AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/147.0.0.0 Safari/537.36`,
    },
    5,
  ],
  [
    {
      userAgent: `${MOZILLA} (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/147.0.7727.0 Safari/537.36`,
    },
    3,
  ],
  [{ userAgent: `${MOZILLA} (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)` }, 2],
];

type Phone = {
  manufacturer: string;
  model: string;
  os: string;
  osVersion: string;
  width: number;
  height: number;
  density: number;
};
const PHONES: readonly (readonly [Phone, number])[] = [
  [
    { manufacturer: "Apple", model: "iPhone17,3", os: "iOS", osVersion: "26.1", width: 393, height: 852, density: 3 },
    40,
  ],
  [
    { manufacturer: "Apple", model: "iPhone14,5", os: "iOS", osVersion: "18.7", width: 390, height: 844, density: 3 },
    20,
  ],
  [
    { manufacturer: "Google", model: "Pixel 9", os: "Android", osVersion: "16", width: 412, height: 923, density: 2.6 },
    15,
  ],
  [
    { manufacturer: "samsung", model: "SM-S931B", os: "Android", osVersion: "16", width: 411, height: 891, density: 3 },
    25,
  ],
];
const APP_VERSIONS: readonly (readonly [readonly [version: string, build: string], number])[] = [
  [["4.2.0", "420"], 7],
  [["4.1.3", "413"], 2],
  [["3.9.1", "391"], 1],
];

/** Where its owner is, as far as a client tells. */
export type Place = { locale: string; timezone: string };

/** A browser, with the context that analytics.js sends of it on every call. */
export const someBrowser = (random: Random, place: Place): Device => browserOf(random, place, BROWSERS);

/** A crawler that runs JavaScript and so sends pages like a browser. */
export const someBot = (random: Random): Device => browserOf(random, { locale: "en-US", timezone: "UTC" }, BOTS);

function browserOf(random: Random, { locale, timezone }: Place, browsers: typeof BROWSERS): Device {
  const { userAgent, brand, platform, mobile = false } = weighted(random, browsers);
  const brands =
    brand && [brand, "Not.A/Brand", "Chromium"].map((name, at) => ({ brand: name, version: at === 1 ? "8" : "147" }));
  const context: JsonObject = {
    userAgent,
    ...(brands && { userAgentData: { brands, mobile, platform: platform ?? "" } }),
    locale,
    library: { name: "analytics.js", version: "npm:next-1.84.3" },
    timezone,
  };
  return { source: "web", anonymousId: uuid(random), context, signedIn: false, visits: 0 };
}

/** A phone with the shop's app, with the context that Segment's mobile SDKs send of it on every call. */
export function somePhone(random: Random, { locale, timezone }: Place): Device {
  const phone = weighted(random, PHONES);
  const [version, build] = weighted(random, APP_VERSIONS);
  const anonymousId = uuid(random);
  const ios = phone.os === "iOS";
  const context: JsonObject = {
    app: { name: "Mill Lane", version, build, namespace: "example.shop.app" },
    device: {
      id: uuid(random),
      type: ios ? "ios" : "android",
      manufacturer: phone.manufacturer,
      model: phone.model,
      name: phone.model,
    },
    os: { name: phone.os, version: phone.osVersion },
    screen: { width: phone.width, height: phone.height, density: phone.density },
    network: { wifi: whole(random, 0, 9) < 7, cellular: true, bluetooth: false },
    library: ios ? { name: "analytics-swift", version: "1.9.2" } : { name: "analytics-kotlin", version: "1.22.0" },
    locale,
    timezone,
  };
  return { source: "app", anonymousId, context, signedIn: false, visits: 0 };
}
