import { type Random, weighted } from "./random.ts";

/** Where a visit came from: the page before it, and the campaign that its first URL names, if any. */
export type Arrival = { referrer: string; campaign: Campaign | undefined };
export type Campaign = { name: string; source: string; medium: string; term?: string; content?: string };

const from = (referrer: string, campaign?: Campaign): Arrival => ({ referrer, campaign });

const ARRIVALS: readonly (readonly [Arrival, number])[] = [
  [from(""), 30],
  [from("https://www.google.com/"), 24],
  [from("https://duckduckgo.com/"), 3],
  [from("https://www.bing.com/"), 3],
  [from("https://brewnotes.example/best-grinders"), 4],
  [from("https://www.google.com/", { name: "brand", source: "google", medium: "cpc", term: "mill lane coffee" }), 7],
  [from("https://www.google.com/", { name: "grinders", source: "google", medium: "cpc", term: "coffee grinder" }), 6],
  [
    from("https://www.instagram.com/", {
      name: "spring_sale",
      source: "instagram",
      medium: "paid_social",
      content: "reel_2",
    }),
    8,
  ],
  [
    from("https://www.facebook.com/", {
      name: "spring_sale",
      source: "facebook",
      medium: "paid_social",
      content: "carousel_1",
    }),
    5,
  ],
  [from("", { name: "weekly_letter", source: "newsletter", medium: "email", content: "hero" }), 8],
  [from("https://brewnotes.example/deals", { name: "partners", source: "brewnotes", medium: "affiliate" }), 2],
];

/** How a visit began: direct, a search engine, a link, or one of a few campaigns. */
export const someArrival = (random: Random): Arrival => weighted(random, ARRIVALS);

/** The query of a landing page's URL as a campaign link has it, or "". */
export function utmSearch(campaign: Campaign | undefined): string {
  if (!campaign) return "";
  const { name, ...rest } = campaign;
  const values = Object.entries({ campaign: name, ...rest }).map(([key, value]): [string, string] => [
    `utm_${key}`,
    value,
  ]);
  return `?${new URLSearchParams(values)}`;
}
