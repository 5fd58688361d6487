import type { Rules, RulesOf } from "../../ingest/ports.ts";
import type { Source } from "../../registry/source.ts";

/** A workspace's rules with their version at the same moment; 0 and nothing where there is no such workspace. */
export type LoadRules = (workspaceId: string) => Promise<Rules & { version: number }>;

const NONE: Rules = { plan: null, suppressed: new Set() };

/** Suppressed people and planned events that are kept, 70 MB (measured), before the workspace asked for longest ago is dropped. */
const HELD_MAX = 1_000_000;

type Kept = { version: number; rules: Promise<Rules> | Rules; size: number };

/**
 * The rules of a source's workspace, without a question where the source says that there are none, else read once for
 * each `rules.version`; a source that is behind is given the newer ones. Throws `unavailable` when they cannot be read,
 * and asks again the next time. Port `RulesOf`, decision 13f.
 */
export function createRulesOf({ load, heldMax = HELD_MAX }: { load: LoadRules; heldMax?: number }): RulesOf {
  const kept = new Map<string, Kept>();
  let held = 0;

  const drop = (workspaceId: string, entry: Kept) => {
    if (kept.get(workspaceId) !== entry) return;
    kept.delete(workspaceId);
    held -= entry.size;
  };
  const bound = () => {
    for (const [workspaceId, entry] of kept) {
      if (held <= heldMax || kept.size === 1) return;
      drop(workspaceId, entry);
    }
  };
  const read = ({ workspaceId, rules: { version } }: Source): Promise<Rules> => {
    const entry: Kept = { version, rules: NONE, size: 1 };
    const reading = load(workspaceId).then(
      (rules) => {
        if (kept.get(workspaceId) !== entry) return rules;
        const size = 1 + rules.suppressed.size + (rules.plan?.events.length ?? 0);
        held += size - entry.size;
        Object.assign(entry, { version: Math.max(version, rules.version), rules, size });
        bound();
        return rules;
      },
      (error: unknown) => {
        drop(workspaceId, entry);
        throw error;
      },
    );
    entry.rules = reading;
    const before = kept.get(workspaceId);
    if (before) drop(workspaceId, before);
    kept.set(workspaceId, entry);
    held += entry.size;
    return reading;
  };

  return (source) => {
    if (!source.rules.plan && !source.rules.suppressed) return NONE;
    const entry = kept.get(source.workspaceId);
    return entry !== undefined && entry.version >= source.rules.version ? entry.rules : read(source);
  };
}
