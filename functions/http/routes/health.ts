import { Hono } from "hono";
import { messageOf } from "../../kit/errors.ts";
import type { DoorVars } from "../vars.ts";

/** Resolves when the dependency answers, rejects when it does not. */
export type Probe = () => Promise<unknown>;
/**
 * `required`: without it the door answers 503; otherwise its absence is shown and the door is `degraded`. `orElse` names
 * another one that will do instead. A-12, I-04.
 */
export type Probes = Record<string, { probe: Probe; required: boolean; orElse?: string }>;

const PROBE_LIMIT_MS = 1_000;

/** `/health` touches nothing; `/ready` asks every dependency, each for a second at most, and names the state of each. A-11. */
export function healthRoutes(probes: Probes): Hono<DoorVars> {
  return new Hono<DoorVars>()
    .get("/health", (c) => c.json({ status: "ok", success: true }))
    .get("/ready", async (c) => {
      const entries = Object.entries(probes);
      const states = entries.map(async ([name, { probe }]) => [name, await stateOf(probe)] as const);
      const checks: Record<string, string> = Object.fromEntries(await Promise.all(states));
      const isDead = (name: string) => checks[name] !== "ok";
      const dead = entries.filter(([name]) => isDead(name));
      const stops = dead.some(([, { required, orElse }]) => required && (orElse === undefined || isDead(orElse)));
      const status = stops ? "unavailable" : dead.length > 0 ? "degraded" : "ok";
      return c.json({ status, success: status !== "unavailable", checks }, status === "unavailable" ? 503 : 200);
    });
}

/** "ok", or what the log would say; never more than the kind of failure, since anybody may ask. */
async function stateOf(probe: Probe): Promise<string> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer")), PROBE_LIMIT_MS);
  try {
    await Promise.race([probe(), late]);
    return "ok";
  } catch (error) {
    return messageOf(error) === "no answer" ? "no answer within 1 s" : "not reachable";
  } finally {
    clearTimeout(timer);
  }
}
