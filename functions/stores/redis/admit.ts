import type { Admit, AdmitCall, Admitted } from "../../ingest/ports.ts";
import { compactDayOf } from "../../kit/day.ts";
import { AppError } from "../../kit/errors.ts";
import type { Source } from "../../registry/source.ts";
import { claimsOf, LIFE_SECONDS } from "./claims.ts";
import { EPOCH_KEY } from "./epoch.ts";
import type { Grouped } from "./grouped.ts";
import type { IsolateSources } from "./isolate-sources.ts";
import { createLocalRate } from "./local-rate.ts";
import { isLimited, type RateAnswer, rateOf, scopeOf } from "./rate.ts";
import { runScript, type ScriptCall } from "./run-script.ts";
import { ADMIT } from "./scripts.ts";
import { keepSource, sourceKeyOf } from "./source-keys.ts";
import { createWarnAway } from "./warn-away.ts";

/** The database's answer to a lookup; null when nobody has it, throws when it cannot say. */
export type SourceByLookup = (lookup: string) => Promise<Source | null>;

type AdmitPorts = {
  redis: Grouped;
  sourceByLookup: SourceByLookup;
  /** What this isolate knows, which whoever listens for changes may make it forget. */
  sources: IsolateSources;
  now: () => number;
  /** Called for every request that Redis did not answer. */
  onAway: () => void;
};

/**
 * Names a lookup's source, counts the request and claims its message ids in one trip to Redis: two for a lookup that
 * Redis lacks, none for one that was just unknown, nor for a known source when there is nothing to count or claim.
 * Redis away: the database names the source, every id is suspect and the rate is this isolate's own; nothing throws.
 * The database away too: throws `unavailable`, never null. Decisions 5, 6, 12, 13e, 15a.
 */
export function createAdmit({ redis, sourceByLookup, sources, now, onAway }: AdmitPorts): Admit {
  const ask = askOnce(sourceByLookup);
  const localRate = createLocalRate();
  const warnAway = createWarnAway("redis is away: every event is a suspect, the rate is this isolate's own", now);

  return async (call) => {
    const known = sources.get(call.lookup);
    if (known === null) return NOBODY;
    const unique = call.ids.length > 1 ? [...new Set(call.ids)] : call.ids;

    const trip = async (source: Source | undefined, before?: ScriptCall["before"]): Promise<Answer | undefined> => {
      const args = argsOf(call, unique, source, now());
      const keys = [sourceKeyOf(call.lookup), EPOCH_KEY];
      try {
        return toAnswer(await runScript(redis, ADMIT, before ? { keys, args, before } : { keys, args }));
      } catch (error) {
        onAway();
        warnAway(error);
        return undefined;
      }
    };
    const admitted = (source: Source, answer: Answer | undefined): Admitted => {
      const own = () => (isCounted(call, source) ? localRate(source, unique.length, now()) : undefined);
      const rate = answer ? answer.rate : own();
      return {
        source,
        claims: rate?.limited ? [] : claimsOf(call.ids, unique, answer, now()),
        rate: rate && rateOf(source, rate, now()),
        limited: rate?.limited,
      };
    };

    if (known && call.ids.length === 0 && !isCounted(call, known)) return admitted(known, undefined);
    if (known) return admitted(known, await trip(known));
    const first = await trip(undefined);
    if (first?.source) {
      sources.set(call.lookup, first.source);
      return admitted(first.source, first);
    }
    // Another request may have learned it while this one was on its way.
    const learned = sources.get(call.lookup);
    const source = learned === undefined ? await ask(call.lookup) : learned;
    if (learned === undefined) sources.set(call.lookup, source);
    if (source === null) return NOBODY;
    // Without a first trip there is no second: Redis has just been found away.
    return admitted(source, first && (await trip(source, keepSource(call.lookup, source))));
  };
}

const NOBODY: Admitted = { source: null, claims: [], rate: undefined, limited: undefined };

const isCounted = ({ uncounted }: AdmitCall, source: Source): boolean => !uncounted && isLimited(source);

/** The script's arguments; without a source the one that Redis has decides about workspace and limits. */
function argsOf(call: AdmitCall, unique: readonly string[], source: Source | undefined, nowMs: number): string[] {
  const { requestId, bucket, uncounted } = call;
  const head = [requestId, bucket, LIFE_SECONDS[bucket], String(nowMs)];
  if (source === undefined) return [...head, uncounted ? "" : compactDayOf(nowMs), "", "", "", "", ...unique];
  if (!isCounted(call, source)) return [...head, "", source.workspaceId, "", "", "", ...unique];
  const { windowRequestsMax, dayEventsMax } = source.limits;
  const limits = [scopeOf(source), String(windowRequestsMax ?? ""), String(dayEventsMax ?? "")];
  return [...head, compactDayOf(nowMs), source.workspaceId, ...limits, ...unique];
}

/** What the script answered: the cached source, when the keys began (ms), a letter per id, and what of the rate. */
type Answer = { source: Source | undefined; epochMs: number; letters: string; rate: RateAnswer | undefined };

function toAnswer(answer: unknown): Answer {
  const [source, epoch, letters, ...rate] = answer as [string | null, string, string, ...([] | ScriptRate)];
  return {
    source: source === null ? undefined : (JSON.parse(source) as Source),
    epochMs: Number(epoch),
    letters,
    rate: rate.length === 0 ? undefined : { limited: rate[0] || undefined, left: rate[1], resetMs: rate[2] },
  };
}
type ScriptRate = [limited: "requests" | "events" | "", left: number, resetMs: number];

/** Asks the database once for those who want the same lookup at the same time; `unavailable` when it cannot say. */
function askOnce(sourceByLookup: SourceByLookup): SourceByLookup {
  const asked = new Map<string, Promise<Source | null>>();
  return async (lookup) => {
    const underWay = asked.get(lookup) ?? sourceByLookup(lookup).finally(() => asked.delete(lookup));
    asked.set(lookup, underWay);
    try {
      return await underWay;
    } catch (cause) {
      throw new AppError("unavailable", "the write key cannot be checked now, send again", {
        retryAfterSeconds: 5,
        cause,
      });
    }
  };
}
