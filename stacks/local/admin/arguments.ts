import { parseArgs } from "node:util";
import { TIERS, type Tier } from "../../../functions/registry/source.ts";
import type { Allowance } from "../../../functions/stores/postgres/manage/operator.ts";
import { LOCAL } from "../local-mode.ts";

export const HELP = `Makes and revokes what a door needs before anybody can use it. Each secret is shown once, here.

  npm run admin -- workspace create --name NAME [--tier default|pro|enterprise] [--timezone UTC]
  npm run admin -- workspace change --workspace W [--tier T] [--window-requests N|none] [--day-events N|none]
  npm run admin -- workspace list
  npm run admin -- source create --workspace W --name NAME
  npm run admin -- source list --workspace W
  npm run admin -- key create --source S [--write-key KEY]
  npm run admin -- key list --source S
  npm run admin -- key revoke ID
  npm run admin -- token create --workspace W --name NAME --scopes A,B [--expires 90d]
  npm run admin -- token list --workspace W
  npm run admin -- token revoke ID

  W and S are ids, or names that only one has. --window-requests: in any 5 s, --day-events: in a day of UTC; another
  tier ends a workspace's limits of its own. --write-key takes over a key that clients have already.
  --scopes: * or areas with :read or :write, such as sources:write,dlq:read. --expires: 12h, 90d or 2027-01-31.
  --json    the result as JSON
  --help    this text

The database is that of POSTGRES_URL, else of the local system that is running (MILLRACE_DATA, .millrace). With
UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN the doors hear of a revoke at once, else within 65 seconds.
Exit codes: 0 done, 1 failed, 2 wrong use.
`;

export class WrongUse extends Error {}

/** What a command line asks for. */
export type Asked =
  | { kind: "help" }
  | { kind: "workspace create"; name: string; tier: Tier; timezone: string }
  | ({ kind: "workspace change"; workspace: string } & Allowance)
  | { kind: "workspace list" }
  | { kind: "source create"; workspace: string; name: string }
  | { kind: "source list" | "token list"; workspace: string }
  | { kind: "key create"; source: string; writeKey: string | undefined }
  | { kind: "key list"; source: string }
  | { kind: "key revoke" | "token revoke"; id: string }
  | { kind: "token create"; workspace: string; name: string; scopes: string[]; expiresAt: string | null };

const text = { type: "string" } as const;
const OPTIONS = {
  name: text,
  tier: text,
  timezone: text,
  "window-requests": text,
  "day-events": text,
  workspace: text,
  source: text,
  "write-key": text,
  scopes: text,
  expires: text,
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Throws WrongUse with a sentence for what cannot be meant. */
export function readArguments(args: string[], now: number): Asked & { json: boolean } {
  const { values, positionals, tokens } = parsed(args);
  const [noun = "", verb = "", ...rest] = positionals;
  const { json } = values;
  if (values.help || (noun === "" && verb === "")) return { kind: "help", json };
  const given = new Set(tokens.flatMap((token) => (token.kind === "option" ? [token.name] : [])));
  given.delete("json");
  const need = (name: "name" | "workspace" | "source" | "scopes"): string => {
    const value = values[name]?.trim();
    if (!value) throw new WrongUse(`${noun} ${verb} needs --${name}.`);
    return value;
  };
  const takes = (names: string[], positional = 0) => {
    const odd = [...given].find((name) => !names.includes(name));
    if (odd) throw new WrongUse(`${noun} ${verb} takes no --${odd}.`);
    if (rest.length > positional) throw new WrongUse(`${noun} ${verb} takes no "${rest[positional]}".`);
  };

  const kind = `${noun} ${verb}`;
  switch (kind) {
    case "workspace create":
      takes(["name", "tier", "timezone"]);
      return {
        kind,
        json,
        name: need("name"),
        tier: tierOf(values.tier ?? "default"),
        timezone: timezoneOf(values.timezone ?? "UTC"),
      };
    case "workspace change": {
      takes(["workspace", "tier", "window-requests", "day-events"]);
      if (given.size < 2) throw new WrongUse("workspace change needs --tier, --window-requests or --day-events.");
      const tier = values.tier === undefined ? undefined : tierOf(values.tier);
      const windowRequestsMax = maximumOf("window-requests", values["window-requests"]);
      const dayEventsMax = maximumOf("day-events", values["day-events"]);
      return { kind, json, workspace: need("workspace"), tier, windowRequestsMax, dayEventsMax };
    }
    case "workspace list":
      takes([]);
      return { kind, json };
    case "source create":
      takes(["workspace", "name"]);
      return { kind, json, workspace: need("workspace"), name: need("name") };
    case "source list":
    case "token list":
      takes(["workspace"]);
      return { kind, json, workspace: need("workspace") };
    case "key create":
      takes(["source", "write-key"]);
      return { kind, json, source: need("source"), writeKey: keyOf(values["write-key"]) };
    case "key list":
      takes(["source"]);
      return { kind, json, source: need("source") };
    case "key revoke":
    case "token revoke": {
      takes([], 1);
      const [id] = rest;
      if (!id) throw new WrongUse(`${kind} needs the id that ${noun} list shows.`);
      return { kind, json, id };
    }
    case "token create": {
      takes(["workspace", "name", "scopes", "expires"]);
      const scopes = need("scopes")
        .split(",")
        .map((scope) => scope.trim());
      const expiresAt = values.expires === undefined ? null : timeOf(values.expires, now);
      return { kind, json, workspace: need("workspace"), name: need("name"), scopes, expiresAt };
    }
    default:
      throw new WrongUse(`There is no command "${kind.trim()}".`);
  }
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

function tierOf(name: string): Tier {
  if (Object.hasOwn(TIERS, name)) return name as Tier;
  throw new WrongUse(`--tier must be one of ${Object.keys(TIERS).join(", ")}, not "${name}".`);
}

function maximumOf(option: string, text: string | undefined): number | null | undefined {
  if (text === undefined || text === "none") return text === undefined ? undefined : null;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new WrongUse(`--${option} must be a whole number from 1, or none, not "${text}".`);
}

function timezoneOf(name: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) && name;
  } catch {
    throw new WrongUse(`--timezone must be such as Europe/Berlin, not "${name}".`);
  }
}

/** Credentials of local mode are known to everybody: no other database may have them. E11. */
const KNOWN = new Set<string>([LOCAL.writeKey, LOCAL.apiToken]);
const KEY_CHARACTERS_MIN = 16;

function keyOf(key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  if (KNOWN.has(key) || key.startsWith("wk_demo_")) throw new WrongUse("--write-key is a key that everybody knows.");
  if (/^[\x21-\x7e]+$/.test(key) && key.length >= KEY_CHARACTERS_MIN && !key.includes("***")) return key;
  throw new WrongUse(`--write-key must have at least ${KEY_CHARACTERS_MIN} characters, without spaces.`);
}

const HOUR_MS = 3_600_000;

function timeOf(text: string, now: number): string {
  const [, count, unit] = /^(\d{1,5})([hd])$/.exec(text) ?? [];
  const ms = count ? now + Number(count) * (unit === "d" ? 24 : 1) * HOUR_MS : Date.parse(text);
  if (!Number.isNaN(ms) && ms > now) return new Date(ms).toISOString();
  throw new WrongUse(`--expires must be a time to come, such as 12h, 90d or 2027-01-31, not "${text}".`);
}
