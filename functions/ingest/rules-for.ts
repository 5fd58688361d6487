import type { JsonObject } from "../event/event.ts";
import type { Source } from "../registry/source.ts";
import type { IngestPorts, Rules } from "./ports.ts";

const NO_RULES: Rules = { plan: null, suppressed: new Set() };

/** A source's tracking plan and suppressed people; most have neither, and nobody is asked for them. */
export const rulesFor = async (source: Source, { rulesOf }: Pick<IngestPorts, "rulesOf">): Promise<Rules> =>
  source.rules.plan || source.rules.suppressed ? rulesOf(source) : NO_RULES;

/** Tells of an event or a draft whether its person is suppressed; an id that is no text or number is nobody's. 13f. */
export function suppressedIn(
  { suppressed }: Rules,
  { workspaceId }: Source,
  { hashOfPerson }: Pick<IngestPorts, "hashOfPerson">,
) {
  if (suppressed.size === 0) return () => false;
  const has = (id: unknown) =>
    (typeof id === "string" || typeof id === "number") &&
    id !== "" &&
    suppressed.has(hashOfPerson(workspaceId, `${id}`));
  // An alias names its person twice.
  return ({ userId, anonymousId, previousId }: JsonObject | Record<"userId" | "anonymousId" | "previousId", string>) =>
    has(userId) || has(anonymousId) || has(previousId);
}
