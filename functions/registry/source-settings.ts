import * as z from "zod";
import { ADDRESS_POLICIES, SOURCE_KINDS } from "./source.ts";

/** A name for people: no control characters, which a terminal would obey. E15. */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .regex(/^\P{Cc}*$/u, { error: "a name has no control characters" });

const Maximum = z.number().int().min(1).max(1_000_000_000).nullable();

/** Requests in any 5 s and events in a day of UTC; null is no limit. I-07, decision 13e. */
export const OwnLimits = z.strictObject({ window_requests_max: Maximum, day_events_max: Maximum });
export type OwnLimits = z.output<typeof OwnLimits>;

const Path = z.string().trim().min(1).max(255);

/** Where a webhook's body holds what an event needs. B-25. */
export const WebhookBody = z.strictObject({
  event: Path.optional(),
  user_id: Path.optional(),
  anonymous_id: Path.optional(),
  message_id: Path.optional(),
  timestamp: Path.optional(),
  properties: Path.optional(),
});
export type WebhookBody = z.output<typeof WebhookBody>;

/** `https://shop.example`: scheme, host and port, as a browser writes them. */
const Origin = z
  .string()
  .max(300)
  .transform((text) => (URL.canParse(text) ? new URL(text) : undefined))
  .refine(
    (url) =>
      url !== undefined &&
      /^https?:$/.test(url.protocol) &&
      url.pathname === "/" &&
      !url.search &&
      !url.hash &&
      !url.username,
    {
      error: "an origin is such as https://shop.example, without a path",
    },
  )
  .transform((url) => url?.origin ?? "");

const Domain = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/, {
    error: "a domain is such as shop.example, without a scheme",
  });

const unique = (texts: string[]): string[] => [...new Set(texts)];

const SETTINGS = {
  enabled: z.boolean(),
  late_check: z.boolean(),
  address_policy: z.enum(ADDRESS_POLICIES, { error: `a policy is one of ${ADDRESS_POLICIES.join(", ")}` }),
  origins: z.array(Origin).max(100).transform(unique),
  domains: z.array(Domain).max(100).transform(unique),
  webhook: WebhookBody.nullable(),
  limits: OwnLimits.nullable(),
};

/** A source as it is asked for; what is left out is as the database has it by default. */
export const NewSource = z
  .strictObject({ name: Name, kind: z.enum(SOURCE_KINDS).default("sdk") })
  .extend(z.strictObject(SETTINGS).partial().shape);
export type NewSource = z.output<typeof NewSource>;

/** What may be changed of a source; what is left out stays. */
export const SourceChange = z.strictObject({ name: Name, ...SETTINGS }).partial();
export type SourceChange = z.output<typeof SourceChange>;
