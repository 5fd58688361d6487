import type { Context } from "hono";

/** Node's own request behind Hono's, as `@hono/node-server` hands it over. */
type Bindings = { incoming?: { headers?: Record<string, string | string[] | undefined> } };

/**
 * A request's header by its name in lower case; undefined when it was not sent. Taken from Node's own request where there
 * is one: to make a `Headers` of it costs a door a tenth of what a single event costs it.
 */
export function headerOf(c: Context, name: string): string | undefined {
  const headers = (c.env as Bindings | undefined)?.incoming?.headers;
  if (!headers) return c.req.header(name);
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
