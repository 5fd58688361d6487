/** What happens to an event that breaks the plan. Decisions 11 and 13f, B-11. */
export const PLAN_MODES = ["allow", "warn", "block", "quarantine"] as const;
export type PlanMode = (typeof PLAN_MODES)[number];

/** One planned event: `schema` is a JSON Schema of `properties` (`traits` of identify and group) as the client sends them. */
export type PlannedEvent = {
  type: string;
  event: string;
  schema: Readonly<Record<string, unknown>>;
  /** Its own mode, else the plan's. */
  mode?: PlanMode | undefined;
};

/** A workspace's tracking plan. `unplanned` is what happens to events that it does not name. */
export type TrackingPlan = { mode: PlanMode; unplanned: PlanMode; events: readonly PlannedEvent[] };
