import { eventExplorer } from "./event-explorer.ts";

/** Every question of the query door: what a rule or a test about all of them goes through. */
export const allQuestions = [eventExplorer] as const;
