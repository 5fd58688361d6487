/** Where events come from: a website, an app, a server. A write key belongs to exactly one source. */
export type Source = { id: string; workspaceId: string; name: string; enabled: boolean };
