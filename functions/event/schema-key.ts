/** The schema an event falls under: a track event has one for each name, every other call one for its type. Decision 11. */
export const schemaKeyOf = (type: string, event: string): string => (type === "track" ? `track:${event}` : type);
